"""What a training leaves behind: which checkpoints and files are there, and which are missing.

Knows nothing about what is in the networks.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from proofbook_systems.training.checkpoints import list_checkpoints
from proofbook_systems.training.trainer import Trainer

__all__ = [
    "changed_times",
    "checkpoint_steps",
    "compared_files",
    "final_weights",
    "folder_megabytes",
    "half_written",
    "missing_files",
    "names_gpu",
    "scratch_folder",
]

_NO_GPU = re.compile(
    r"\b(no|not|without|cannot|unavailable)\b|available\W+false|back to (the )?cpu|out of memory",
    re.IGNORECASE,
)


def checkpoint_steps(trainer: Trainer, output: Path) -> list[int]:
    """Return the steps of the checkpoints in an output folder, in order."""
    return [step for step, _ in list_checkpoints(output, trainer.checkpoints)]


def missing_files(trainer: Trainer, output: Path) -> list[str]:
    """Return which declared files which checkpoints lack."""
    return [
        f"{path.name} lacks {name}"
        for _, path in list_checkpoints(output, trainer.checkpoints)
        for name in trainer.checkpoint_files
        if not (path / name).is_file()
    ]


def half_written(trainer: Trainer, output: Path) -> list[str]:
    """Return what looks like a checkpoint that was begun and not finished."""
    whole = {path.name for _, path in list_checkpoints(output, trainer.checkpoints)}
    stem = trainer.checkpoints.partition("*")[0]
    return sorted(p.name for p in output.iterdir() if stem in p.name and p.name not in whole)


def final_weights(trainer: Trainer, output: Path) -> list[Path]:
    """Return the files of weights outside of checkpoints, by their place in the output folder."""
    paths = (path.relative_to(output) for path in output.rglob("*.safetensors"))
    stem = trainer.checkpoints.partition("*")[0]
    return sorted(p for p in paths if not p.parts[0].startswith((".", stem)))


def compared_files(trainer: Trainer, output: Path) -> list[Path]:
    """Return what two runs of a training are compared by, by its place in the output folder.

    The declared files of the last checkpoint, and the final weights.
    """
    last = [path for _, path in list_checkpoints(output, trainer.checkpoints)][-1:]
    states = [Path(path.name, name) for path in last for name in trainer.checkpoint_files]
    return [*states, *final_weights(trainer, output)]


def changed_times(folder: Path, patterns: Sequence[str]) -> dict[str, int]:
    """Return when each file that fits a pattern was last changed, in nanoseconds, by its place."""
    paths = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in sorted(paths)}


def names_gpu(printed: str) -> bool:
    """Say whether what a trainer printed names a GPU that it uses, and not one that is missing."""
    lines = [line for line in printed.splitlines() if re.search(r"\b(cuda|GPU)\b", line, re.I)]
    return any(_NO_GPU.search(line) is None for line in lines)


def folder_megabytes(folder: Path) -> float:
    """Return the size of all files below a folder, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder below ``folder``, which is removed afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=folder, prefix="scratch-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
