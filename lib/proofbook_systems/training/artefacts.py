"""What a training leaves behind: which checkpoints, pictures and files, and whether they are due.

Knows nothing about what is in the networks.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proofbook_systems.training.checkpoints import list_checkpoints
from proofbook_systems.training.subject import Trainer

__all__ = [
    "checkpoint_steps",
    "count_pictures",
    "folder_megabytes",
    "half_written",
    "info_faults",
    "missing_files",
    "names_gpu",
    "newest_change",
    "scratch_folder",
    "validation_pictures",
]

_PICTURES = (".jpeg", ".jpg", ".png", ".webp")
_INFO = ("character", "base_model", "training_steps", "instance_prompt", "timestamp")
_NO_GPU = re.compile(
    r"\b(no|not|without|cannot|unavailable)\b|available\W+false|back to (the )?cpu|out of memory",
    re.IGNORECASE,
)


def checkpoint_steps(trainer: Trainer, output: Path) -> list[int]:
    """Return the steps of the checkpoints that are there, in order."""
    return [step for step, _ in list_checkpoints(output, trainer.checkpoints)]


def missing_files(trainer: Trainer, output: Path) -> list[str]:
    """Return which declared files which checkpoints lack."""
    return [
        f"{path.name} lacks {name}"
        for _, path in list_checkpoints(output, trainer.checkpoints)
        for name in trainer.files
        if not (path / name).is_file()
    ]


def half_written(trainer: Trainer, output: Path) -> list[str]:
    """Return what looks like a checkpoint that was begun and not finished."""
    whole = {path.name for _, path in list_checkpoints(output, trainer.checkpoints)}
    stem = trainer.checkpoints.partition("*")[0]
    return sorted(p.name for p in output.iterdir() if stem in p.name and p.name not in whole)


def validation_pictures(output: Path) -> dict[int, list[Path]]:
    """Return the pictures of each validation by its step: those in ``validation-N``."""
    found = {}
    for folder in output.glob("validation-*"):
        number = re.search(r"(\d+)$", folder.name)
        if folder.is_dir() and number:
            found[int(number[1])] = _pictures(folder)
    return dict(sorted(found.items()))


def count_pictures(folder: Path) -> int:
    """Return how many pictures a folder has; 0 if there is none."""
    return len(_pictures(folder)) if folder.is_dir() else 0


def newest_change(folder: Path) -> dict[str, int]:
    """Return when each picture below a folder was last changed, in nanoseconds."""
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in _PICTURES)
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in paths}


def info_faults(path: Path, steps: int) -> list[str]:
    """Return what is wrong with ``model_info.json``; empty where it is as it should be."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"{path.name} cannot be read ({type(error).__name__})"]
    if not isinstance(found, dict):
        return [f"{path.name} is no table"]
    faults = [f"{key} is missing" for key in _INFO if not found.get(key)]
    if found.get("training_steps") not in (None, steps):
        faults.append(f"training_steps is {found['training_steps']}, and {steps} were made")
    return faults


def names_gpu(printed: str) -> bool:
    """Say whether what a trainer printed names a graphics card, and not that there is none."""
    named = (line for line in printed.splitlines() if re.search(r"\b(cuda|GPU)\b", line, re.I))
    return any(_NO_GPU.search(line) is None for line in named)


def folder_megabytes(folder: Path) -> float:
    """Return the size of all files below a folder, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder below ``folder``, which goes afterwards."""
    place = Path(tempfile.mkdtemp(dir=folder, prefix="scratch-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)
