"""Keep calls below a rate, over all processes of a project.

``<NAME>_PER_MINUTE`` sets the rate of an endpoint. The time of the next free call lies in a small
file, locked while it is read and written: a process that dies lets go of it.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable

from proofbook_subjects.pipeline.settings import Project

__all__ = ["Pace"]


class Pace:
    """The rate of one endpoint."""

    def __init__(self, project: Project, name: str) -> None:
        a_minute = project.number(f"{name}_PER_MINUTE", 0.0)
        self._interval = 60 / a_minute if a_minute else 0.0
        self._path = project.root / "data" / f".{name.lower()}.rate"

    def wait(self, sleep: Callable[[float], None]) -> None:
        """Wait for the next free time, and take it."""
        if not self._interval and not self._path.exists():
            return
        free = self._take(self._interval)
        pause = free - time.time()
        if pause > 0:
            sleep(pause)

    def hold(self, seconds: float) -> None:
        """Let nobody call for so many seconds."""
        self._take(0.0, until=time.time() + seconds)

    def _take(self, interval: float, until: float = 0.0) -> float:
        """Return the next free time, having moved it on."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            text = file.read().strip()
            known = float(text) if text.replace(".", "", 1).isdigit() else 0.0
            free = max(known, time.time(), until)
            file.seek(0)
            file.truncate()
            file.write(f"{free + interval:.6f}")
        return free
