"""Try a training with a batch of some size for a few steps: does it fit?"""

from __future__ import annotations

import contextlib
import signal
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import psutil

from proofbook.errors import SubjectError
from proofbook_systems.training.artefacts import scratch_folder
from proofbook_systems.training.limited import limit_memory
from proofbook_systems.training.running import Ended, Training
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.troubleshooting import OUT_OF_MEMORY
from proofbook_systems.training.variants import vary

__all__ = ["Trial", "Trials"]

_APART = 1.1
"""How many times what a size takes twice that must take for a limit to lie safely between."""
_LOOKS = 3
"""How often a training is measured that is over before it was looked at."""
_LIST_EVERY = 0.25
"""Seconds between two lists of a trainer's processes, which cost more than a look at them."""


class Trial(NamedTuple):
    """One size that was tried."""

    size: int
    fits: bool
    reported: bool
    """Whether the trainer printed that memory was out; one that was killed prints nothing."""
    peak: float
    """MB of its processes."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Trials:
    """Tries sizes, and keeps each result."""

    trainer: Trainer
    key: str
    """What the config calls the batch's size, or the option of the command line."""
    folder: Path
    timeout: float
    limit: int = 0
    """MB that the trainer may have; 0 leaves it what there is."""
    measured: bool = False
    """Whether the limit follows from what batches take here."""
    results: list[Trial] = field(default_factory=list)

    def fits(self, size: int) -> bool:
        """Train with batches of ``size``; return whether memory was enough.

        Raises:
            SubjectError: It failed for another reason, or hangs.
        """
        ended = self._train(size)
        reported = any(advice.startswith(OUT_OF_MEMORY) for advice in ended.advice)
        if ended.code != 0 and not reported and ended.code != -signal.SIGKILL:
            raise self._failure(size, ended)
        fits = ended.code == 0
        self.results.append(Trial(size, fits, reported, ended.peak_memory, ended.seconds))
        return ended.code == 0

    def limited_above(self, size: int) -> Trials:
        """Return trials in which ``size`` fits and twice it does not, by what both take here.

        What a batch takes differs with the allocator and the libraries, so no constant limit holds
        on every machine.

        Raises:
            SubjectError: A training fails, or both take about the same.
        """
        unlimited = replace(self, limit=0)
        less, more = unlimited.measure(size), unlimited.measure(2 * size)
        if more < less * _APART:
            raise SubjectError(
                f"{self.key} {size} takes {less:.0f} MB and {2 * size} takes {more:.0f} MB, too "
                "close for a limit between them; give a larger limit_above_batch"
            )
        return replace(self, limit=round((less + more) / 2), measured=True)

    def measure(self, size: int) -> float:
        """Return the MB that the limit would count, at the most, with batches of ``size``.

        Raises:
            SubjectError: The training failed.
        """
        for _ in range(_LOOKS):
            watch = _DataWatch()
            ended = self._train(size, watch)
            if ended.code != 0:
                raise self._failure(size, ended)
            if watch.largest:
                break  # else it was over before this process had its turn to look
        if not watch.largest:
            raise SubjectError("this system does not tell what a process has; give memory_limit")
        return watch.largest / 1e6

    @property
    def limit_label(self) -> str:
        """What tells these limits from others, the same on every machine."""
        return "measured limit" if self.measured else f"{self.limit or 'no'} MB limit"

    @property
    def silent(self) -> list[int]:
        """Sizes at which the trainer failed and printed nothing about memory."""
        return [trial.size for trial in self.results if not trial.fits and not trial.reported]

    def _failure(self, size: int, ended: Ended) -> SubjectError:
        lines = ended.printed.strip().splitlines()
        return SubjectError(
            f"with {self.key} {size} the trainer {ended.state}: {(lines or ['nothing'])[-1]}"
        )

    def _train(self, size: int, watch: _DataWatch | None = None) -> Ended:
        self.folder.mkdir(parents=True, exist_ok=True)
        changed = vary(self.trainer, {self.key: str(size)}, self.folder)
        trainer = replace(changed, train=limit_memory(self.limit, changed.train))
        log = self.folder / f"batch-{size}.log"
        with scratch_folder(self.folder) as output, Training(trainer, output, log) as training:
            if watch is not None:
                training.wait(self.timeout, lambda: watch.look(training.pid))
            return training.end(self.timeout)


class _DataWatch:
    """The most data that one process of a tree had, in bytes, as RLIMIT_DATA counts them."""

    def __init__(self) -> None:
        self.largest = 0
        self._processes: list[psutil.Process] = []
        self._listed = -_LIST_EVERY

    def look(self, pid: int) -> bool:
        """Look at the tree of ``pid``; return False, so that whoever waits goes on."""
        now = time.monotonic()
        if now - self._listed >= _LIST_EVERY:
            with contextlib.suppress(psutil.NoSuchProcess):
                root = psutil.Process(pid)
                self._processes = [root, *root.children(recursive=True)]
            self._listed = now
        for process in self._processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                # Data and stack on Linux: see proc_pid_statm(5).
                self.largest = max(self.largest, getattr(process.memory_info(), "data", 0))
        return False
