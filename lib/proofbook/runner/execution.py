"""One execution of one notebook: its limits, its folders, and what stopped it.

The runner makes an :class:`Execution` and passes it through papermill to the engine; plain
``papermill --engine proofbook`` gets a default one. Knows nothing about plans.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from proofbook.runner.events import CellStarted, Sink, ignore
from proofbook.runner.logs import JobLog
from proofbook.runs.redaction import Redactor
from proofbook.runs.verdicts import Stop, StopKind

__all__ = ["Execution", "Limits", "Stop", "StopKind"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When to give up; deadlines are on the monotonic clock."""

    cell_timeout: float | None = None
    job_deadline: float | None = None
    run_deadline: float | None = None

    def with_cell_timeout(self, seconds: float | None) -> Limits:
        """Return these limits, with ``seconds`` for a cell where no other limit is set for it.

        As nbclient has it, 0 and less are no limit.
        """
        if self.cell_timeout is not None or not seconds or seconds < 0:
            return self
        return replace(self, cell_timeout=seconds)

    def remaining(self, clock: Callable[[], float] = time.monotonic) -> float | None:
        """Return the seconds that the next cell may take, or None without a limit."""
        now = clock()
        left = [d - now for d in (self.job_deadline, self.run_deadline) if d is not None]
        if self.cell_timeout is not None:
            left.append(self.cell_timeout)
        return max(0.01, min(left)) if left else None

    def left_for_start(self, clock: Callable[[], float] = time.monotonic) -> float | None:
        """Return the seconds that the kernel's start may take; a cell's limit is not for it."""
        return replace(self, cell_timeout=None).remaining(clock)

    def exceeded(self, clock: Callable[[], float] = time.monotonic) -> str:
        """Return which limit a time-out has hit: the run's, the job's or the cell's."""
        now = clock() + 0.05
        if self.run_deadline is not None and now >= self.run_deadline:
            return "run"
        if self.job_deadline is not None and now >= self.job_deadline:
            return "job"
        return "cell"


@dataclass(kw_only=True)
class Execution:
    """What the engine needs to know, and what it reports."""

    notebook: Path | None = None
    """Where to save the executed notebook; None leaves that to papermill's output path."""
    notebook_path: str = ""
    """Where the notebook came from, as its metadata will say; empty leaves that to papermill."""
    environment: Mapping[str, str] | None = None
    cwd: Path | None = None
    log: JobLog | None = None
    limits: Limits = field(default_factory=Limits)
    redact: Redactor = field(default_factory=Redactor.from_environment)
    kernel_manager_class: Any = None
    """The class of the kernel's manager; None takes nbclient's default."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    sink: Sink = ignore
    job: str = ""
    """The job and the attempt that events name."""
    attempt: int = 1
    saving: bool = True
    stop: Stop | None = None
    """Set by the engine: why it ended early."""
    kernel: str = "ordinary"
    """Set by the engine: ``warm`` or ``ordinary``."""

    def kernel_options(self) -> dict[str, Any]:
        """Return what the kernel is started with."""
        options: dict[str, Any] = {}
        if self.environment is not None:
            options["env"] = dict(self.environment)
        if self.cwd is not None:
            options["cwd"] = str(self.cwd)
        if self.log is not None:
            options["stdout"] = options["stderr"] = self.log.writer
        return options

    def cell_started(self, index: int, total: int, cell: str) -> None:
        """Report that a cell begins."""
        event = CellStarted(job=self.job, attempt=self.attempt, index=index, total=total, cell=cell)
        self.sink(event)
