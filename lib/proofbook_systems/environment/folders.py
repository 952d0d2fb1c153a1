"""Which folders can be written, and how much room they have.

A folder is tried by writing a file and removing it again: permissions alone do not tell of a
read-only mount, a full disk or a quota.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from proofbook.errors import SubjectError
from proofbook.hardware import disk_free_gb

__all__ = ["Folder", "inspect_folders", "relative_name", "require_folder"]

_PROBE = b"proofbook writes this and removes it\n"


@dataclass(frozen=True, kw_only=True)
class Folder:
    """One folder, as it was found."""

    name: str
    """As it was asked for."""
    path: Path
    state: Literal["writable", "missing", "not a folder", "not writable"]
    reason: str
    """What the system said where it is not writable."""
    free_gb: float
    """Free space on its disk, in GiB."""


def inspect_folders(names: Iterable[str], root: Path) -> tuple[Folder, ...]:
    """Try each folder; relative names start from ``root``."""
    return tuple(_inspect(name, root / Path(name).expanduser()) for name in dict.fromkeys(names))


def require_folder(path: Path) -> Path:
    """Return ``path`` in full.

    Raises:
        SubjectError: It is no folder.
    """
    if not path.expanduser().is_dir():
        raise SubjectError(f"project folder {path} does not exist; give the path of your project")
    return path.expanduser().resolve()


def relative_name(path: Path, root: Path) -> str:
    """Return ``path`` as it is called from ``root``; in full where it is elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _inspect(name: str, path: Path) -> Folder:
    state, reason = _state(path)
    return Folder(name=name, path=path, state=state, reason=reason, free_gb=disk_free_gb(path))


def _state(
    path: Path,
) -> tuple[Literal["writable", "missing", "not a folder", "not writable"], str]:
    if not path.exists():
        return "missing", "there is no such folder"
    if not path.is_dir():
        return "not a folder", "a file is in its place"
    try:
        _write_and_remove(path)
    except OSError as error:
        return "not writable", error.strerror or str(error)
    return "writable", ""


def _write_and_remove(folder: Path) -> None:
    handle, name = tempfile.mkstemp(dir=folder, prefix=".proofbook-probe-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_PROBE)
            file.flush()
            os.fsync(file.fileno())
    finally:
        Path(name).unlink(missing_ok=True)
