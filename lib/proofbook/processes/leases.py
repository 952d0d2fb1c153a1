"""Shared locks on temporary folders: one is removed only when nobody may use it any more.

A process that may use a folder holds a lease, which is a shared flock(2) on the folder itself. The
system releases it however its holder ends, and it holds between containers that share a file
system but no process ids. Uses the standard library alone, as the guard and wardens run it.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

__all__ = ["GUARD", "remove_folder", "remove_unused", "take_lease"]

GUARD = b"proofbook.processes.guard"
"""In the command line of a guard: a warden knows by it that one is about to clear up."""

try:
    import fcntl
except ImportError:  # Windows: folders cannot be locked there, and count as unused
    fcntl = None  # type: ignore[assignment]

_TRIES = 20
_PAUSE = 0.01


def take_lease(folder: str | Path) -> int | None:
    """Return a descriptor that holds a lease until it is closed; None where there is no folder.

    It is not inherited by programs that are executed: what a program may still use is for its
    warden to know.
    """
    if fcntl is None:
        return None
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
    except OSError:  # a network file system without locks: nobody can tell whether it is used
        os.close(fd)
        return None
    return fd


def remove_unused(folder: str | Path, *, wait: bool = False) -> bool:
    """Remove a folder on which nobody holds a lease; return whether it is gone.

    With ``wait``, a folder that is in use is removed as soon as it is not.
    """
    if fcntl is None:
        return not remove_folder(folder)
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        return not remove_folder(folder)
    except OSError:
        return False
    finally:
        os.close(fd)


def remove_folder(folder: str | Path) -> bool:
    """Remove a folder with all that is in it; return whether it is still there after a few tries.

    The first try may fail on Windows, where open files cannot be removed, and where a killed
    process has not quite ended.
    """
    for attempt in range(_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return False
        time.sleep(_PAUSE * attempt)
    return True
