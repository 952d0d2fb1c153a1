"""How much memory a server holds, now and over time."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import NamedTuple, Self

from proofbook import processes
from proofbook_systems.serving.server import Server

__all__ = ["MemoryTimeline", "Sample", "resident_memory"]

_INTERVAL = 0.2


class Sample(NamedTuple):
    """One reading."""

    seconds: float
    """Since the first."""
    size: int
    """Bytes."""


def resident_memory(server: Server) -> int:
    """Return the resident bytes of the server's processes; pages that they share count twice."""
    return processes.resident_memory(processes.process_tree(server.pids))


class MemoryTimeline:
    """Reads a server's memory again and again until its context ends."""

    def __init__(self, server: Server) -> None:
        self.samples: list[Sample] = []
        self._server = server
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def peak(self) -> int:
        """The largest reading, in bytes."""
        return max((sample.size for sample in self.samples), default=0)

    def _read(self) -> None:
        started = time.monotonic()
        while True:
            self.samples.append(Sample(time.monotonic() - started, resident_memory(self._server)))
            if self._ended.wait(_INTERVAL):
                return
