"""Where an attempt's files go, for a machine that sees the run's own folder: nothing need travel.

Several nodes of a cluster may be one machine, or mount one disk. Nothing is assumed of that: a
machine looks for a word that the run has written where the files go.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

__all__ = ["SHARED_DISK", "Landing", "Mark", "leave_mark"]

SHARED_DISK = "PROOFBOOK_SHARED_DISK"
"""The environment variable that says ``off`` where no machine is to use the run's own folder."""
_NAME = "mark"
_LEAST = 2**20
"""Bytes of a file that is worth a call of its own."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A file in the run folder, which no other folder has at this place."""

    path: Path
    word: str = field(repr=False)

    def is_seen(self) -> bool:
        """Say whether this machine has the run's folder in the same place, and it is this user's.

        Who may only read there, or would leave files of another user, is a stranger to it.
        """
        try:
            return self.path.read_text() == self.word and self.path.stat().st_uid == os.geteuid()
        except (OSError, UnicodeDecodeError):
            return False


def leave_mark(folder: Path, environ: Mapping[str, str] = os.environ) -> Mark:
    """Write a mark into a folder of this run, unless a person wants all files to travel.

    Raises:
        OSError: It cannot be written.
    """
    mark = Mark(path=folder / _NAME, word=secrets.token_hex(16))
    if environ.get(SHARED_DISK) != "off":
        mark.path.write_text(mark.word)
    return mark


@dataclass(frozen=True, kw_only=True)
class Landing:
    """The folder on the run's machine that one attempt's files are brought into."""

    folder: Path
    mark: Mark

    def takes(self, path: Path, within: Path) -> bool:
        """Say whether a file is large, and of its owner's folder alone: it may be moved.

        A file that is reached through a link is not, nor one that has another name elsewhere.
        """
        status = path.lstat()
        is_own = path.resolve() == path and path.is_relative_to(within.resolve())
        return (
            stat.S_ISREG(status.st_mode)
            and status.st_size >= _LEAST
            and status.st_nlink == 1
            and is_own
        )

    def take(self, path: Path, at: str) -> bool:
        """Move a file to where it belongs; return whether that was possible.

        It is not where the run has given the attempt up, and removed the folder.
        """
        *folders, name = PurePosixPath(at).parts
        target = self.folder
        try:
            for part in folders:
                target /= part
                if not target.is_dir():
                    target.mkdir(exist_ok=True)  # never the folder itself, were it gone
            path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o777)
            shutil.move(path, target / name)  # by a copy, to another file system
        except OSError:
            return False
        return True
