"""Keep a run's report true while the run goes on, at a bounded cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from proofbook.report import write_report
from proofbook.runner.reserve import Reserve
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_index import MediaIndex

__all__ = ["LiveReport"]

_SHARE = 0.05


class LiveReport:
    """Writes the report again when jobs have ended, in at most a twentieth of the time.

    ``media`` remembers the hashes of the run's media from one report to the next.
    """

    def __init__(
        self,
        run: RunFolder,
        reserve: Reserve,
        note: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._note = note
        self._run = run
        self.media = MediaIndex(run.media)
        self._reserve = reserve
        self._clock = clock
        self._dirty = False
        self._not_before = 0.0

    def changed(self) -> None:
        """Note that a job has ended."""
        self._dirty = True

    def write_if_due(self) -> None:
        """Write if something has changed and the last time is long enough ago."""
        if not self._dirty or self._clock() < self._not_before:
            return
        try:
            self.write()
        except OSError as error:
            # The last write of the run says it again, and louder.
            self._note(f"the report could not be written: {error}")
            self._dirty = False

    def write(self) -> Path:
        """Write now; return the path of ``index.html``."""
        started = self._clock()
        path = self._reserve.writing(lambda: write_report(self._run, media=self.media))
        ended = self._clock()
        self._dirty = False
        self._not_before = ended + (ended - started) / _SHARE
        return path
