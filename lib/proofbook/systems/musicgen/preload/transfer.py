"""Bring one file from an origin to its place: resumed, checksummed, and whole or not there.

What has arrived lies in ``<name>.part`` until the file is complete; beside it is noted which
version it is of, so that a file that has changed meanwhile is begun anew.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from proofbook.errors import SubjectError
from proofbook.systems.musicgen.preload.origins import Origin, RemoteFile, Stream

__all__ = ["Progress", "bring"]

Progress = Callable[[str, int, int | None], None]
"""Called with the file, the bytes that are here, and the bytes of the whole where known."""

_TRIES = 5
_PAUSE_SECONDS = 0.5


def bring(
    origin: Origin,
    file: RemoteFile,
    place: Path,
    progress: Progress,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Bring ``file`` to ``place`` and return its sha256; a connection that breaks is taken up.

    Raises:
        SubjectError: The origin keeps failing, the file does not have the checksum that the
            origin tells, or the disk is full.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f"{place.name}.part")
    problem: Exception | None = None
    for attempt in range(_TRIES):
        if attempt:
            sleep(_PAUSE_SECONDS * 2**attempt)
        try:
            if _receive(origin, file, part, progress):
                return _finished(origin, file, part, place)
            problem = EOFError("the connection ended early")
        except httpx.HTTPError as error:
            problem = error
        except OSError as error:
            raise SubjectError(
                f"{place} cannot be written ({error.strerror or error}); what has arrived is kept: "
                "free some space and try again"
            ) from error
    raise SubjectError(
        f"{file.path} could not be read from {origin.name} ({type(problem).__name__}: {problem}); "
        "what has arrived is kept: try again"
    ) from problem


def _receive(origin: Origin, file: RemoteFile, part: Path, progress: Progress) -> bool:
    """Add to the part what is missing; return whether it is complete."""
    note = part.with_name(f"{part.name}.version")
    have = part.stat().st_size if part.exists() else 0
    version = note.read_text() if note.exists() else ""
    with origin.open(file.path, have, version) as stream:
        if stream.start == 0:
            have = 0
        note.write_text(stream.version)
        have = _append(stream, part, have, file, progress)
        whole = stream.size if stream.size is not None else file.size
    return whole is None or have == whole


def _append(stream: Stream, part: Path, have: int, file: RemoteFile, progress: Progress) -> int:
    with part.open("ab" if have else "wb") as target:
        for chunk in stream.chunks:
            target.write(chunk)
            have += len(chunk)
            progress(file.path, have, stream.size)
        target.flush()
        os.fsync(target.fileno())
    return have


def _finished(origin: Origin, file: RemoteFile, part: Path, place: Path) -> str:
    with part.open("rb") as received:
        digest = hashlib.file_digest(received, "sha256").hexdigest()
    note = part.with_name(f"{part.name}.version")
    note.unlink(missing_ok=True)
    if file.sha256 and digest != file.sha256:
        part.unlink()
        raise SubjectError(
            f"{file.path} from {origin.name} has sha256 {digest[:12]}… and should have "
            f"{file.sha256[:12]}…; it was thrown away: try again, or tell the mirror's owner"
        )
    part.replace(place)
    return digest
