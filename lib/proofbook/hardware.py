"""What the machine has: cores, memory, disk, GPUs; and how many jobs fit on it.

Respects the process's CPU affinity and its control group's limits, so that a container sees what
it may use. Never initialises CUDA: GPUs are asked of ``nvidia-smi`` in a child process, since a
process that has touched CUDA can no longer be forked. Knows nothing about jobs or profiles.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "Gpu",
    "GpuSearch",
    "Memory",
    "cores",
    "default_slots",
    "describe",
    "disk_free_gb",
    "find_gpus",
    "gpus",
    "measure",
    "memory",
    "missing",
]

_GB = 1024**3
_CGROUPS = Path("/sys/fs/cgroup")
_SMI_FIELDS = "index,uuid,name,memory.total,memory.free,driver_version"
_SMI_TIMEOUT = 20.0


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One NVIDIA GPU that this process may use."""

    index: int
    uuid: str
    name: str
    memory_gb: float
    free_gb: float
    driver: str


class GpuSearch(NamedTuple):
    """The GPUs found, or why there are none."""

    gpus: tuple[Gpu, ...] = ()
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Memory that this process may use, in GiB."""

    total_gb: float
    available_gb: float


def cores(cgroups: Path = _CGROUPS) -> int:
    """Return how many cores this process may use, by affinity and by its group's quota."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = _cpu_quota(cgroups)
    return max(1, min(usable or 1, quota)) if quota else max(1, usable or 1)


def memory(cgroups: Path = _CGROUPS) -> Memory:
    """Return total and available memory, the least of the machine's and each group's limit."""
    import psutil

    machine = psutil.virtual_memory()
    total, available = int(machine.total), int(machine.available)
    for limit, used in _memory_limits(cgroups):
        total, available = min(total, limit), min(available, max(0, limit - used))
    return Memory(total_gb=total / _GB, available_gb=available / _GB)


def disk_free_gb(folder: Path) -> float:
    """Return the free space, in GiB, where ``folder`` is or would be created."""
    existing = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    return shutil.disk_usage(existing).free / _GB


def gpus(environ: Mapping[str, str] | None = None) -> tuple[Gpu, ...]:
    """Return the NVIDIA GPUs that this process may use; none where none answers."""
    return find_gpus(environ).gpus


