"""Find the model that a person named: a reference subject, a folder, or a hub repository.

Whatever it is, it ends as a folder with configuration, weights and processor, and is looked over
before anything is loaded, so that a missing or truncated file is named. Loads no weights.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook.subjects import resolve_reference
from proofbook_systems.musicgen.snapshots import find_snapshot

__all__ = ["Subject", "check_folder", "check_safetensors", "find_model"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_WANTED = ["*.json", "*.safetensors", "*.model"]
_PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
_PROBE_TIMEOUT = 10.0


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model that is there: where it is and what to call it."""

    name: str
    """Short, and fit for a file name: ``small``."""
    folder: Path
    requested: str
    """As the person wrote it."""


def find_model(model: str, cache: Path | None = None) -> Subject:
    """Return the model called ``model``: ``reference:<name>``, a folder, or a hub id.

    A reference is built below ``cache`` where it is missing, a hub repository is downloaded where
    the hub's cache lacks it.

    Raises:
        SubjectError: There is no such model, it cannot be reached, or a file of it is missing,
            truncated or not a MusicGen's.
    """
    if reference := resolve_reference(model, "musicgen.model", root=cache):
        name, folder = _short_name(reference.name), reference.path
        check_folder(folder)
        return Subject(name=name, folder=folder, requested=model)
    path = Path(model).expanduser()
    if path.exists() or not _HUB_ID.fullmatch(model):
        check_folder(path)
        name = _short_name(path.resolve().name)
        return Subject(name=name, folder=path.resolve(), requested=model)
    name = _short_name(model.split("/")[-1])
    return Subject(name=name, folder=_hub_folder(model), requested=model)


def check_folder(folder: Path) -> None:
    """Look over a model folder without loading it.

    Raises:
        SubjectError: It is not a folder, or a file of it is missing, truncated or not a MusicGen's.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise SubjectError(
            f"model folder {folder} {what}; give the folder that holds config.json, a hub id such "
            "as facebook/musicgen-small, or reference:small"
        )
    model_type = _read_json(folder / "config.json").get("model_type")
    if model_type != "musicgen":
        raise SubjectError(
            f"{folder / 'config.json'} describes {model_type!r}, not a musicgen model"
        )
    for path in _weight_files(folder):
        check_safetensors(path)
    for alternatives in (("tokenizer.json", "spiece.model"), _PROCESSOR_FILES):
        if not any((folder / name).is_file() for name in alternatives):
            raise SubjectError(
                f"{folder} has no {' or '.join(alternatives)}; save the processor in the model's "
                "folder with processor.save_pretrained"
            )


def check_safetensors(path: Path) -> None:
    """Compare a file's size with what its header promises.

    Raises:
        SubjectError: The file is missing, truncated, too long, or no safetensors file.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, size))) if length <= size - 8 else None
    except FileNotFoundError as error:
        raise SubjectError(f"{path} is missing; download or save the model again") from error
    except (OSError, ValueError, struct.error) as error:
        _refuse_stand_in(path)
        raise SubjectError(
            f"{path} is not a safetensors file ({error}); download or save the model again"
        ) from error
    ends = [0] if header is None else [_end(entry) for entry in header.values()]
    promised = 8 + length + max(ends, default=0)
    if header is None or promised != size:
        _refuse_stand_in(path)
        raise SubjectError(
            f"{path} is {'truncated' if promised > size else 'damaged'}: it has {size:,} bytes and "
            f"should have {promised:,}{' or more' if header is None else ''}; download or save "
            "the model again"
        )


def _refuse_stand_in(path: Path) -> None:
    """Name what a download leaves in a file's place where it does not get the file."""
    try:
        with path.open("rb") as file:
            start = file.read(64).lstrip()
    except OSError:
        return
    if start.startswith(b"version https://git-lfs"):
        raise SubjectError(f"{path} is a pointer of git-lfs, not the file; run git lfs pull")
    if start.startswith(b"<"):
        raise SubjectError(f"{path} is a web page, not the file; download it again")


def _end(entry: Any) -> int:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    return int(offsets[1]) if offsets else 0


def _weight_files(folder: Path) -> Iterable[Path]:
    """Return the safetensors files that hold the weights: the one, or else all of an index.

    An index beside a single file is what an earlier save has left; it is not read.
    """
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if index.is_file() and not single.is_file():
        shards = set(_read_json(index).get("weight_map", {}).values())
        return [folder / Path(shard).name for shard in sorted(shards)]
    if not single.exists() and any(folder.glob("*.bin")):
        raise SubjectError(
            f"{folder} has weights only as .bin files, which are not loaded here; convert them "
            "with model.save_pretrained(folder), which writes model.safetensors"
        )
    return [single]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise SubjectError(
            f"{path} is missing; give a folder that save_pretrained has written"
        ) from error
    except (OSError, ValueError) as error:
        raise SubjectError(f"{path} cannot be read ({error}); save the model again") from error
    if not isinstance(value, dict):
        raise SubjectError(f"{path} is not a JSON object; save the model again")
    return value


def _short_name(text: str) -> str:
    """Return what follows ``musicgen-``, as a file name: ``facebook/musicgen-small``, ``small``."""
    return re.sub(r"[^\w.-]+", "-", text.removeprefix("musicgen-")).strip("-.") or "model"


def _hub_folder(repository: str) -> Path:
    """Return the snapshot of a hub repository, from the hub's cache or else downloaded."""
    from huggingface_hub import snapshot_download

    try:
        if cached := find_snapshot(repository):
            check_folder(cached)
            return cached
    except SubjectError:
        if not _reachable(repository):
            raise  # the cached copy is what there is, and its fault is the one to name
    if problem := _unreachable(repository):
        raise SubjectError(
            f"model {repository} is not in the hub's cache and cannot be downloaded ({problem}); "
            "go online once, set HF_HOME to a cache that has it, or give a local folder"
        )
    try:
        downloaded = Path(snapshot_download(repository, allow_patterns=_WANTED))
    except Exception as error:
        raise SubjectError(
            f"model {repository} could not be downloaded ({_first_line(error)}); "
            "what has arrived is kept: try again"
        ) from error
    check_folder(downloaded)
    return downloaded


def _reachable(repository: str) -> bool:
    return not _unreachable(repository)


def _unreachable(repository: str) -> str:
    """Return why the hub does not offer ``repository``, or an empty text; asks once, briefly.

    The download itself retries for minutes where there is no network.
    """
    from huggingface_hub import HfApi

    try:
        HfApi().model_info(repository, timeout=_PROBE_TIMEOUT)
    except Exception as error:  # noqa: BLE001 - any failure is the answer, and it is reported
        return _first_line(error)
    return ""


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
