"""Look at programs while they run: the memory of their trees, and what they read and write."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from proofbook.processes import cpu_seconds, process_tree, resident_memory

__all__ = ["Sample", "Sampler"]


class Sample(NamedTuple):
    """All programs at one time."""

    seconds: float
    """Since the sampler began."""
    memory: int
    """Bytes, summed over all trees."""
    programs: int


@dataclass
class Sampler:
    """Samples programs that are announced to it, in a thread of its own."""

    interval: float = 0.05
    """Seconds between two looks."""
    samples: list[Sample] = field(default_factory=list)
    peaks: dict[str, int] = field(default_factory=dict)
    """Most bytes at one time, by the name that a program was announced with."""
    transferred: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Bytes that each process has read from and written to disks, when it was last seen."""
    _running: dict[int, str] = field(default_factory=dict)
    _used: dict[int, tuple[str, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._sample_until_the_end, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._thread:
            self._thread.join()

    @contextlib.contextmanager
    def watching(self, pid: int, name: str) -> Iterator[None]:
        """Sample a program, with all that it starts, within the block."""
        with self._lock:
            self._running[pid] = name
        try:
            yield
        finally:
            with self._lock:
                self._running.pop(pid, None)

    @property
    def peak(self) -> int:
        """Return the most bytes at one time, over all programs."""
        return max((sample.memory for sample in self.samples), default=0)

    @property
    def written(self) -> int:
        """Return the bytes that were written to disks, as far as it was seen."""
        return sum(written for _, written in self.transferred.values())

    @property
    def read(self) -> int:
        """Return the bytes that were read from disks, as far as it was seen."""
        return sum(read for read, _ in self.transferred.values())

    @property
    def computed(self) -> float:
        """Return the seconds that all programs have computed, as far as it was seen."""
        return sum(seconds for _, seconds in self._used.values())

    def seconds_of(self, name: str) -> float:
        """Return what the programs of a name have computed, as far as it was seen."""
        return sum(seconds for owner, seconds in self._used.values() if owner == name)

    def _sample_until_the_end(self) -> None:
        began = time.monotonic()
        while not self._end.wait(self.interval):
            with self._lock:
                running = dict(self._running)
            total = 0
            for pid, name in running.items():
                total += self._look(pid, name)
            self.samples.append(Sample(time.monotonic() - began, total, len(running)))

    def _look(self, pid: int, name: str) -> int:
        tree = process_tree([pid])
        size = resident_memory(tree)
        self.peaks[name] = max(self.peaks.get(name, 0), size)
        for each in tree:
            used = cpu_seconds([each])
            if used >= self._used.get(each, ("", 0.0))[1]:
                self._used[each] = (name, used)
            if moved := _transferred(each):
                self.transferred[each] = moved
        return size


def _transferred(pid: int) -> tuple[int, int] | None:
    """Read proc(5)'s ``io``; None where the system has none or does not show it."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    values = dict(line.split(": ", 1) for line in lines if ": " in line)
    return int(values.get("read_bytes", 0)), int(values.get("write_bytes", 0))
