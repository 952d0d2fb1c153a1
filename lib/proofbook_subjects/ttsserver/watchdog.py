"""End this process when its parent has gone. Polls, since not every system can tell."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable

__all__ = ["identity", "watch_parent"]

_INTERVAL = 0.5
_PATIENCE = 1.5
_QUERY = 0x1000
_STILL_ACTIVE = 259


def identity(pid: int) -> str:
    """Return what tells a process from a later one with its number; empty if there is none."""
    if sys.platform == "win32":
        return _windows_identity(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - polled for ever
            fields = file.read().rpartition(b")")[2].split()
    except FileNotFoundError:
        return _signalled(pid)
    except OSError:
        return ""
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()


def watch_parent(pid: int, ask_to_end: Callable[[], None]) -> None:
    """In a thread, wait for a process to go; then ask, and after a moment end this process."""
    known = identity(pid)

    def watch() -> None:
        while known and identity(pid) == known:
            time.sleep(_INTERVAL)
        print(f"parent process {pid} has gone; ending", file=sys.stderr, flush=True)  # noqa: T201 - its log
        ask_to_end()
        time.sleep(_PATIENCE)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _signalled(pid: int) -> str:
    """Return the number if there is such a process, where there is no ``/proc``."""
    if os.path.isdir("/proc/self"):  # noqa: PTH112 - no pathlib here
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return str(pid)


def _windows_identity(pid: int) -> str:
    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    handle = kernel.OpenProcess(_QUERY, False, pid)
    if not handle:
        return ""
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return str(pid) if code.value == _STILL_ACTIVE else ""
