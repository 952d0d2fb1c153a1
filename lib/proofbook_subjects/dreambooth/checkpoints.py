"""Checkpoints on disk: folders that are whole or not there, each with a manifest of hashes.

``checkpoint-N/`` has ``model.safetensors`` (the UNet; ``model_1.safetensors`` is the text encoder
where that is trained), ``optimizer.bin``, ``scheduler.bin``, ``random_states_0.pkl``, and
``scaler.pt`` where gradients are scaled. All of them load without running code of theirs.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook_subjects.dreambooth.settings import Settings, differences

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = [
    "MANIFEST",
    "MANIFEST_SUM",
    "Manifest",
    "Snapshot",
    "find_checkpoint",
    "list_checkpoints",
    "read_manifest",
    "refuse_other_run",
    "sweep",
    "weights_file",
    "write_checkpoint",
]

MANIFEST = "manifest.json"
MANIFEST_SUM = "manifest.json.sha256"
"""Holds the manifest to something: nothing else would."""

_FORMAT = 1
_NAME = re.compile(r"checkpoint-(\d+)")
_PARTIAL = ".partial-"


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    sha256: str


class Manifest(BaseModel):
    """What a checkpoint says of itself; written last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    step: int
    """Steps that had been made."""
    settings: dict[str, Any]
    files: dict[str, _File]


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All that a training needs to go on."""

    step: int
    weights: tuple[dict[str, Any], ...]
    """Tensors by name, of each trained network."""
    states: Mapping[str, Any]
    """By file name: of optimizer, scheduler, random numbers and scaler."""
    settings: Settings


def weights_file(network: int) -> str:
    """Return the name of a network's file, as Accelerate names it."""
    return f"model_{network}.safetensors" if network else "model.safetensors"


def write_checkpoint(folder: Path, snapshot: Snapshot) -> Path:
    """Write ``folder/checkpoint-N`` under a temporary name, sync it, and rename it.

    Raises:
        OSError: The disk is full or fails; nothing is left of it then.
    """
    place = folder / f"checkpoint-{snapshot.step}"
    partial = folder / f"{_PARTIAL}{place.name}-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        files = _write_weights(partial, snapshot) | _write_states(partial, snapshot)
        manifest = Manifest(
            format=_FORMAT, step=snapshot.step, files=files,
            settings=snapshot.settings.model_dump(mode="json"),
        )  # fmt: skip
        (partial / MANIFEST).write_text(manifest.model_dump_json(indent=1))
        (partial / MANIFEST_SUM).write_text(_sum_line(partial / MANIFEST))
        _sync(partial / MANIFEST)
        _sync(partial / MANIFEST_SUM)
        _sync(partial)
        shutil.rmtree(place, ignore_errors=True)
        partial.rename(place)
        _sync(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return place


def list_checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """Return (step, folder) of what is named like a checkpoint, the newest first."""
    checkpoints = []
    for path in folder.glob("checkpoint-*"):
        match = _NAME.fullmatch(path.name)
        if match and path.is_dir():
            checkpoints.append((int(match[1]), path))
    return sorted(checkpoints, reverse=True)


def read_manifest(checkpoint: Path) -> Manifest:
    """Return a checkpoint's manifest once every file is known to be as it says.

    Raises:
        SubjectError: It is missing or unreadable, or a file is missing or has changed.
    """
    path = checkpoint / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
        is_own = (checkpoint / MANIFEST_SUM).read_bytes() == _sum_line(path).encode()
    except FileNotFoundError as error:
        name = Path(error.filename).name
        raise SubjectError(f"{checkpoint} has no {name}: it is not complete") from error
    except (OSError, ValidationError) as error:
        raise SubjectError(f"{path} cannot be read; remove the folder") from error
    if not is_own:
        raise SubjectError(f"{path} has changed since it was written; remove the folder")
    match = _NAME.fullmatch(checkpoint.name)
    if match and int(match[1]) != manifest.step:
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
    for _, path in list_checkpoints(folder):
        try:
            read_manifest(path)
        except SubjectError as error:
            passed_over.append(str(error))
        else:
            return path, passed_over
    return None, passed_over


def refuse_other_run(checkpoint: Path, manifest: Manifest, settings: Settings) -> None:
    """Refuse a checkpoint that belongs to another run, saying what differs.

    Raises:
        SubjectError: It does.
    """
    changes = differences(settings, manifest.settings)
    if changes:
        raise SubjectError(
            f"{checkpoint} is of another run: {'; '.join(changes)}; give that config, or another "
            "output_dir"
        )


def sweep(folder: Path) -> None:
    """Remove what a trainer that was killed had begun to write."""
    for path in folder.glob(f"{_PARTIAL}*"):
        shutil.rmtree(path, ignore_errors=True)


def _write_weights(folder: Path, snapshot: Snapshot) -> dict[str, _File]:
    from safetensors.torch import save_file

    files = {}
    for number, tensors in enumerate(snapshot.weights):
        path = folder / weights_file(number)
        save_file(tensors, path, metadata={"format": "pt"})
        _sync(path)
        files[path.name] = _File(size=path.stat().st_size, sha256=hash_file(path))
    return files


def _write_states(folder: Path, snapshot: Snapshot) -> dict[str, _File]:
    import torch
    from torch.serialization import get_crc32_options, set_crc32_options

    files, earlier = {}, get_crc32_options()
    set_crc32_options(False)  # the manifest has a better one, and this one is slow
    try:
        for name, state in snapshot.states.items():
            with _Explained(folder / name) as file:
                torch.save(state, file)
            _sync(folder / name)
            size = (folder / name).stat().st_size
            files[name] = _File(size=size, sha256=file.sha256.hexdigest())
    finally:
        set_crc32_options(earlier)
    return files


class _Explained(io.BufferedWriter):
    """A file for torch's writer, which does not say what is wrong with a disk: this does.

    It is hashed as it is written, from its beginning to its end.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "wb"))
        self.sha256 = hashlib.sha256()
        self._error: OSError | None = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        except OSError as closing:
            self._error = self._error or closing
        if self._error is not None:
            raise self._error from error

    def write(self, data: ReadableBuffer, /) -> int:
        self.sha256.update(data)
        try:
            return super().write(data)
        except OSError as error:
            self._error = error
            raise


def _sum_line(path: Path) -> str:
    """Return the line that ``sha256sum`` writes of a file, and ``sha256sum -c`` reads."""
    return f"{hash_file(path)}  {path.name}\n"


def _sync(path: Path) -> None:
    if path.is_dir() and os.name != "posix":
        return  # Windows opens no folder
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
