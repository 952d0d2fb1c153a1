"""What passes between a run and what executes its jobs.

A :class:`JobSpec` goes out, events and a :class:`JobResult` come back. All three are plain data
that can be pickled; nothing here assumes that both sides share a disk, a clock or a process.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from proofbook.errors import ProofbookError
from proofbook.records import Attempt, Outcome, PlannedJob
from proofbook.runner.capacity import Capacity

__all__ = ["Executor", "InfrastructureFault", "JobResult", "JobSpec"]


class InfrastructureFault(ProofbookError):  # noqa: N818 - a statement about a machine
    """An attempt was lost with its machine, its worker or the way there: no fault of the job."""


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """Everything that executing one attempt at a job needs, on whichever machine."""

    run_id: str
    job: PlannedJob
    """As it is planned."""
    notebook: str = field(repr=False)
    """The runbook's JSON."""
    notebook_sha256: str
    notebook_path: str
    """Where the run has read it; this file may not exist where the job is executed."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What the kernel gets over the environment of the machine: its GPUs, its threads."""
    seconds_left: float | None = None
    """From the creation of this spec to the run's time limit."""
    resolved: Mapping[str, JsonValue] = field(default_factory=dict)
    """The parameters that name outputs of other jobs, with the outputs in their place."""
    inputs: tuple[str, ...] = ()
    """Paths of other jobs' outputs that are in ``resolved``, as the run's machine has them."""
    lacking: str = ""
    """What the job needs and no machine has: it is not executed, but recorded as skipped."""
    earlier: tuple[Attempt, ...] = ()
    """The attempts before this one."""

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return len(self.earlier) + 1


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """What became of one attempt, and where its files are."""

    outcome: Outcome
    """Its last attempt is the spec's; an outcome of another attempt is not accepted."""
    brought: Path | None = None
    """A folder on the run's machine with ``jobs/<id>/`` and ``media/``, which the run takes its
    files from; None where the executor wrote into the run folder itself."""


class Executor(Protocol):
    """Executes jobs somewhere.

    It is opened with a :data:`~proofbook.runner.events.Sink`, and sends it a ``JobStarted`` and a
    ``CellStarted`` for each cell of every attempt, with the attempt's number.
    """

    @property
    def capacity(self) -> Capacity:
        """What all running jobs share; the caller never submits more than fits."""

    def submit(self, spec: JobSpec) -> Future[JobResult]:
        """Begin to execute an attempt; return at once.

        The future holds the result, also of a job that failed, timed out or was cancelled. Its
        exception says that the attempt was lost; an :class:`InfrastructureFault`, that its machine
        or the way there was, which is followed by another attempt.
        """

    def cancel(self) -> None:
        """End all that runs; the results say that they were cancelled. Returns at once."""

    def close(self) -> None:
        """End all that still runs, wait for it, and free everything that belongs to this object."""
