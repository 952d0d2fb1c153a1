"""What processes hold in memory and have computed, in bytes and seconds.

The one reader of such figures: ``/proc`` on Linux, psutil elsewhere. A process that has ended
counts 0. Knows nothing about what the processes are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from proofbook.processes.tree import SUPPORTED, descendants, read_proc

__all__ = [
    "anonymous_memory",
    "cpu_seconds",
    "process_tree",
    "proportional_memory",
    "queued_seconds",
    "resident_memory",
]

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def process_tree(roots: Iterable[int]) -> set[int]:
    """Return the processes ``roots`` and all that descend from them."""
    return {pid for root in roots for pid in (root, *_below(root))}


def resident_memory(pids: Iterable[int]) -> int:
    """Return the summed resident memory (RSS); a page that two of them share counts twice."""
    return sum(_resident(pid) for pid in pids)


def proportional_memory(pids: Iterable[int]) -> int:
    """Return the summed proportional memory (PSS): a page that n processes share counts 1/n.

    Linux alone tells it; elsewhere it is 0.
    """
    return sum(_kilobytes(f"/proc/{pid}/smaps_rollup", b"Pss:") or 0 for pid in pids)


def anonymous_memory(pid: int | None = None) -> int | None:
    """Return the resident memory of a process that no file backs; by default of this process.

    Pages of a mapped file can be dropped at any time and do not count. None where nothing tells.
    """
    return _kilobytes(f"/proc/{pid or 'self'}/status", b"RssAnon:")


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the seconds that processes have computed, in user and in system mode."""
    return sum(_cpu(pid) for pid in pids)


def queued_seconds(pids: Iterable[int]) -> float:
    """Return the seconds that threads of processes were ready and other programs had the cores.

    Linux alone tells it; elsewhere it is 0.
    """
    return sum(_queued(pid) for pid in pids)


def _queued(pid: int) -> float:
    try:
        threads = [each.name for each in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return 0.0  # it has ended, or this is not Linux
    # The kernel's documentation of sched-stats: the second number is the nanoseconds in the queue.
    fields = [read_proc(f"/proc/{pid}/task/{thread}/schedstat").split() for thread in threads]
    return sum(int(each[1]) for each in fields if len(each) > 1) / 1e9


def _below(root: int) -> Iterable[int]:
    if SUPPORTED:
        return descendants(root)
    import psutil

    try:
        return [child.pid for child in psutil.Process(root).children(recursive=True)]
    except psutil.Error:
        return []


def _resident(pid: int) -> int:
    if SUPPORTED:
        fields = read_proc(f"/proc/{pid}/statm").split()
        return int(fields[1]) * _PAGE if len(fields) > 1 else 0
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def _cpu(pid: int) -> float:
    if SUPPORTED:
        # proc(5): fields 14 and 15; the second, the command's name, may hold blanks.
        fields = read_proc(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS if len(fields) > 12 else 0.0
    import psutil

    try:
        return float(sum(psutil.Process(pid).cpu_times()[:2]))
    except psutil.Error:
        return 0.0


def _kilobytes(path: str, name: bytes) -> int | None:
    for line in read_proc(path).splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return None
