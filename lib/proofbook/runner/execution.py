"""One execution of one notebook: its limits, its places, and what stopped it.

The runner makes an :class:`Execution` and hands it through papermill to the engine; plain
``papermill --engine proofbook`` gets a default one. Knows nothing about jobs and plans.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proofbook.runner.logs import JobLog
from proofbook.runs.redaction import Redactor
from proofbook.runs.verdicts import Stop, StopKind

__all__ = ["CellProgress", "Execution", "Limits", "Stop", "StopKind"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When to give up; deadlines are on the monotonic clock."""

    cell_timeout: float | None = None
    job_deadline: float | None = None
    run_deadline: float | None = None

    def remaining(self, clock: Callable[[], float] = time.monotonic) -> float | None:
        """Return the seconds that the next cell may take, or None without a limit."""
        now = clock()
        left = [d - now for d in (self.job_deadline, self.run_deadline) if d is not None]
        if self.cell_timeout is not None:
            left.append(self.cell_timeout)
        return max(0.01, min(left)) if left else None

    def exceeded(self, clock: Callable[[], float] = time.monotonic) -> str:
        """Return which limit a time-out has hit: the run's, the job's or the cell's."""
        now = clock() + 0.05
        if self.run_deadline is not None and now >= self.run_deadline:
            return "run"
        if self.job_deadline is not None and now >= self.job_deadline:
            return "job"
        return "cell"


@dataclass(frozen=True, kw_only=True)
class CellProgress:
    """A cell has begun."""

    index: int
    total: int
    id: str


@dataclass(kw_only=True)
class Execution:
    """What the engine needs to know, and what it tells."""

    notebook: Path | None = None
    """Where to save the executed notebook; None leaves that to papermill's output path."""
    environment: Mapping[str, str] | None = None
    cwd: Path | None = None
    log: JobLog | None = None
    limits: Limits = field(default_factory=Limits)
    redact: Redactor = field(default_factory=Redactor.from_environment)
    kernel_manager_class: Any = None
    """The class of the kernel's manager; None takes nbclient's default."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    on_cell: Callable[[CellProgress], None] = lambda progress: None
    saving: bool = True
    stop: Stop | None = None
    kernel: str = "ordinary"
