"""What is left when a run is over: processes, dead ones that nobody collected, folders.

Looks at the whole machine, so it is told what to look for. Knows nothing about their owners.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

__all__ = ["existing", "files_below", "processes_with", "remaining", "zombies"]


def processes_with(name: str, value: str) -> list[str]:
    """Return living processes, other than this one, with this variable in their environment."""
    names = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(name) == value:
                names.append(f"{process.pid} {process.name()}")
    return names


def zombies(since: float, until: float) -> list[str]:
    """Return dead processes that nobody has collected: this one's, and kernels of that time.

    Args:
        since: Seconds since the epoch, when the run began.
        until: When it ended.
    """
    mine = {child.pid for child in psutil.Process().children(recursive=True)}
    names = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ours = process.pid in mine or process.name().startswith("pb-")
            then = since <= process.create_time() <= until
            if ours and then and process.status() == psutil.STATUS_ZOMBIE:
                names.append(f"{process.pid} {process.name()}")
    return names


def existing(paths: Iterable[str]) -> list[str]:
    """Return those paths that exist."""
    return sorted(path for path in set(paths) if Path(path).exists())


def files_below(folder: Path) -> list[str]:
    """Return everything below a folder, by its path in it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def remaining(find: Callable[[], list[str]], patience: float) -> list[str]:
    """Return what ``find`` still returns after at most ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while (left := find()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left
