"""Tell files and folders apart by their contents, without reading gigabytes if it can be helped."""

from __future__ import annotations

import hashlib
import re
import zipfile
from fnmatch import fnmatch
from pathlib import Path

from proofbook.files import hash_file

__all__ = ["fingerprint", "revision_of"]

_COMMIT = re.compile(r"[0-9a-f]{40}")


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


def fingerprint(path: Path, *, without: str = "") -> str:
    """Return a sha256 that stands for the contents of a file, or of all files in a folder.

    Of a zip archive, which checkpoints are, the checksums in its directory are taken; that the
    data still fit them is for the reader of the data to verify. All else is read whole; but what
    lies in the folder under a name that fits ``without`` is left out.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            if without and fnmatch(file.relative_to(path).parts[0], without):
                continue
            digest.update(f"{file.relative_to(path).as_posix()} {fingerprint(file)}\n".encode())
        return digest.hexdigest()
    members = _members(path)
    if members is None:
        return hash_file(path)
    for member in members:
        digest.update(f"{member.filename} {member.CRC:08x} {member.file_size}\n".encode())
    return digest.hexdigest()


def _members(path: Path) -> list[zipfile.ZipInfo] | None:
    """Return the members of an archive; None where it is none, or has no checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile:
        return None
    return members if any(member.CRC for member in members) else None
