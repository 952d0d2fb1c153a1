"""What a training leaves behind: which checkpoints and files are there, and which are missing.

Knows nothing about what is in the networks.
"""

from __future__ import annotations

import itertools
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from proofbook_systems.training.layouts import (
    Checkpoint,
    find_checkpoints,
    is_temporary,
)
from proofbook_systems.training.trainer import Trainer

__all__ = [
    "changed_times",
    "checkpoints_missing",
    "folder_megabytes",
    "half_written",
    "has_files",
    "missing_files",
    "names_gpu",
    "scratch_folder",
    "why_files_unknown",
    "why_not_due",
]

_NO_GPU = re.compile(
    r"\b(no|not|without|cannot|unavailable)\b|available\W+false|back to (the )?cpu|out of memory",
    re.IGNORECASE,
)
_FEWEST = 3
"""Checkpoints from which it is found out what was not given."""
_LATE = 1.5
"""Usual distances between two checkpoints without which one between them is missing."""


def checkpoints_missing(
    written: Sequence[int], every: int, last: int, told: Sequence[tuple[int, int]] = ()
) -> list[int]:
    """Return the steps at which a checkpoint was due and did not come.

    Args:
        written: Steps of those that were seen at any time, by their names, where these count steps.
        every: Steps between two; 0 finds it out from what is there.
        last: The training's last step.
        told: The steps between which each was made, as they were told, for one file that is written
            again and again, or names that count something else. They may be some steps late: only
            a distance that is far too long for certain counts.
    """
    steps = sorted(step for step in written if step > 0)
    if why_not_due(written, every, told):
        return []
    if not steps:
        return _gaps(told, every, last)
    if not every:
        every = min(b - a for a, b in itertools.pairwise(steps[:-1]))
        return sorted(set(range(steps[0], steps[-1], every)) - set(steps))
    return sorted(set(range(every, last + 1, every)) - set(steps))


def why_not_due(written: Sequence[int], every: int, told: Sequence[tuple[int, int]] = ()) -> str:
    """Return why nothing is known of when checkpoints were due; empty where it is."""
    seen = len([step for step in written if step > 0]) or len(told)
    if every or seen >= _FEWEST:
        return ""
    return (
        f"{seen} checkpoints were seen, and their distance is found out from {_FEWEST}; give "
        "checkpoint_every"
    )


def _gaps(told: Sequence[tuple[int, int]], every: int, last: int) -> list[int]:
    """Return the steps after which the next checkpoint came far too late, whenever it was seen."""
    ranges = sorted(told)
    usual = every or median(b - a for (_, a), (_, b) in itertools.pairwise(ranges))
    ends = [(0, 0), *ranges, *([(last, last)] if every else [])]
    return [
        latest + round(usual) for (_, latest), (earliest, _) in itertools.pairwise(ends)
        if earliest - latest > _LATE * usual
    ]  # fmt: skip


def missing_files(trainer: Trainer, output: Path) -> list[str]:
    """Return which files which checkpoints lack: the declared ones, and what all others have."""
    listed = _folders(trainer, output)
    if not listed and has_files(trainer, output):
        return [f"no checkpoint is a folder that has {', '.join(trainer.checkpoint_files)}"]
    names = {each.path: _names(each) for each in listed}
    usual = Counter(name for files in names.values() for name in files)
    others = {n for n, count in usual.items() if count == len(listed) - 1}
    wanted = {*trainer.checkpoint_files, *(others if len(listed) >= _FEWEST else ())}
    return [
        f"{each.path.name} lacks {name}"
        for each in listed
        for name in sorted(wanted, key=lambda name: (name not in trainer.checkpoint_files, name))
        if name not in names[each.path]
    ]


def has_files(trainer: Trainer, output: Path) -> bool:
    """Say whether there are checkpoints with files to speak of: they are folders, or should be."""
    listed = find_checkpoints(output, trainer.checkpoints)
    return bool(listed) and bool(trainer.checkpoint_files or _folders(trainer, output))


def why_files_unknown(trainer: Trainer, output: Path) -> str:
    """Return why nothing is known of the files that each checkpoint must have; empty where it is.

    Two checkpoints with the same files have been compared; where they differ, nothing says which of
    them is right.
    """
    listed = _folders(trainer, output)
    same = len(listed) == _FEWEST - 1 and _names(listed[0]) == _names(listed[1])
    if not listed:
        return ""
    if trainer.checkpoint_files or len(listed) >= _FEWEST or same:
        return ""
    differ = ", whose files differ" if len(listed) > 1 else ""
    return (
        f"{len(listed)} of the checkpoints are folders{differ}: too few to know which files each "
        "must have; give checkpoint_files"
    )


def half_written(output: Path) -> list[str]:
    """Return what looks like something that was begun and not finished."""
    found: list[str] = []
    for path in sorted(output.rglob("*")):
        place = path.relative_to(output).as_posix()
        if is_temporary(path.name) and not any(place.startswith(f"{each}/") for each in found):
            found.append(place)
    return found


def changed_times(folder: Path, patterns: Sequence[str]) -> dict[str, int]:
    """Return when each file that fits a pattern was last changed, in nanoseconds, by its place."""
    paths = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in sorted(paths)}


def names_gpu(printed: str) -> bool:
    """Say whether what a trainer printed names a GPU that it uses, and not one that is missing."""
    lines = [line for line in printed.splitlines() if re.search(r"\b(cuda|GPU)\b", line, re.I)]
    return any(_NO_GPU.search(line) is None for line in lines)


def folder_megabytes(path: Path) -> float:
    """Return the size of a file, or of all files below a folder, in MB."""
    paths = [path] if path.is_file() else path.rglob("*")
    return sum(each.stat().st_size for each in paths if each.is_file()) / 1e6


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder below ``folder``, which is removed afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=folder, prefix="scratch-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _folders(trainer: Trainer, output: Path) -> list[Checkpoint]:
    return [each for each in find_checkpoints(output, trainer.checkpoints) if each.path.is_dir()]


def _names(checkpoint: Checkpoint) -> set[str]:
    return {path.relative_to(checkpoint.path).as_posix() for path in checkpoint.files}
