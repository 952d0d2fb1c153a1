"""Choose what executes a run's jobs: the one place that knows every executor."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from proofbook.records import PlannedJob, RunInfo
from proofbook.runner.capacity import Capacity
from proofbook.runner.events import Sink
from proofbook.runner.executors.local import open_local
from proofbook.runner.executors.machine import machine_capacity
from proofbook.runner.executors.protocol import Executor
from proofbook.runner.outcomes import OutcomeWriter

__all__ = ["find_capacity", "open_executor"]


def find_capacity(jobs: Sequence[PlannedJob], slots: int) -> Capacity:
    """Return what there is for a plan's jobs; GPUs are looked for where a job declares one."""
    return machine_capacity(slots, with_gpus=any(job.resources.gpus for job in jobs))


def open_executor(
    info: RunInfo, writer: OutcomeWriter, capacity: Capacity, sink: Sink, *, cold: bool
) -> AbstractContextManager[Executor]:
    """Return a run's executor, which is closed with the block; ``sink`` takes its events."""
    return open_local(info, writer, capacity, sink, cold=cold)
