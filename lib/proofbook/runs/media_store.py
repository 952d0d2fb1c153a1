"""Evidence files of a run: each stored once, under its hash."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from proofbook.files import hash_file
from proofbook.records import MediaFile

__all__ = ["store_media"]

_MEDIA_TYPES = {
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".txt": "text/plain",
    ".log": "text/plain",
    ".json": "application/json",
    ".md": "text/markdown",
}


def store_media(folder: Path, source: Path | bytes, suffix: str) -> MediaFile:
    """Copy a file or bytes into ``folder`` under its hash; an identical one is kept as it is.

    Raises:
        OSError: The source cannot be read, or the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    incoming = folder / f".incoming-{secrets.token_hex(6)}"
    try:
        incoming.open("xb").close()  # with the mode that this user's umask leaves
        if isinstance(source, bytes):
            incoming.write_bytes(source)
        else:
            shutil.copyfile(source, incoming)
        with incoming.open("rb+") as file:
            os.fsync(file.fileno())
        digest, size = hash_file(incoming), incoming.stat().st_size
        media = MediaFile(
            sha256=digest,
            suffix=suffix,
            size=size,
            media_type=_MEDIA_TYPES.get(suffix, "application/octet-stream"),
        )
        incoming.chmod(incoming.stat().st_mode & 0o444)
        incoming.replace(folder / media.filename)
    finally:
        incoming.unlink(missing_ok=True)
    return media
