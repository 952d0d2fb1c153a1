"""Tell files and folders apart by their contents.

A ``fingerprint`` does not read gigabytes if it can be helped; ``content_of`` reads every byte.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from proofbook.files import hash_file
from proofbook.records import PathContent

__all__ = [
    "content_of",
    "files_of",
    "fingerprint",
    "known_content",
    "note_hash",
    "revision_of",
    "weights_revision",
]

_COMMIT = re.compile(r"[0-9a-f]{40}")
_WEIGHTS = frozenset(
    {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".npz", ".h5", ".gguf", ".onnx", ".msgpack"}
)
"""Suffixes of files that hold tensors."""
_MOST_NOTED = 4096
_NOTED: dict[tuple[int, ...], str] = {}
"""Hashes of files, by what changes with any write."""


def revision_of(path: Path, *, without: str = "") -> str:
    """Return what tells a model, a program or a configuration from another version of it.

    Of a snapshot in a Hugging Face cache, its commit; of anything else, its fingerprint.

    Args:
        path: A file or a folder.
        without: Pattern of what lies in the folder and does not belong to it.

    Raises:
        OSError: It cannot be read.
    """
    if path.parent.name == "snapshots" and _COMMIT.fullmatch(path.name):
        return path.name
    return fingerprint(path, without=without)


def weights_revision(folder: Path, *, without: str = "") -> str:
    """Return what tells a trained model from another one: the contents of its weights.

    A training writes times, paths and logs next to them, which differ each time that the same model
    is trained. A folder without weights is told apart by all of its files.

    Args:
        folder: What a training has left.
        without: As for :func:`revision_of`.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    weights = [file for file in _kept_files(folder, without) if file.suffix in _WEIGHTS]
    if not weights:
        return revision_of(folder, without=without)
    for file in weights:
        digest.update(f"{file.relative_to(folder).as_posix()} {fingerprint(file)}\n".encode())
    return digest.hexdigest()


def fingerprint(path: Path, *, without: str = "") -> str:
    """Return a sha256 that stands for the contents of a file, or of all files in a folder.

    Of a zip archive, which checkpoints are, the checksums in its directory are taken; that the
    data still fit them is for the reader of the data to verify. All else is read whole; but what
    lies in the folder under a name that fits ``without`` is left out.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        for file in _kept_files(path, without):
            digest.update(f"{file.relative_to(path).as_posix()} {fingerprint(file)}\n".encode())
        return digest.hexdigest()
    members = _members(path)
    if members is None:
        return hash_file(path)
    for member in members:
        digest.update(f"{member.filename} {member.CRC:08x} {member.file_size}\n".encode())
    return digest.hexdigest()


def content_of(path: Path, *, hash_of: Callable[[Path], str] = hash_file) -> PathContent:
    """Return the sha256 and the size of a file, or of all files in a folder and their names.

    Args:
        path: What it is.
        hash_of: Returns the sha256 of a file; by default it is read.

    Raises:
        OSError: It does not exist, cannot be read, or is neither a file nor a folder.
    """
    if path.is_file():
        return PathContent(form="file", sha256=hash_of(path), size=path.stat().st_size)
    if not path.is_dir():
        raise OSError("is neither a file nor a folder" if path.exists() else "does not exist")
    digest, size = hashlib.sha256(), 0
    for file in files_of(path):
        name = os.fsencode(file.relative_to(path).as_posix())
        digest.update(name + b"\0" + hash_of(file).encode() + b"\n")
        size += file.stat().st_size
    return PathContent(form="folder", sha256=digest.hexdigest(), size=size)


def known_content(path: Path) -> PathContent:
    """Return what :func:`content_of` does; the bytes are read again only where a file has changed.

    Raises:
        OSError: As there.
    """
    files = files_of(path) if path.is_dir() else [path]
    return _content(path, tuple((str(file), *_marks(file.stat())) for file in files))


def note_hash(path: Path, sha256: str) -> None:
    """Have :func:`known_content` not read a file whose bytes somebody has just hashed.

    Args:
        path: A file that is not written any more.
        sha256: Of all its bytes.

    Raises:
        OSError: It does not exist.
    """
    _NOTED[_marks(path.stat())] = sha256
    while len(_NOTED) > _MOST_NOTED:
        with suppress(KeyError):  # another thread was first
            del _NOTED[next(iter(_NOTED))]


def files_of(folder: Path, _around: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield all files in a folder, sorted; a linked folder is entered, but not from within itself.

    Raises:
        OSError: A folder cannot be read.
    """
    real = folder.resolve()
    if real in _around:
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from files_of(path, (*_around, real))
        elif path.is_file():
            yield path


def _kept_files(folder: Path, without: str) -> list[Path]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    if not without:
        return files
    return [file for file in files if not fnmatch(file.relative_to(folder).parts[0], without)]


def _members(path: Path) -> list[zipfile.ZipInfo] | None:
    """Return the members of an archive; None where it is none, or has no checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile:
        return None
    return members if any(member.CRC for member in members) else None


def _noted_hash(path: Path) -> str:
    return _NOTED.get(_marks(path.stat())) or hash_file(path)


def _marks(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes with any write."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@functools.lru_cache(maxsize=128)
def _content(path: Path, state: object) -> PathContent:
    return content_of(path, hash_of=_noted_hash)
