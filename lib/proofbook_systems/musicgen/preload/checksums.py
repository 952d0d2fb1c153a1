"""Checksums: those that a source publishes of its files, and those noted of files that arrived.

``SHA256SUMS`` is what ``sha256sum`` writes, with or without ``--tag``. ``sha256.json`` is in the
cache next to a model's files; it names all that the source has before the first of them is brought,
so that a preload that was ended early is seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook.files import atomic_write

__all__ = [
    "NOTES_FILE",
    "PUBLISHED_FILE",
    "Note",
    "is_inside",
    "parse_published",
    "read_notes",
    "write_notes",
]

NOTES_FILE = "sha256.json"
PUBLISHED_FILE = "SHA256SUMS"
_LINE = re.compile(r"(?P<digest>[0-9a-fA-F]{64}) [ *](?P<path>.+)")
_TAGGED = re.compile(r"SHA256 \((?P<path>.+)\) = (?P<digest>[0-9a-fA-F]{64})")


class Note(NamedTuple):
    """What is known of one file of a model."""

    size: int | None
    """Bytes; None where it has not arrived and the source does not tell."""
    sha256: str
    """Empty where it has not arrived and the source does not tell."""
    arrived: bool = True
    """Whether it has been here whole."""


def parse_published(text: str, where: str) -> dict[str, str]:
    """Return the sha256 by file that a ``SHA256SUMS`` names; lines that begin with # are comments.

    Raises:
        SubjectError: A line is not a checksum, or of a file that is not next to it.
    """
    digests: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip()) or _TAGGED.fullmatch(line.strip())
        path = match["path"].removeprefix("./") if match else ""
        if match is None or not is_inside(path):
            raise SubjectError(f"{where}, line {number}, is not a checksum of a file next to it")
        digests[PurePosixPath(path).as_posix()] = match["digest"].lower()
    return digests


def is_inside(path: str) -> bool:
    """Say whether a relative path with forward slashes stays below where it starts."""
    windows = PureWindowsPath(path)
    absolute = PurePosixPath(path).is_absolute() or windows.drive or windows.root
    return bool(path) and not absolute and ".." not in windows.parts


def read_notes(folder: Path) -> dict[str, Note]:
    """Return what was noted of each file; empty where nothing was.

    Raises:
        SubjectError: The notes cannot be read.
    """
    try:
        value = json.loads((folder / NOTES_FILE).read_bytes())
        return {path: _note(path, entry) for path, entry in value.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise SubjectError(
            f"{folder / NOTES_FILE} is damaged ({error}); delete it and preload again"
        ) from error


def write_notes(folder: Path, notes: Mapping[str, Note]) -> None:
    """Replace the notes of a folder, whole or not at all.

    Raises:
        SubjectError: They cannot be written.
    """
    content = {path: note._asdict() for path, note in sorted(notes.items())}
    try:
        atomic_write(folder / NOTES_FILE, json.dumps(content, indent=1))
    except OSError as error:
        raise SubjectError(
            f"{folder / NOTES_FILE} cannot be written ({error.strerror or error}); free some space "
            "and try again"
        ) from error


def _note(path: str, entry: Mapping[str, object]) -> Note:
    size, digest = entry["size"], str(entry["sha256"])
    arrived = bool(entry.get("arrived", True))
    if not is_inside(path) or (arrived and not (isinstance(size, int) and len(digest) == 64)):
        raise ValueError(f"{path or 'a file without a name'} is noted as {dict(entry)}")
    return Note(size if isinstance(size, int) else None, digest, arrived)
