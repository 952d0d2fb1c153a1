"""Is a checkpoint whole and sound? Whoever wrote it, whatever its layout; nothing of it is run.

Knows nothing about how it came about.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook_systems.training.layouts import Checkpoint, step_in_name
from proofbook_systems.training.roles import role_of
from proofbook_systems.training.states import (
    OpaqueError,
    can_read,
    read_states,
    recorded_step,
)

__all__ = ["MANIFEST", "MANIFEST_SUM", "find_faults", "find_index_faults", "sum_line"]

_NAMES_A_FILE = re.compile(r"/[^/]*\.(?:ckpt|pth?|bin|safetensors)$")
MANIFEST = "manifest.json"
"""A file that a checkpoint may have: ``{"step": N, "files": {name: {"sha256": …}}}``."""
MANIFEST_SUM = "manifest.json.sha256"
"""The manifest's own hash, in the form of ``sha256sum``; a checkpoint may have it."""


def sum_line(path: Path) -> str:
    """Return the line that ``sha256sum`` writes for a file, and ``sha256sum -c`` reads."""
    return f"{hash_file(path)}  {path.name}\n"


def find_faults(checkpoint: Path, files: Sequence[str], *, like: Path | None = None) -> list[str]:
    """Return everything that is wrong with a checkpoint; empty where it is sound.

    A flipped bit in a weight is found only where the checkpoint has a manifest.

    Args:
        checkpoint: Its folder or file.
        files: What it must have.
        like: Another checkpoint of the same run, whose files, shapes and formats it must have.
    """
    ours, theirs = _files(checkpoint), _files(like) if like else {}
    wanted = {*files, *(theirs if checkpoint.is_dir() else ())}
    faults = [f"{name} is missing" for name in sorted(wanted - ours.keys())]
    faults += _against_manifest(checkpoint)
    for name, path in ours.items():
        if can_read(path) and path.name not in (MANIFEST, MANIFEST_SUM):
            faults += _file_faults(name, path, theirs.get(name))
    if checkpoint.is_dir():
        faults += find_index_faults(checkpoint)
    return [*faults, *_step_faults(checkpoint, ours, theirs if like != checkpoint else {}, like)]


def find_index_faults(folder: Path) -> Iterator[str]:
    """Yield what the indices of sharded weights in a folder promise and is not there."""
    for path in sorted(folder.rglob("*.index.json")):
        name = path.relative_to(folder).as_posix()
        try:
            weights = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
            shards: dict[str, set[str]] = {}
            for key, shard in weights.items():
                shards.setdefault(str(shard), set()).add(str(key))
        except (ValueError, KeyError, AttributeError, TypeError):
            yield f"{name} is no index: it has no weight_map"
            continue
        for shard, keys in sorted(shards.items()):
            if not (path.parent / shard).is_file():
                yield f"{name} names {shard}, which is missing"
                continue
            try:
                missing = sorted(keys - read_states(path.parent / shard).keys())
            except SubjectError:
                continue  # reported where the shard itself is read
            if missing:
                yield f"{name} says that {shard} has {missing[0]}, which it has not"


def _files(checkpoint: Path | None) -> dict[str, Path]:
    if checkpoint is None:
        return {}
    if checkpoint.is_file():
        return {checkpoint.suffix: checkpoint}
    files = Checkpoint(-1, checkpoint).files
    return {path.relative_to(checkpoint).as_posix(): path for path in files}


def _file_faults(name: str, path: Path, like: Path | None) -> Iterator[str]:
    name = path.name if name.startswith(".") and "/" not in name else name
    try:
        states = read_states(path)
    except OpaqueError as error:
        # Told where it is compared; its format is its author's choice, if another has the same.
        if like is not None and _can_be_seen(like):
            yield str(error)
        return
    except SubjectError as error:
        yield str(error)
        return
    other: Mapping[str, Any] = {}
    if like is not None:
        try:
            other = read_states(like)
        except SubjectError:
            other = {}
    yield from _content_faults(name, states, other)
    if other and path.suffix not in (".json", ".yaml", ".yml"):
        yield from _shape_faults(name, states, other)


