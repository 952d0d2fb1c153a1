"""Proportional memory of process trees: a page that n processes share counts 1/n in each.

Knows nothing about what the processes are.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path

import psutil

from proofbook.errors import SubjectError

__all__ = ["process_tree", "tree_memory"]

_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)


def process_tree(roots: Iterable[int]) -> set[int]:
    """Return the processes ``roots`` and all that descend from them."""
    found: set[int] = set()
    for pid in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            found |= {pid, *(child.pid for child in process.children(recursive=True))}
    return found


def tree_memory(roots: Iterable[int]) -> int:
    """Return the proportional memory of ``roots`` and their descendants, in bytes.

    Raises:
        SubjectError: A root has ended, or this system does not tell proportional memory.
    """
    wanted = set(roots)
    measured = {pid: _pss(pid) for pid in process_tree(wanted)}
    if missing := sorted(pid for pid in wanted if not measured.get(pid)):
        raise SubjectError(
            f"no proportional memory of process {missing[0]}: it has ended, or this system does "
            "not tell it (Linux does, in /proc/<pid>/smaps_rollup)"
        )
    return sum(measured.values())


def _pss(pid: int) -> int:
    """Return a process's memory in bytes; 0 where it cannot be read."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = _PSS.search(text)
    return int(found[1]) * 1024 if found else 0