def find_gpus(environ: Mapping[str, str] | None = None, timeout: float = _SMI_TIMEOUT) -> GpuSearch:
    """Ask ``nvidia-smi``, from the PATH of ``environ`` (default: the process's own), for GPUs.

    Those that ``CUDA_VISIBLE_DEVICES`` hides are left out. Where there are none, the answer says
    why; nothing is raised.
    """
    environ = os.environ if environ is None else environ
    program = shutil.which("nvidia-smi", path=environ.get("PATH", ""))
    if program is None:
        return GpuSearch(problem="nvidia-smi is not on the PATH")
    command = [program, f"--query-gpu={_SMI_FIELDS}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, env=dict(environ), check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return GpuSearch(problem=f"nvidia-smi does not answer: {error}")
    if done.returncode != 0:
        answer = " ".join((done.stdout + done.stderr).split())
        return GpuSearch(problem=f"nvidia-smi ended with code {done.returncode}: {answer}")
    present = [gpu for gpu in map(_parse_gpu, done.stdout.splitlines()) if gpu is not None]
    visible = _visible(present, environ.get("CUDA_VISIBLE_DEVICES"))
    hidden = f"{len(present)} GPUs, none of them in CUDA_VISIBLE_DEVICES"
    return GpuSearch(gpus=tuple(visible), problem="" if visible else hidden)


def describe(folder: Path | None = None) -> dict[str, float | str]:
    """Return the machine in a few figures: platform, cores, memory, disk and GPUs."""
    ram, devices = memory(), gpus()
    figures: dict[str, float | str] = {
        "platform": platform.platform(),
        "cores": float(cores()),
        "memory_gb": round(ram.total_gb, 1),
        "memory_available_gb": round(ram.available_gb, 1),
        "disk_free_gb": round(disk_free_gb(folder or Path.cwd()), 1),
        "gpu": float(len(devices)),
    }
    if devices:
        figures["gpu_name"] = ", ".join(sorted({device.name for device in devices}))
        figures["gpu_memory_gb"] = round(max(device.memory_gb for device in devices), 1)
        figures["gpu_driver"] = devices[0].driver
    return figures


def measure(required: Mapping[str, float], folder: Path) -> dict[str, float]:
    """Return what there is of each required kind, by the same key.

    Kinds: ``gpu`` and ``cores`` (numbers), ``memory_gb`` (in all), ``disk_gb`` (free where
    ``folder`` is), ``gpu_memory_gb`` (of the largest GPU) and ``gpu_driver`` (major and minor
    version of the driver, such as 550.54). An unknown kind has 0.
    """
    devices = gpus() if any(kind.startswith("gpu") for kind in required) else ()
    amounts = dict.fromkeys(required, 0.0)
    for kind in required:
        if kind == "gpu":
            amounts[kind] = float(len(devices))
        elif kind == "gpu_memory_gb":
            amounts[kind] = max((device.memory_gb for device in devices), default=0.0)
        elif kind == "gpu_driver":
            amounts[kind] = min((_driver_number(each.driver) for each in devices), default=0.0)
        elif kind == "memory_gb":
            amounts[kind] = memory().total_gb
        elif kind == "disk_gb":
            amounts[kind] = disk_free_gb(folder)
        elif kind == "cores":
            amounts[kind] = float(cores())
    return amounts


def missing(required: Mapping[str, float], folder: Path) -> list[str]:
    """Return one sentence for each requirement that is not met, such as "needs 1 gpu, found 0"."""
    amounts = measure(required, folder)
    return [
        f"needs {amount:g} {kind}, found {round(amounts[kind], 2):g}"
        for kind, amount in required.items()
        if amounts[kind] < amount
    ]


def default_slots(per_job_gb: float = 4) -> int:
    """Return how many jobs fit side by side by cores and available memory; at least 1."""
    return max(1, min(cores(), int(memory().available_gb // per_job_gb)))


def _parse_gpu(line: str) -> Gpu | None:
    parts = [part.strip() for part in line.split(",")]
    if len(parts) != 6 or not parts[0].isdigit():
        return None
    index, uuid, name, total, free, driver = parts
    return Gpu(
        index=int(index),
        uuid=uuid,
        name=name,
        memory_gb=_mebibytes(total),
        free_gb=_mebibytes(free),
        driver=driver,
    )


def _driver_number(text: str) -> float:
    leading = re.match(r"\d+(\.\d+)?", text)
    return float(leading[0]) if leading else 0.0


def _mebibytes(text: str) -> float:
    """Read a number of MiB as GiB; ``[N/A]``, which GPUs with shared memory answer, is 0."""
    return float(text) / 1024 if re.fullmatch(r"\d+(\.\d+)?", text) else 0.0


def _visible(present: Sequence[Gpu], setting: str | None) -> list[Gpu]:
    """Keep what CUDA would: entries in order, up to the first that names no device."""
    if setting is None:
        return list(present)
    kept: list[Gpu] = []
    for entry in (part.strip() for part in setting.split(",")):
        named = [
            g for g in present if str(g.index) == entry or (entry and g.uuid.startswith(entry))
        ]
        if not named:
            break
        kept.append(named[0])
    return kept


def _group_folders(cgroups: Path, kind: str) -> list[Path]:
    """Return the folders, of the own group and its parents, in which limits may be set."""
    membership = Path("/proc/self/cgroup") if cgroups == _CGROUPS else cgroups / "membership"
    own = {""}
    if membership.is_file():
        for line in membership.read_text().splitlines():
            _, kinds, path = line.split(":", 2)
            if kind in kinds.split(",") or not kinds:
                own.add(path.strip("/"))
    starts = [root / path for root in (cgroups, cgroups / kind) for path in sorted(own)]
    folders = [f for start in starts for f in (start, *start.parents)]
    return [f for f in dict.fromkeys(folders) if f.is_relative_to(cgroups)]


def _memory_limits(cgroups: Path) -> list[tuple[int, int]]:
    """Return (limit, used) in bytes of each group that sets one; version 2 names, then 1."""
    limits = []
    for folder in _group_folders(cgroups, "memory"):
        for limit_name, used_name, cache in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            limit, used = _read_number(folder / limit_name), _read_number(folder / used_name)
            if limit is not None:
                reclaimable = _read_statistic(folder / "memory.stat", cache)
                limits.append((limit, max(0, (used or 0) - reclaimable)))
    return limits


def _cpu_quota(cgroups: Path) -> int | None:
    """Return the least quota, in whole cores rounded up, or None where none is set."""
    quotas = []
    for folder in _group_folders(cgroups, "cpu"):
        parts = _read_words(folder / "cpu.max") or [
            *_read_words(folder / "cpu.cfs_quota_us"),
            *_read_words(folder / "cpu.cfs_period_us"),
        ]
        if len(parts) == 2 and parts[0].isdigit():
            quotas.append(-(-int(parts[0]) // int(parts[1])))
    return min(quotas, default=None)


def _read_words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _read_number(path: Path) -> int | None:
    words = _read_words(path)
    return int(words[0]) if words and words[0].isdigit() else None


def _read_statistic(path: Path, name: str) -> int:
    words = _read_words(path)
    return int(words[words.index(name) + 1]) if name in words else 0
