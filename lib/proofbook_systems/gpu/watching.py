"""What a card or the processor does while a training runs.

``nvidia-smi`` looks at a card; the trainer's own processes are looked at where there is none.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import NamedTuple, Self

from proofbook.errors import SubjectError
from proofbook.hardware import Gpu
from proofbook.processes import Supervised, TemporaryFolder, supervise
from proofbook_systems.training.running import MemorySample

__all__ = ["CardWatch", "Look", "Pace", "find_pace", "in_use", "kept"]

_MB_PER_MIB = 1.048576
_FIELDS = "utilization.gpu,memory.used,temperature.gpu,power.draw"
_EVERY_MS = 250
_SHARED = Path("/dev/shm")
_WARM_UP = 0.3


class Look(NamedTuple):
    """One look at a card; NaN is what it does not tell."""

    utilisation: float
    """Percent."""
    memory: float
    """MB in use."""
    temperature: float
    """Degrees Celsius."""
    power: float
    """Watts."""


class Pace(NamedTuple):
    """How a training goes once it is under way."""

    seconds: float
    """Of a step; the median over parts of the training."""
    slowest: float
    """Of a step, in the slowest part."""
    cores: float
    """That its processes kept busy."""


class CardWatch:
    """Looks at a card until its context is left; without a card it sees nothing."""

    def __init__(self, card: Gpu | None) -> None:
        self.looks: list[Look] = []
        self._card = card
        self._process: Supervised | None = None

    def __enter__(self) -> Self:
        if self._card is None:
            return self
        self._folder = TemporaryFolder("proofbook-smi-")
        words = [
            _smi(), "-i", self._card.uuid, f"--query-gpu={_FIELDS}",
            "--format=csv,noheader,nounits", "-lms", str(_EVERY_MS),
        ]  # fmt: skip
        self._process = supervise(words, log=self._folder.path / "looks", name="nvidia-smi")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None:
            return
        self._process.stop()
        lines = self._process.log.read_text(errors="replace").splitlines()
        self._folder.remove()
        self.looks = [look for look in map(_read_look, lines) if look is not None]

    def largest(self, field: str) -> float:
        """Return the largest value of a field that was seen; 0 for none."""
        seen = [float(getattr(look, field)) for look in self.looks]
        return max((value for value in seen if value == value), default=0.0)

    def busy(self) -> float:
        """Return the median utilisation while anything was computed, in percent."""
        seen = [look.utilisation for look in self.looks if look.utilisation > 0]
        return median(seen) if seen else 0.0


def in_use(card: Gpu | None) -> dict[str, float] | None:
    """Return what is in use now, in MB: of the card, else each file of shared memory.

    Shared memory is what outlives a process that is killed. The rest goes with it. None where
    nobody tells.

    Raises:
        SubjectError: ``nvidia-smi`` does not answer.
    """
    if card is None:
        if not _SHARED.is_dir():
            return None
        return {name: size / 1e6 for name, size in _shared_files()}
    words = [_smi(), "-i", card.uuid, f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    look = _read_look(done.stdout.strip())
    if look is None:
        raise SubjectError(f"nvidia-smi tells nothing of card {card.index}: {done.stdout.strip()}")
    return {card.uuid: look.memory}


def kept(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Return by how much more is in use; what others have given back meanwhile does not count."""
    return sum(max(0.0, size - before.get(name, 0.0)) for name, size in after.items())


def _shared_files() -> Iterator[tuple[str, int]]:
    for path in _SHARED.rglob("*"):
        with contextlib.suppress(OSError):  # gone meanwhile
            if path.is_file():
                yield path.name, path.stat().st_size


def find_pace(samples: Sequence[MemorySample], parts: int = 8) -> Pace | None:
    """Return how a training goes, without its beginning; None if there were too few looks."""
    last = max((sample.step for sample in samples), default=0)
    late = [sample for sample in samples if max(1, last * _WARM_UP) <= sample.step]
    changes = [b for a, b in itertools.pairwise(late) if b.step > a.step]
    if len(changes) < 3:
        return None
    each = max(1, len(changes) // parts)
    marks = [*changes[:-1:each], changes[-1]]
    paces = [(b.seconds - a.seconds) / (b.step - a.step) for a, b in itertools.pairwise(marks)]
    first, end = changes[0], changes[-1]
    cores = max(0.0, end.cpu - first.cpu) / (end.seconds - first.seconds)
    return Pace(median(paces), max(paces), cores)


def _smi() -> str:
    found = shutil.which("nvidia-smi")
    if found is None:
        raise SubjectError("nvidia-smi is not on the PATH; it comes with the card's driver")
    return found


def _read_look(line: str) -> Look | None:
    parts = [part.strip() for part in line.split(",")]
    if len(parts) != len(Look._fields):
        return None
    look = Look(*(_number(part) for part in parts))
    return look._replace(memory=look.memory * _MB_PER_MIB)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:  # [N/A]
        return float("nan")