def _can_be_seen(path: Path) -> bool:
    try:
        read_states(path)
    except SubjectError:
        return False
    return True


def _against_manifest(checkpoint: Path) -> Iterator[str]:
    path, sum_path = checkpoint / MANIFEST, checkpoint / MANIFEST_SUM
    if not path.is_file():
        return
    if sum_path.is_file() and sum_path.read_bytes() != sum_line(path).encode():
        yield f"{MANIFEST} differs from its hash in {MANIFEST_SUM}"
    try:
        files = json.loads(path.read_bytes())["files"]
        wanted = {str(name): str(entry["sha256"]) for name, entry in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        yield f"{MANIFEST} cannot be read"
        return
    for name, digest in sorted(wanted.items()):
        if not (checkpoint / name).is_file():
            yield f"{name} is in {MANIFEST} and missing"
        elif hash_file(checkpoint / name) != digest:
            yield f"{name} differs from its hash in {MANIFEST}"


def _content_faults(
    name: str, states: Mapping[str, Any], other: Mapping[str, Any]
) -> Iterator[str]:
    import torch

    if not states and Path(name).suffix not in (".json", ".yaml", ".yml"):
        yield f"{name} is empty"
    for key, value in states.items():
        if not isinstance(value, torch.Tensor) or bool(torch.isfinite(value).all()):
            continue
        # The best value so far is infinite before there is one.
        if value.numel() == 1 and not bool(torch.isnan(value).any()) and not _is_used(name, key):
            continue
        # A mask that is added before a softmax has infinite values by right, in every checkpoint.
        same = isinstance(other.get(key), torch.Tensor) and torch.equal(value, other[key])
        if bool(torch.isnan(value).any()) or not (same or "mask" in key):
            yield f"{name}: {key} has values that are NaN or infinite"


def _is_used(name: str, key: str) -> bool:
    """Whether the next update is computed with it, which it spoils; a scale of gradients, too."""
    return role_of(name, key) in ("weights", "EMA", "optimizer", "scaler")


def _shape_faults(name: str, states: Mapping[str, Any], like: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(like.keys() | states.keys()):
        ours, theirs = states.get(key), like.get(key)
        kinds = _kind(ours), _kind(theirs)
        if _NAMES_A_FILE.search(key):  # such as the best checkpoint so far
            continue
        if (ours is None) != (theirs is None) and any(kinds):
            yield f"{name}: {key} is in one checkpoint of this run and not in another"
        elif kinds[0] != kinds[1] and role_of(name, key) not in ("progress", "order of the data"):
            yield f"{name}: {key} is {kinds[0]}, and {kinds[1]} elsewhere"


def _kind(value: Any) -> str:
    """Return a tensor's format and shape; nothing for any other value."""
    shape = getattr(value, "shape", None)
    return "" if shape is None else f"{value.dtype} {list(shape)}"


def _step_faults(
    checkpoint: Path, ours: Mapping[str, Path], theirs: Mapping[str, Path], like: Path | None
) -> Iterator[str]:
    """Compare the step in the name with the steps in the files.

    A scheduler may count epochs, or once a process: with another checkpoint at hand, both must
    count in the same proportion to their names.
    """
    step = step_in_name(checkpoint.name)
    if step is None:
        return
    other = step_in_name(like.name) if like else None
    for name, path in ours.items():
        told = _recorded_step(path)
        if told is None:
            continue
        if name in theirs and other:
            expected = _recorded_step(theirs[name])
            if expected is not None and told * other != expected * step:
                yield f"{name} says step {told}"
        elif like is None and told != step:
            yield f"{name} says step {told}"


def _recorded_step(path: Path) -> int | None:
    if not (path.name in (MANIFEST, "trainer_state.json") or path.stem.startswith("scheduler")):
        return None
    return recorded_step(path)
