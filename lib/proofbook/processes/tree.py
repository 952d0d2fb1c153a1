"""Process trees on Linux: who descends from whom, and how all of them end.

Works on ``/proc`` (proc(5)) and system calls alone, so that a warden can use it without importing
anything. Knows nothing about kernels.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time

__all__ = [
    "SUPPORTED",
    "become_subreaper",
    "descendants",
    "descendants_running",
    "die_with_parent",
    "end_descendants",
    "name_process",
    "read_proc",
    "reap",
]

SUPPORTED = sys.platform == "linux" and hasattr(os, "pidfd_open")
"""Whether wardens are possible here."""

# The numbers of <linux/prctl.h>: Python has no binding of prctl(2).
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int | bytes) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    argument = value if isinstance(value, bytes) else ctypes.c_ulong(value)
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def become_subreaper() -> None:
    """Let orphaned descendants become children of this process, not of init."""
    # PR_SET_CHILD_SUBREAPER (prctl(2)): a program that has called setsid and lost its parent is
    # found among the descendants all the same. The setting is not inherited by children.
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(signum: int, parent: int) -> None:
    """Have this process sent a signal when its parent ends; at once if it has ended already."""
    # PR_SET_PDEATHSIG (prctl(2)) comes when the *thread* that forked this process ends, so only
    # the main thread may fork. It is cleared for the children of this process, but not by execve.
    _prctl(_PR_SET_PDEATHSIG, signum)
    # The parent may have ended before the call: then no signal comes.
    if os.getppid() != parent:
        os.kill(os.getpid(), signum)


def descendants_running(root: int, word: bytes) -> frozenset[int]:
    """Return the descendants of a process that have ``word`` in their command line."""
    pids = descendants(root)
    return frozenset(pid for pid in pids if word in read_proc(f"/proc/{pid}/cmdline"))


def name_process(name: str) -> None:
    """Set the name that ``ps`` and ``top`` show; at most 15 bytes."""
    _prctl(_PR_SET_NAME, name.encode()[:15] + b"\0")


def read_proc(path: str) -> bytes:
    """Return a file of ``/proc``; empty where the process has ended or may not be looked at."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, 1 << 16)
    except OSError:
        return b""
    finally:
        os.close(fd)


def _parent(pid: int) -> int:
    # The command name is in parentheses and may hold anything; the fields follow the last one.
    fields = read_proc(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


def descendants(root: int) -> dict[int, int]:
    """Return all descendants of a process, zombies included, as ``{pid: parent}``."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - called many times a second
        if entry.isdigit():
            children.setdefault(_parent(int(entry)), []).append(int(entry))
    below: dict[int, int] = {}
    queue = [root]
    while queue:
        parent = queue.pop()
        for child in children.get(parent, ()):
            below[child] = parent
            queue.append(child)
    return below


def _kill(pid: int, parent: int) -> None:
    # The handle (pidfd_open(2)) is taken first and the parent compared afterwards: a pid that was
    # reused in between belongs to someone else, and is left alone.
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if _parent(pid) in (parent, os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
    finally:
        os.close(handle)


def reap() -> dict[int, int]:
    """Collect every child that has ended, as ``{pid: wait status}``; does not block."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status


def end_descendants(within: float, spare: frozenset[int] = frozenset()) -> dict[int, int]:
    """SIGKILL and reap all descendants of this process, those born meanwhile included.

    Orphans come here only where this process is a subreaper. ``spare`` are children that are
    left alone with all that is theirs. Returns the wait statuses of the children that ended;
    gives up after ``within`` seconds, which only an uninterruptible process can reach.
    """
    statuses: dict[int, int] = {}
    deadline = time.monotonic() + within
    while True:
        statuses |= reap()
        remaining = _unspared(descendants(os.getpid()), spare)
        if not remaining or time.monotonic() > deadline:
            return statuses
        # Again and again: between the reading and the killing a process may fork.
        for pid, parent in remaining.items():
            _kill(pid, parent)
        time.sleep(0.002)


def _unspared(tree: dict[int, int], spare: frozenset[int]) -> dict[int, int]:
    spared = set(spare)
    kept: dict[int, int] = {}
    for pid, parent in tree.items():  # parents come before their children
        if pid in spared or parent in spared:
            spared.add(pid)
        else:
            kept[pid] = parent
    return kept
