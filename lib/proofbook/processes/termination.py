"""End a program with everything that it has started: first asked, then forced.

On Linux nothing escapes, as orphans come to the supervisor. On macOS the group and the known
descendants are ended, on Windows ``taskkill`` ends the tree.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from proofbook.processes import tree

__all__ = ["Ending", "describe_exit", "end_tree", "remove_folders"]

_FORCED_SECONDS = 5.0
_PAUSE = 0.01

How = Literal["exited", "terminated", "killed"]


class Ending(NamedTuple):
    """How a program ended, and what is left of it."""

    how: How
    """``exited`` by itself, ``terminated`` when asked, or ``killed`` since it did not end."""
    code: int | None
    """Exit code; minus the signal's number where a signal ended it; None if it is not known."""
    left: tuple[str, ...]
    """Processes and folders that could not be removed."""


def describe_exit(code: int | None) -> str:
    """Return an exit code in words, such as ``was killed by SIGSEGV``."""
    if code is None:
        return "ended in a way that is not known"
    if code >= 0:
        return f"exited with code {code}"
    with contextlib.suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"


def end_tree(
    root: subprocess.Popen[bytes],
    grace: float,
    *,
    system: str = "",
    run: Callable[[Sequence[str]], object] | None = None,
) -> tuple[How, int | None]:
    """End a child and what descends from it, and return how, with its exit code.

    Args:
        root: A child that leads a session of its own.
        grace: Seconds that it has between being asked and being forced.
        system: As ``platform.system()`` names it.
        run: Runs ``taskkill``.
    """
    system = system or platform.system()
    if root.poll() is not None:
        how: How = "exited"
    elif system == "Windows":
        (run or _run)(["taskkill", "/F", "/T", "/PID", str(root.pid)])
        how = "terminated"
    else:
        how = "terminated" if _ended_when_asked(root, grace) else "killed"
    return how, _force(root, system)


def remove_folders(folders: Sequence[str]) -> list[str]:
    """Remove folders, and return those that are still there after a few tries."""
    for attempt in range(20):
        left = [folder for folder in folders if Path(folder).exists()]
        if not left:
            return []
        time.sleep(_PAUSE * attempt)
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)
    return [folder for folder in folders if Path(folder).exists()]


def _ended_when_asked(root: subprocess.Popen[bytes], grace: float) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(root.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while root.poll() is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _force(root: subprocess.Popen[bytes], system: str) -> int | None:
    """Kill whatever is left, and return the root's exit code."""
    if system != "Windows":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(root.pid, signal.SIGKILL)
    if system != "Linux" or not tree.SUPPORTED:
        with contextlib.suppress(subprocess.TimeoutExpired):
            root.wait(_FORCED_SECONDS)
        return root.returncode
    statuses = tree.end_descendants(_FORCED_SECONDS)
    if root.returncode is None and root.pid in statuses:
        root.returncode = os.waitstatus_to_exitcode(statuses[root.pid])
    return root.returncode


def _run(command: Sequence[str]) -> object:
    return subprocess.run(
        command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
