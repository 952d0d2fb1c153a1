"""Checkpoints on disk: folders that are whole or not there, each with a manifest of hashes.

``checkpoint-N`` was taken after step N; ``checkpoint-N.K`` after K more forward passes, when a
training was stopped within a step, and goes when there is a newer one.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook_subjects.foundry.checkpoints.files import (
    FileInfo,
    sync,
    write_bytes,
    write_tensors,
    write_torch,
)
from proofbook_subjects.foundry.checkpoints.snapshots import Snapshot

__all__ = [
    "MANIFEST",
    "STATE",
    "WEIGHTS",
    "Manifest",
    "Place",
    "find_checkpoint",
    "list_checkpoints",
    "read_manifest",
    "remove_old",
    "sweep",
    "write_checkpoint",
]

MANIFEST, MANIFEST_SUM = "manifest.json", "manifest.json.sha256"
WEIGHTS, STATE = "model.safetensors", "training_state.pt"

_FORMAT = 1
_NAME = re.compile(r"checkpoint-(\d+)(?:\.(\d+))?")
_PARTIAL, _REPLACED = ".partial-", ".replaced-"


class Manifest(BaseModel):
    """What a checkpoint says of itself; written last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    step: int
    passes: int
    """Forward passes of the next step."""
    config: dict[str, Any]
    files: dict[str, FileInfo]


class Place(NamedTuple):
    """One checkpoint's place; they are ordered by age."""

    step: int
    passes: int
    path: Path


def write_checkpoint(folder: Path, snapshot: Snapshot) -> Path:
    """Write a snapshot under a temporary name, sync it, and rename it.

    Raises:
        OSError: The disk is full or fails; nothing is left of it then.
    """
    place = folder / snapshot.name
    partial = folder / f"{_PARTIAL}{place.name}-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _write_files(partial, snapshot)
        _swap(partial, place)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return place


def list_checkpoints(folder: Path) -> list[Place]:
    """Return what is named like a checkpoint, the newest first."""
    matches = [(_NAME.fullmatch(path.name), path) for path in folder.glob("checkpoint-*")]
    return sorted(
        (Place(int(m[1]), int(m[2] or 0), path) for m, path in matches if m and path.is_dir()),
        reverse=True,
    )


def read_manifest(checkpoint: Path) -> Manifest:
    """Return a checkpoint's manifest once every file is known to be as it says.

    Raises:
        SubjectError: It is missing or unreadable, or a file is missing or has changed.
    """
    manifest = _load_manifest(checkpoint)
    match = _NAME.fullmatch(checkpoint.name)
    if match and (int(match[1]), int(match[2] or 0)) != (manifest.step, manifest.passes):
        raise SubjectError(f"{checkpoint} says that it is of step {manifest.step}; it was renamed")
    for name, known in manifest.files.items():
        path = checkpoint / name
        if not path.is_file():
            raise SubjectError(f"{path} is missing; the checkpoint cannot be used")
        if path.stat().st_size != known.size or hash_file(path) != known.sha256:
            raise SubjectError(f"{path} has changed since it was written; it cannot be used")
    return manifest


def find_checkpoint(folder: Path) -> tuple[Path | None, list[str]]:
    """Return the newest checkpoint that is complete, and why newer ones were passed over."""
    passed_over = []
    for place in list_checkpoints(folder):
        try:
            read_manifest(place.path)
        except SubjectError as error:
            passed_over.append(str(error))
        else:
            return place.path, passed_over
    return None, passed_over


def remove_old(folder: Path, keep: int | None) -> list[Path]:
    """Remove all but the newest ``keep`` checkpoints, and stops within earlier steps; name them."""
    places = list_checkpoints(folder)
    newest = places[0] if places else None
    removed = [p.path for p in places if p.passes and p is not newest]
    whole = [p.path for p in places if p.path not in removed]
    removed += whole[keep:] if keep else []
    for path in removed:
        # Renamed first: what is half removed must not look like a checkpoint.
        gone = path.with_name(f"{_PARTIAL}{path.name}")
        shutil.rmtree(gone, ignore_errors=True)
        path.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    return removed


def sweep(folder: Path) -> None:
    """Remove what a trainer that was killed had begun, and put back what it had put aside."""
    for path in folder.glob(f"{_REPLACED}*"):
        place = folder / path.name.removeprefix(_REPLACED)
        if place.exists():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.rename(place)
    for path in folder.glob(f"{_PARTIAL}*"):
        shutil.rmtree(path, ignore_errors=True)


def _write_files(partial: Path, snapshot: Snapshot) -> None:
    files = {name: write_bytes(partial / name, text) for name, text in snapshot.texts.items()}
    files[WEIGHTS] = write_tensors(partial / WEIGHTS, snapshot.weights)
    files[STATE] = write_torch(partial / STATE, dict(snapshot.state))
    manifest = Manifest(
        format=_FORMAT, step=snapshot.step, passes=snapshot.passes, files=files,
        config=dict(snapshot.config),
    )  # fmt: skip
    write_bytes(partial / MANIFEST, manifest.model_dump_json(indent=1).encode())
    write_bytes(partial / MANIFEST_SUM, _sum_line(partial / MANIFEST).encode())
    # All at once, once all are written: a disk takes as long for one as for all of them.
    for path in [*sorted(partial.iterdir()), partial]:
        sync(path)


def _swap(partial: Path, place: Path) -> None:
    """Put a finished folder in its place; at no moment is neither of the two findable."""
    aside = place.with_name(f"{_REPLACED}{place.name}")
    shutil.rmtree(aside, ignore_errors=True)
    if place.exists():
        place.rename(aside)
    partial.rename(place)
    sync(place.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _load_manifest(checkpoint: Path) -> Manifest:
    path = checkpoint / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
        is_own = (checkpoint / MANIFEST_SUM).read_bytes() == _sum_line(path).encode()
    except FileNotFoundError as error:
        name = Path(error.filename).name
        raise SubjectError(f"{checkpoint} has no {name}: it is not complete") from error
    except (OSError, ValidationError) as error:
        raise SubjectError(f"{path} cannot be read; remove the folder") from error
    if not is_own or manifest.format != _FORMAT:
        raise SubjectError(f"{path} has changed since it was written; remove the folder")
    return manifest


def _sum_line(path: Path) -> str:
    """Return the line that ``sha256sum -c`` reads."""
    return f"{hash_file(path)}  {path.name}\n"
