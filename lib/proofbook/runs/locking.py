"""Hold a file of a run as a lock between processes.

Knows nothing about what is done while it is held.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proofbook.errors import RunFolderError

__all__ = ["locked"]

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


@contextmanager
def locked(path: Path, *, busy: str = "") -> Iterator[None]:
    """Hold a lock file, which is made where there is none.

    Args:
        path: The file.
        busy: What is said where another process holds it; by default, it is waited for.

    Raises:
        RunFolderError: What is there is no plain file, it cannot be opened, or it is held.
    """
    from filelock import FileLock, Timeout

    _refuse_other_kinds(path)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=not busy)
    except Timeout as error:
        raise RunFolderError(busy) from error
    except OSError as error:
        raise RunFolderError(f"{path} cannot be locked: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def _refuse_other_kinds(path: Path) -> None:
    # A run that was received may hold anything under this name; what opening it does is unknown.
    try:
        mode = path.lstat().st_mode
    except OSError:  # there is none, or opening it says why not
        return
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "a device")
        raise RunFolderError(f"{path} is {kind}, and a lock is a plain file: remove it")
