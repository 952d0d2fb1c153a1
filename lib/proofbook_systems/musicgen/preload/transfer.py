"""Bring one file from an origin to its place: resumed, checksummed, and whole or not there.

What has arrived is in ``<name>.part`` until the file is complete; next to it is noted which
version it is of, so that a file that has changed meanwhile is started again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook_systems.musicgen.preload.origins import Origin, RemoteFile, Stream

__all__ = ["Progress", "bring", "part_of", "version_of"]

Progress = Callable[[str, int, int | None], None]
"""Called with the file, the bytes that are here, and the bytes of the whole where known."""

_TRIES = 5
"""Failures in a row, without a byte in between, after which it is given up."""
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
        SubjectError: The origin refuses or keeps failing, the file does not have the checksum that
            the origin tells, or the disk is full.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(place)
    resumed, digest = True, ""
    while resumed:  # a part of another version may show in the checksum alone: then once more
        resumed = not _linked(origin, file, part) and _received(origin, file, part, progress, sleep)
        digest = hash_file(part)
        if not file.sha256 or digest == file.sha256:
            version_of(part).unlink(missing_ok=True)
            part.replace(place)
            return digest
        _discard(part)
    raise SubjectError(
        f"{file.path} from {origin.name} has sha256 {digest[:12]}… and should have "
        f"{file.sha256[:12]}…; it was thrown away: try again, or tell the source's owner"
    )


def part_of(place: Path) -> Path:
    """Return where a file is while it is unfinished."""
    return place.with_name(f"{place.name}.part")


def version_of(part: Path) -> Path:
    """Return where it is noted which version an unfinished file is of."""
    return part.with_name(f"{part.name}.version")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    version_of(part).unlink(missing_ok=True)


def _linked(origin: Origin, file: RemoteFile, part: Path) -> bool:
    """Link the file where that is as good as a copy and possible; it costs no space."""
    source = origin.local(file.path) if origin.linked else None
    if source is None:
        return False
    _discard(part)
    try:
        os.link(source, part)
    except OSError:
        return False  # another disk, or one without links: it is copied
    return True


def _received(
    origin: Origin,
    file: RemoteFile,
    part: Path,
    progress: Progress,
    sleep: Callable[[float], None],
) -> bool:
    """Complete the part; return whether some of it had been there before."""
    resumed, failures = _size(part) > 0, 0
    problem: Exception | None = None
    while failures < _TRIES:
        before = _size(part)
        try:
            if _receive(origin, file, part, progress):
                return resumed
            problem = EOFError("the connection ended early")
        except httpx.HTTPError as error:
            problem = error
        except OSError as error:
            raise SubjectError(
                f"{part} cannot be written ({error.strerror or error}); what has arrived is kept: "
                "free some space and try again"
            ) from error
        failures = 1 if _size(part) > before else failures + 1
        if failures < _TRIES:
            sleep(_PAUSE_SECONDS * 2**failures)
    raise SubjectError(
        f"{file.path} could not be read from {origin.name} ({type(problem).__name__}: {problem}); "
        "what has arrived is kept: try again"
    ) from problem


def _receive(origin: Origin, file: RemoteFile, part: Path, progress: Progress) -> bool:
    """Add to the part what is missing; return whether it is complete."""
    note = version_of(part)
    have = _size(part)
    version = note.read_text() if have and note.exists() else ""
    with origin.open(file.path, have, version) as stream:
        if stream.start != have:
            _discard(part)
            have = 0
        note.write_text(stream.version)
        have = _append(stream, part, have, file, progress)
        whole = stream.size if stream.size is not None else file.size
    return whole is None or have == whole


def _append(stream: Stream, part: Path, have: int, file: RemoteFile, progress: Progress) -> int:
    with part.open("ab") as target:
        for chunk in stream.chunks:
            target.write(chunk)
            have += len(chunk)
            progress(file.path, have, stream.size)
        target.flush()
        os.fsync(target.fileno())
    return have


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
