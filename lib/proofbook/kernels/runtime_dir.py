"""The folders of sockets: short paths, in folders that belong to this user alone.

A Unix socket's path is limited to 107 bytes, and a socket that others can reach would run their
code as this user.
"""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from pathlib import Path

from proofbook.errors import KernelError
from proofbook.processes import TemporaryFolder, remove_abandoned

__all__ = [
    "PRIVATE_PREFIX",
    "is_private",
    "listen",
    "private_folder",
    "remove_abandoned_folders",
    "runtime_folder",
]

PRIVATE_PREFIX = "pb-"
"""How the name of a folder begins that belongs to one forkserver or kernel alone."""

_LONGEST = 60
"""Bytes of a runtime folder that leave room for our own names."""


def is_private(folder: Path) -> bool:
    """Return whether a folder exists, is no link, and is this user's alone."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    ours = not hasattr(os, "getuid") or (
        status.st_uid == os.getuid() and not stat.S_IMODE(status.st_mode) & 0o077
    )
    return stat.S_ISDIR(status.st_mode) and ours


def runtime_folder() -> Path:
    """Return the folder of this user's sockets; it is created where it is missing.

    Where somebody else holds its name, or can look into it, another name is taken.

    Raises:
        KernelError: None can be created.
    """
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    if session and len(os.fsencode(session)) <= _LONGEST and is_private(Path(session)):
        folder = Path(session) / "proofbook"
    else:
        base = "/tmp" if os.name == "posix" else tempfile.gettempdir()  # TMPDIR may be long
        folder = Path(base) / f"proofbook-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    try:
        if not folder.is_symlink():
            folder.mkdir(mode=0o700, exist_ok=True)
        return folder if is_private(folder) else _other_folder(folder)
    except FileExistsError:
        return _other_folder(folder)
    except OSError as error:
        raise KernelError(f"{folder} cannot be created: {error.strerror}") from error


def _other_folder(folder: Path) -> Path:
    """Return a folder of this user's alone with a name like another's: always the same one."""
    try:
        own = [path for path in folder.parent.glob(f"{folder.name}-*") if is_private(path)]
        return min(own) if own else Path(tempfile.mkdtemp("", f"{folder.name}-", folder.parent))
    except OSError as error:
        raise KernelError(f"no folder can be created in {folder.parent}: {error}") from error


def private_folder() -> TemporaryFolder:
    """Create an empty folder for one forkserver or kernel.

    Raises:
        KernelError: The runtime folder is not ours or is full.
    """
    parent = runtime_folder()
    try:
        return TemporaryFolder(PRIVATE_PREFIX, parent)
    except OSError as error:
        raise KernelError(f"no folder can be created in {parent}: {error.strerror}") from error


def remove_abandoned_folders() -> None:
    """Remove the private folders of processes that were killed together with their guards."""
    remove_abandoned(PRIVATE_PREFIX, runtime_folder())


def listen(path: Path) -> socket.socket:
    """Listen at a socket that is for this user alone, in a folder of this user alone.

    Raises:
        PermissionError: The folder is open to others.
    """
    if not is_private(path.parent):
        raise PermissionError(f"{path.parent} must belong to you alone (mode 0700)")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    hidden = path.with_name(f"{path.name}+")  # nobody may find a socket that does not listen yet
    previous = os.umask(0o177)
    try:
        hidden.unlink(missing_ok=True)
        listener.bind(str(hidden))
    finally:
        os.umask(previous)
    listener.listen(128)
    hidden.replace(path)
    return listener
