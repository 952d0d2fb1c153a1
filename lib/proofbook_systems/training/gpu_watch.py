"""What a GPU does while a training runs, and what memory is in use when it is over.

``nvidia-smi`` reads a GPU. Where there is none, memory is what processes share in files.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook.hardware import Gpu
from proofbook.processes import TemporaryFolder, supervise

__all__ = ["GpuReading", "GpuUse", "GpuWatch", "added_use", "memory_in_use"]

_MB_PER_MIB = 1.048576
_FIELDS = "utilization.gpu,memory.used,temperature.gpu,power.draw"
_EVERY_MS = 250
_SHARED = Path("/dev/shm")


class GpuReading(NamedTuple):
    """One reading; NaN is what the driver does not tell."""

    utilisation: float
    """Percent."""
    memory: float
    """MB in use."""
    temperature: float
    """Degrees Celsius."""
    power: float
    """Watts."""


@dataclass(frozen=True, kw_only=True)
class GpuUse:
    """A GPU, and all readings of it."""

    name: str
    memory_gb: float
    readings: list[GpuReading]

    def largest(self, field: str) -> float:
        """Return the largest value of a field; 0 where there is none."""
        values = [float(getattr(reading, field)) for reading in self.readings]
        return max((value for value in values if value == value), default=0.0)

    def utilisation(self) -> float:
        """Return the median utilisation while anything was computed, in percent."""
        values = [reading.utilisation for reading in self.readings if reading.utilisation > 0]
        return median(values) if values else 0.0


class GpuWatch:
    """Reads a GPU from its making until :meth:`stop`."""

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self._folder = TemporaryFolder("proofbook-smi-")
        command = [*_query(gpu), "-lms", str(_EVERY_MS)]
        self._program = supervise(command, log=self._folder.path / "readings", name="nvidia-smi")
        self._use: GpuUse | None = None

    def stop(self) -> GpuUse:
        """Stop reading, and return all readings; the same again where it has been stopped."""
        if self._use is None:
            self._program.stop()
            lines = self._program.log.read_text(errors="replace").splitlines()
            self._folder.remove()
            readings = [reading for reading in map(_parse, lines) if reading is not None]
            self._use = GpuUse(
                name=self._gpu.name, memory_gb=self._gpu.memory_gb, readings=readings
            )
        return self._use


def memory_in_use(gpu: Gpu | None) -> dict[str, float] | None:
    """Return what is in use now, in MB: of the GPU, else of each file of shared memory.

    Shared memory is what outlives a process that is killed; all else ends with it. None where the
    system tells neither.

    Raises:
        SubjectError: ``nvidia-smi`` does not answer.
    """
    if gpu is None:
        return dict(_shared_files()) if _SHARED.is_dir() else None
    done = subprocess.run(_query(gpu), capture_output=True, text=True, check=False, timeout=60)
    reading = _parse(done.stdout.strip())
    if reading is None:
        raise SubjectError(f"nvidia-smi tells nothing of GPU {gpu.index}: {done.stdout.strip()}")
    return {gpu.uuid: reading.memory}


def added_use(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Return by how much more is in use; what others have given back meanwhile does not count."""
    return sum(max(0.0, size - before.get(name, 0.0)) for name, size in after.items())


def _shared_files() -> Iterator[tuple[str, float]]:
    for path in _SHARED.rglob("*"):
        with contextlib.suppress(OSError):  # removed meanwhile
            if path.is_file():
                yield path.name, path.stat().st_size / 1e6


def _query(gpu: Gpu) -> list[str]:
    program = shutil.which("nvidia-smi")
    if program is None:
        raise SubjectError("nvidia-smi is not on the PATH; it comes with the GPU's driver")
    return [program, "-i", gpu.uuid, f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits"]


def _parse(line: str) -> GpuReading | None:
    parts = [part.strip() for part in line.split(",")]
    if len(parts) != len(GpuReading._fields):
        return None
    reading = GpuReading(*(_number(part) for part in parts))
    return reading._replace(memory=reading.memory * _MB_PER_MIB)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:  # [N/A]
        return float("nan")
