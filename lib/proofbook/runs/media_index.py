"""Hashes of a run's files, each computed once for as long as the file stays as it is.

Knows nothing about who asks: the judge of a job, a report, a review.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from proofbook.files import hash_file
from proofbook.records import MediaFile

__all__ = ["MediaIndex"]


class _Stamp(NamedTuple):
    """What changes with a file; the time of its inode cannot be set back."""

    size: int
    mtime_ns: int
    ctime_ns: int


class MediaIndex:
    """The media folder of one run, with a memory of what was hashed.

    Args:
        folder: ``media/`` of a run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hashes: dict[Path, tuple[_Stamp, str]] = {}

    def sha256(self, path: Path) -> str:
        """Return a file's sha256; it is read again only where its size or times have changed.

        Raises:
            OSError: It cannot be read.
        """
        return self._sha256(path, path.stat())

    def problem(self, file: MediaFile) -> str:
        """Return what is wrong with a stored media file, or nothing."""
        path = self.folder / file.filename
        try:
            status = path.lstat()  # a link may point to other bytes at any time
            if stat.S_ISLNK(status.st_mode):
                return "is a link, not a file"
            if not stat.S_ISREG(status.st_mode):
                return "is missing"
            if status.st_size != file.size or self._sha256(path, status) != file.sha256:
                return "has other bytes than were recorded"
        except FileNotFoundError:
            return "is missing"
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        return ""

    def _sha256(self, path: Path, status: os.stat_result) -> str:
        stamp = _Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = self._hashes.get(path)
        if known is None or known[0] != stamp:
            known = self._hashes[path] = (stamp, hash_file(path))
        return known[1]
