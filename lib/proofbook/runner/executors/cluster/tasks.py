"""The tasks that a run has sent out: those that wait for a machine, and those that have one.

Ray lets a task wait for ever for a machine that the cluster no longer has; here it is taken back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from proofbook.records import PlannedJob
from proofbook.runner.capacity import Capacity

__all__ = ["PATIENCE_SECONDS", "Tasks"]

PATIENCE_SECONDS = 60.0
"""How long a machine that is gone may take to come back, before a task no longer waits for it."""
_LOOK_EVERY = 5.0


@dataclass
class _Waiting:
    job: PlannedJob
    task: Any = field(repr=False)
    may_strand: bool
    since: float | None = None
    """From when on no machine had what it needs."""


class Tasks:
    """Tasks by their jobs. Its methods may be called from any thread.

    Args:
        capacity: Returns what the cluster has now.
    """

    def __init__(self, capacity: Callable[[], Capacity]) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._running: dict[str, Any] = {}
        self._stranded: dict[str, str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stranded-tasks", daemon=True)
        self._thread.start()

    def add(self, job: PlannedJob, task: Any, *, may_strand: bool = True) -> None:
        """From now on a job's task waits for a machine; or needs none in particular."""
        with self._lock:
            self._stranded.pop(job.id, None)
            self._waiting[job.id] = _Waiting(job, task, may_strand)

    def answered(self, job: str) -> None:
        """From now on a job's task has a machine."""
        with self._lock:
            self._running[job] = self._waiting.pop(job).task

    def remove(self, job: str) -> None:
        """Forget a job's task, which has ended."""
        with self._lock:
            self._waiting.pop(job, None)
            self._running.pop(job, None)

    def stranded(self, job: str) -> str:
        """Return what no machine had any more for which a job's last task waited, or nothing."""
        return self._stranded.get(job, "")

    def take_back(self) -> None:
        """Take back all that wait for a machine."""
        import ray

        with self._lock:
            for waiting in self._waiting.values():
                ray.cancel(waiting.task)

    def end(self) -> None:
        """End all, with the processes that execute them."""
        import ray

        with self._lock:
            tasks = [waiting.task for waiting in self._waiting.values()]
            for task in (*tasks, *self._running.values()):
                with suppress(ValueError):
                    ray.cancel(task, force=True)

    def close(self) -> None:
        """Watch no longer."""
        self._over.set()
        self._thread.join()

    def look(self) -> None:
        """Take back each task that has waited too long for what no machine has."""
        import ray

        with self._lock:
            if not self._waiting:
                return
            capacity, now = self._capacity(), time.monotonic()
            for job, waiting in self._waiting.items():
                lacks = "; ".join(capacity.lacking(waiting.job.resources).values())
                if not (lacks and waiting.may_strand):
                    waiting.since = None
                elif waiting.since is None:
                    waiting.since = now
                elif now - waiting.since >= PATIENCE_SECONDS and job not in self._stranded:
                    self._stranded[job] = lacks
                    ray.cancel(waiting.task)

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_EVERY):
            self.look()
