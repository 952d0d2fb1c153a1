"""``models_manifest.json``: short key to hub id, place in the cache, purpose and licence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from proofbook.errors import SubjectError
from proofbook.files import atomic_write

__all__ = ["ManifestEntry", "complete_manifest", "read_manifest", "write_manifest"]


class ManifestEntry(BaseModel):
    """One model; fields of other programs are kept as they are."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    hf_id: str = Field(min_length=1)
    """Id on the hub, or what stands for it."""
    local_path: str = Field(min_length=1)
    """Folder, relative to the cache, with forward slashes."""
    purpose: str = ""
    """What the model is for."""
    license: str = ""
    """Licence of the weights."""

    @field_validator("local_path")
    @classmethod
    def _stay_inside(cls, value: str) -> str:
        windows, posix = PureWindowsPath(value), PurePosixPath(value)
        if posix.is_absolute() or windows.is_absolute() or windows.drive:
            raise ValueError(f"{value} is absolute; write a path relative to the cache")
        if ".." in windows.parts:
            raise ValueError(f"{value} leads out of the cache; write it without ..")
        if not windows.parts:
            raise ValueError(f"{value} is the cache itself; name a folder in it")
        return windows.as_posix()


def read_manifest(path: Path, root: Path) -> dict[str, ManifestEntry]:
    """Return the models of a manifest by short key; empty where there is no file.

    ``root`` is the cache that places are relative to.

    Raises:
        SubjectError: It is not a manifest, names a place outside of the cache, or one key or place
            twice.
    """
    try:
        value = json.loads(path.read_bytes(), object_pairs_hook=_once)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SubjectError(f"manifest {path} cannot be read ({error}); correct it") from error
    if not isinstance(value, dict):
        raise SubjectError(f"manifest {path} is not an object; write {{short key: {{hf_id, …}}}}")
    entries = {key: _entry(key, entry, path) for key, entry in value.items()}
    _check_places(entries, path, root)
    return entries


def complete_manifest(path: Path, root: Path, entries: Mapping[str, ManifestEntry]) -> None:
    """Add entries to a manifest; those of another process that is at it are kept.

    Raises:
        SubjectError: The manifest is none any more, or cannot be written, or the entries do not
            fit into it.
    """
    from filelock import FileLock

    there = read_manifest(path, root)
    if path.is_file() and {**there, **entries} == there:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            whole = {**read_manifest(path, root), **entries}
            _check_places(whole, path, root)
            write_manifest(path, whole)
    except OSError as error:
        lacking = ", ".join(key for key in entries if entries[key] != there.get(key))
        raise SubjectError(
            f"manifest {path} lacks {lacking} and cannot be written ({error.strerror or error}); "
            "give another as manifest"
        ) from error


def write_manifest(path: Path, entries: Mapping[str, ManifestEntry]) -> None:
    """Write a manifest whole or not at all."""
    content = {key: entry.model_dump() for key, entry in entries.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object whose keys are there once: of two, JSON keeps one without a word."""
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice} is there twice")
    return value


def _entry(key: str, value: object, path: Path) -> ManifestEntry:
    try:
        return ManifestEntry.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, (key, *first["loc"])))
        why = str(first["msg"]).removeprefix("Value error, ")
        raise SubjectError(f"manifest {path}: {where}: {why}") from error


def _check_places(entries: Mapping[str, ManifestEntry], path: Path, root: Path) -> None:
    places: dict[Path, str] = {}
    for key, entry in entries.items():
        place = (root / entry.local_path).resolve()
        if not place.is_relative_to(root.resolve()):
            raise SubjectError(
                f"manifest {path}: {key}.local_path: {entry.local_path} is a link out of the "
                "cache; put the files there"
            )
        if place in places:
            raise SubjectError(
                f"manifest {path}: {key}.local_path: {places[place]} has the same place; give each "
                "its own"
            )
        places[place] = key
