"""Checkpoints on disk, whoever wrote them: listed, read without running code of theirs, verified.

Knows nothing about how they came about.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook.files import hash_file

__all__ = ["MANIFEST", "MANIFEST_SUM", "find_faults", "list_checkpoints", "read_states", "sum_line"]

MANIFEST = "manifest.json"
"""A file that a checkpoint may have: ``{"step": N, "files": {name: {"sha256": …}}}``."""
MANIFEST_SUM = "manifest.json.sha256"
"""The manifest's own hash, in the form of ``sha256sum``; a checkpoint may have it."""

_TENSORS = (".safetensors",)
_STATES = (".bin", ".pkl", ".pt", ".pth")
_COUNTERS = ("last_epoch", "global_step", "step")


def list_checkpoints(output: Path, pattern: str) -> list[tuple[int, Path]]:
    """Return (step, folder) of each checkpoint whose name fits a pattern, the earliest first."""
    checkpoints = []
    for path in output.iterdir() if output.is_dir() else ():
        number = re.search(r"(\d+)$", path.name)
        if path.is_dir() and number and fnmatch.fnmatchcase(path.name, pattern):
            checkpoints.append((int(number[1]), path))
    return sorted(checkpoints)


def sum_line(path: Path) -> str:
    """Return the line that ``sha256sum`` writes for a file, and ``sha256sum -c`` reads."""
    return f"{hash_file(path)}  {path.name}\n"


def read_states(path: Path) -> dict[str, Any]:
    """Return everything in a file, by its place in it: tensors, numbers, strings.

    Raises:
        SubjectError: It cannot be read, or not without running code of its own.
    """
    import pickle

    try:
        if path.suffix in _TENSORS:
            from safetensors.torch import load_file

            return dict(load_file(path))
        return dict(_flattened(_load(path), ""))
    except pickle.UnpicklingError as error:
        raise SubjectError(f"{path} needs code of its own to be loaded; it is not safe") from error
    except Exception as error:
        what = " ".join(str(error).split())[:200]
        raise SubjectError(f"{path} cannot be read: {what or type(error).__name__}") from error


def find_faults(checkpoint: Path, files: Sequence[str], *, like: Path | None = None) -> list[str]:
    """Return everything that is wrong with a checkpoint; empty where it is sound.

    A flipped bit in a weight is found only where the checkpoint has a manifest.

    Args:
        checkpoint: Its folder.
        files: What it must have.
        like: Another checkpoint of the same run, whose files, shapes and formats it must have.
    """
    wanted = {*files, *(path.name for path in _files(like or checkpoint))}
    faults = [f"{name} is missing" for name in sorted(wanted) if not (checkpoint / name).is_file()]
    faults += _against_manifest(checkpoint)
    for path in _files(checkpoint):
        if path.suffix not in (*_TENSORS, *_STATES):
            continue
        try:
            states = read_states(path)
        except SubjectError as error:
            faults.append(str(error))
            continue
        faults += _content_faults(path, states)
        if like is not None and (like / path.name).is_file():
            faults += _shape_faults(path.name, states, read_states(like / path.name))
    return [*faults, *_step_faults(checkpoint)]


def _files(checkpoint: Path) -> list[Path]:
    return sorted(path for path in checkpoint.iterdir() if path.is_file())


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
    for name, digest in wanted.items():
        if not (checkpoint / name).is_file():
            yield f"{name} is in {MANIFEST} and missing"
        elif hash_file(checkpoint / name) != digest:
            yield f"{name} differs from its hash in {MANIFEST}"


def _content_faults(path: Path, states: Mapping[str, Any]) -> Iterator[str]:
    import torch

    if not states:
        yield f"{path.name} is empty"
    for key, value in states.items():
        if isinstance(value, torch.Tensor) and not bool(torch.isfinite(value).all()):
            yield f"{path.name}: {key} has values that are NaN or infinite"


def _shape_faults(name: str, states: Mapping[str, Any], like: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(like.keys() | states.keys()):
        ours, theirs = states.get(key), like.get(key)
        if (ours is None) != (theirs is None):
            yield f"{name}: {key} is in one checkpoint of this run and not in another"
        elif _kind(ours) != _kind(theirs):
            yield f"{name}: {key} is {_kind(ours)}, and {_kind(theirs)} elsewhere"


def _kind(value: Any) -> str:
    """Return a tensor's format and shape; nothing for any other value."""
    shape = getattr(value, "shape", None)
    return "" if shape is None else f"{value.dtype} {list(shape)}"


def _step_faults(checkpoint: Path) -> Iterator[str]:
    """Compare the step in the folder's name with the steps in the files."""
    number = re.search(r"(\d+)$", checkpoint.name)
    if number is None:
        return
    for path in _files(checkpoint):
        if path.name == MANIFEST or path.stem.startswith("scheduler"):
            try:
                step = _recorded_step(path)
            except (SubjectError, ValueError, OSError):
                continue  # reported by the checks of its content
            if step is not None and step != int(number[1]):
                yield f"{path.name} says step {step}"


def _recorded_step(path: Path) -> int | None:
    if path.suffix == ".json":
        content = json.loads(path.read_text(encoding="utf-8"))
        return int(content["step"]) if isinstance(content, dict) and "step" in content else None
    states = read_states(path)
    for counter in _COUNTERS:
        if isinstance(states.get(counter), int):
            return int(states[counter])
    return None


def _load(path: Path) -> Any:
    import numpy as np
    import torch

    allowed: list[Any] = [np.dtype, np.ndarray, type(np.dtype(np.uint32)), type(np.dtype(float))]
    allowed.append(np._core.multiarray._reconstruct)  # type: ignore[attr-defined]  # what an array is pickled as
    with torch.serialization.safe_globals(allowed):
        return torch.load(path, weights_only=True, map_location="cpu")


def _flattened(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flattened(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _flattened(item, f"{place}.{index}" if place else str(index))
    else:
        yield place or "value", value
