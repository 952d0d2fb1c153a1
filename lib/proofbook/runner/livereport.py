"""Keep a run's report true while the run goes on, at a bounded cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from proofbook.report import write_report
from proofbook.runner.events import Event, JobEnded, Note, Sink
from proofbook.runner.report_process import write_report_apart
from proofbook.runner.reserve import Reserve
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_index import MediaIndex
from proofbook.signoff.trust import EVERYBODY, Trust

__all__ = ["LiveReport"]

_SHARE = 0.05
_FEW = 100
"""Jobs whose report is written sooner than a process for it would start."""
_PAUSE = 0.2
"""Seconds in which more jobs may end, or the run itself, before the report is written again."""


class LiveReport:
    """Writes the report again after jobs have ended, in at most a twentieth of the time.

    ``media`` remembers the hashes of the run's media from one report to the next.

    Args:
        run: Whose report it is.
        jobs: How many jobs it has; the report of many is written by a process of its own.
        reserve: Disk space for it where there is none left.
        sink: Told where the report cannot be written.
        clock: Seconds, monotonic.
        closing: Set when the run is over.
        trust: Whose answers count.
    """

    def __init__(
        self,
        run: RunFolder,
        jobs: int,
        reserve: Reserve,
        sink: Sink,
        clock: Callable[[], float] = time.monotonic,
        closing: threading.Event | None = None,
        trust: Trust = EVERYBODY,
    ) -> None:
        self._run, self._trust = run, trust
        self.media = MediaIndex(run.media)
        self._jobs = jobs
        self._reserve = reserve
        self._sink = sink
        self._clock = clock
        self._changed = threading.Event()
        self._closing = closing or threading.Event()
        self._not_before = 0.0

    def handle(self, event: Event) -> None:
        """Take an event: when a job has ended, the report is out of date."""
        if isinstance(event, JobEnded):
            self._changed.set()

    @contextmanager
    def following(self) -> Iterator[None]:
        """Write the report now, then in a thread of its own, so that no job waits for it."""
        self.write()
        with ThreadPoolExecutor(1, thread_name_prefix="report") as thread:
            future = thread.submit(self._follow)
            try:
                yield
            finally:
                self._closing.set()
                self._changed.set()
            future.result()

    def write(self) -> Path:
        """Write now; return the path of ``index.html``."""
        started = self._clock()
        path = self._reserve.writing(self._write_report)
        ended = self._clock()
        self._not_before = ended + (ended - started) / _SHARE
        return path

    def _write_report(self) -> Path:
        if self._jobs > _FEW:
            return write_report_apart(self._run, trust=self._trust)
        return write_report(self._run, media=self.media, trust=self._trust)

    def _follow(self) -> None:
        while True:
            self._changed.wait()
            if self._closing.wait(max(_PAUSE, self._not_before - self._clock())):
                return  # the run's last write comes now
            self._changed.clear()
            try:
                self.write()
            except OSError as error:
                # The last write of the run raises it.
                self._sink(Note(text=f"the report could not be written: {error}"))
