"""Watch memory, and tell an allocator's error from others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from proofbook.errors import SubjectError

if TYPE_CHECKING:
    import torch

__all__ = [
    "MemoryReading",
    "MemoryWatch",
    "explain_memory",
    "is_out_of_memory",
    "prepare_device",
    "read_memory",
]

_MESSAGES = ("out of memory", "can't allocate memory", "not enough memory")
_ADVICE = (
    "out of memory, even with a single chunk at a time; lower data.max_sequence_length or the "
    "model's sizes, or set training.use_amp: true; checkpoints are as they were"
)
_FRAGMENTED = 2.0
_LEAST_RESERVED = 2**28


class MemoryReading(NamedTuple):
    """Bytes in use."""

    used: int
    """By tensors on a GPU; by the process otherwise."""
    reserved: int
    """What the allocator holds; the same as ``used`` where there is none."""


class MemoryWatch:
    """Compares memory with what it was after the first steps; each fault is told once."""

    def __init__(
        self, limit: float, read: Callable[[], MemoryReading], *, settled: int = 3, every: int = 10
    ) -> None:
        """Watch.

        Args:
            limit: How many times the first reading it may be.
            read: Asked for each reading.
            settled: Steps after which the first reading is taken.
            every: Steps between two readings.
        """
        self._limit, self._read, self._settled, self._every = limit, read, settled, every
        self._seen = 0
        self._first = 0
        self._told: set[str] = set()
        self.peak = 0
        """The largest reading."""

    def after_step(self) -> list[str]:
        """Note that a step was made; return what is to be told about memory."""
        self._seen += 1
        if self._seen < self._settled or (self._seen - self._settled) % self._every:
            return []
        reading = self._read()
        self._first = self._first or reading.used
        self.peak = max(self.peak, reading.used)
        return self._faults(reading)

    def _faults(self, reading: MemoryReading) -> list[str]:
        faults = {}
        if reading.used > self._limit * self._first:
            faults["grown"] = (
                f"memory has grown from {self._first / 1e6:.0f} MB to {reading.used / 1e6:.0f} MB"
            )
        if reading.reserved > max(_LEAST_RESERVED, _FRAGMENTED * reading.used):
            faults["fragmented"] = (
                f"memory is fragmented: {reading.reserved / 1e6:.0f} MB are reserved for "
                f"{reading.used / 1e6:.0f} MB of tensors"
            )
        new = [words for name, words in faults.items() if name not in self._told]
        self._told |= faults.keys()
        return new


def read_memory(device: torch.device) -> MemoryReading:
    """Return what is in use on a GPU, or by this process."""
    import psutil
    import torch

    if device.type == "cuda":
        return MemoryReading(
            torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)
        )
    resident = int(psutil.Process().memory_info().rss)
    return MemoryReading(resident, resident)


def prepare_device(device: torch.device) -> None:
    """Ask a GPU for algorithms that repeat themselves, and an allocator that does not fragment."""
    import os

    import torch

    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
        torch.use_deterministic_algorithms(True, warn_only=True)


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an allocator, of any device, raised this."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(w in str(error).lower() for w in _MESSAGES)


@contextmanager
def explain_memory() -> Iterator[None]:
    """Turn an allocator's error into one line."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise SubjectError(_ADVICE) from error
        raise
