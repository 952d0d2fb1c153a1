"""Choose what executes a run's jobs: the one place that knows every executor."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from proofbook.hardware import default_slots
from proofbook.records import PlannedJob, RunInfo
from proofbook.runner.capacity import Capacity
from proofbook.runner.events import Sink
from proofbook.runner.executors.kinds import LOCAL, Choice
from proofbook.runner.executors.local import open_local
from proofbook.runner.executors.machine import machine_capacity
from proofbook.runner.executors.protocol import Executor
from proofbook.runner.executors.store import Store
from proofbook.runner.outcomes import OutcomeWriter

__all__ = ["find_capacity", "open_executor"]


def find_capacity(
    jobs: Sequence[PlannedJob], slots: int | None, choice: Choice = LOCAL
) -> Capacity:
    """Return what there is for a plan's jobs; GPUs are looked for where a job declares one.

    Raises:
        UsageError: There is no such cluster, or no such store.
    """
    if choice.is_local:
        most = min(slots or default_slots(), len(jobs))
        return machine_capacity(most, with_gpus=any(job.resources.gpus for job in jobs))
    from proofbook.runner.executors.cluster.connection import cluster_capacity, connect

    if choice.store:
        Store(choice.store).probe()
    connect(choice.address or "auto", slots)
    return cluster_capacity(slots, len(jobs))


def open_executor(
    info: RunInfo,
    writer: OutcomeWriter,
    capacity: Capacity,
    sink: Sink,
    *,
    cold: bool,
    choice: Choice = LOCAL,
) -> AbstractContextManager[Executor]:
    """Return a run's executor, which is closed with the block; ``sink`` takes its events."""
    if choice.is_local:
        return open_local(info, writer, capacity, sink, cold=cold)
    from proofbook.runner.executors.cluster.executor import open_ray

    return open_ray(info, writer, capacity, sink, cold=cold, store=choice.store)
