"""Where a trainer puts its checkpoints: folders and files are recognised by their names.

Knows nothing about what is in them, except a step that is nowhere in the name.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "NAMES",
    "WEIGHTS",
    "Checkpoint",
    "checkpoint_of",
    "files_below",
    "find_checkpoints",
    "is_temporary",
    "step_in_name",
]

WEIGHTS = (
    ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".npz", ".npy", ".pkl", ".tar", ".distcp",
    ".msgpack", ".h5", ".gguf", ".keras", ".joblib",
)  # fmt: skip
"""Endings of files that hold weights or states."""

NAMES: tuple[tuple[str, str], ...] = (
    (r"(?:global[-_=]?)?(?:step|steps|iter|iteration|it)[-_=]?(\d+)", "epoch=0-step=10.ckpt"),
    (r"(?:checkpoint|ckpt|chkpt|cp)[-_=]?(\d+)", "checkpoint-10"),
    (r"(?:model|weights|state|states|save|lora)[-_=](\d+)", "model_10.pt"),
    (r"(?:epoch|ep)[-_=]?(\d+)", "epoch_10.pt"),
    (r"[-_](\d{4,})(?=\D|$)", "name-000010.safetensors"),
)
"""(pattern of a name with the step, a sample whose step is 10), the first that fits counts."""

_PATTERNS = tuple(
    re.compile(rf"(?<![a-z0-9]){pattern}(?!\d)" if pattern[0] == "(" else pattern, re.IGNORECASE)
    for pattern, _ in NAMES
)
_UNNUMBERED = re.compile(
    r"^(?:ckpt|checkpoint|chkpt|last|latest|state|training[-_]?state|resume|snapshot|model[-_]?last)"
    r"(?:[-_]\w+)?$",
    re.IGNORECASE,
)
_TEMPORARY = re.compile(
    r"^[.~]|(?:^|[-_.])(?:tmp|temp|partial|part|incomplete|unfinished|writing|staging|lock)(?:[-_.]|\d|$)"
    r"|\.(?:new|old|bak)$|~$",
    re.IGNORECASE,
)
_SHARD = re.compile(r"-\d+-of-\d+")
_DEEPEST = 6


class Checkpoint(NamedTuple):
    """One checkpoint that is on the disk."""

    step: int
    """-1 where nothing tells it."""
    path: Path
    """A folder or a file."""

    @property
    def files(self) -> list[Path]:
        """Every file of it, at any depth."""
        if self.path.is_file():
            return [self.path]
        return sorted(files_below(self.path))


def find_checkpoints(output: Path, pattern: str = "") -> list[Checkpoint]:
    """Return the checkpoints below an output folder, the earliest first.

    Args:
        output: The folder that a training writes into.
        pattern: Of their places in it, ``checkpoint-*`` or ``logs/*/step-*.pt``; empty recognises
            them by :data:`NAMES`.
    """
    if not output.is_dir():
        return []
    if pattern:
        found = [Checkpoint(_last_number(path.name), path) for path in _fitting(output, pattern)]
        found = [each for each in found if each.step >= 0 or "*" not in pattern]
    else:
        found = list(_walk(output, 0))
    return sorted(found)


def step_in_name(name: str) -> int | None:
    """Return the step that a checkpoint's name tells; None where something else has that name."""
    if _SHARD.search(name):
        return None
    stem = name
    while (shorter := Path(stem)).suffix.lower() in WEIGHTS:
        stem = shorter.stem
    for pattern in _PATTERNS:
        if matches := pattern.findall(stem):
            return int(matches[-1])
    return None


def checkpoint_of(place: str) -> str | None:
    """Return the checkpoint that a place in an output folder belongs to, by the names alone."""
    parts = place.split("/")
    for depth, name in enumerate(parts, 1):
        if is_temporary(name):
            return None
        last = depth == len(parts)
        numbered = step_in_name(name) is not None or name.isdigit()
        if numbered and (not last or not Path(name).suffix or _is_weights(name)):
            return "/".join(parts[:depth])
        if last and _is_weights(name) and _UNNUMBERED.match(Path(name).stem):
            return place
    return None


def is_temporary(name: str) -> bool:
    """Say whether a name is that of something that is being written, or was put aside."""
    return _TEMPORARY.search(name) is not None


def _is_weights(name: str) -> bool:
    return Path(name).suffix.lower() in WEIGHTS


def _walk(folder: Path, depth: int) -> Iterator[Checkpoint]:
    for path in _listed(folder):
        if is_temporary(path.name) or path.is_symlink():
            continue
        if path.is_file():
            yield from _of_file(path)
        elif depth < _DEEPEST and path.is_dir():
            step = step_in_name(path.name)
            if step is None and path.name.isdigit():
                step = int(path.name)
            if step is not None and _holds_weights(path):
                yield Checkpoint(step, path)
            elif step is None or not _is_picture_folder(path):
                yield from _walk(path, depth + 1)


def _of_file(path: Path) -> Iterator[Checkpoint]:
    if path.suffix.lower() not in WEIGHTS or path.suffix == ".distcp":
        return
    step = step_in_name(path.name)
    if step is None and path.stem.isdigit():
        step = int(path.stem)
    if step is not None:
        yield Checkpoint(step, path)
    elif _UNNUMBERED.match(path.stem):
        yield Checkpoint(-1, path)


def _holds_weights(folder: Path) -> bool:
    return any(path.suffix.lower() in WEIGHTS for path in files_below(folder))


def _is_picture_folder(folder: Path) -> bool:
    return not any(path.is_dir() for path in _listed(folder))


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, at any depth, while others are written and removed there."""
    for path in _listed(folder):
        if path.is_file():
            yield path
        elif path.is_dir() and not path.is_symlink():
            yield from files_below(path)


def _listed(folder: Path) -> list[Path]:
    """Return what is in a folder, in order; nothing where it was removed a moment ago."""
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def _fitting(output: Path, pattern: str) -> list[Path]:
    if "/" in pattern:
        return list(output.glob(pattern))
    return [path for path in output.iterdir() if fnmatch.fnmatchcase(path.name, pattern)]


def _last_number(name: str) -> int:
    found = step_in_name(name)
    if found is not None:
        return found
    numbers = re.findall(r"\d+", name)
    return int(numbers[-1]) if numbers else -1
