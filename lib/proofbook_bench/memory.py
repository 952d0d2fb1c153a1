"""Proportional memory of process trees: a page that n processes share counts 1/n in each.

Knows nothing about what the processes are.
"""

from __future__ import annotations

from collections.abc import Iterable

from proofbook.errors import SubjectError
from proofbook.processes import process_tree, proportional_memory

__all__ = ["tree_memory"]


def tree_memory(roots: Iterable[int]) -> int:
    """Return the proportional memory of ``roots`` and their descendants, in bytes.

    Raises:
        SubjectError: A root has ended, or this system does not tell proportional memory.
    """
    pids = set(roots)
    if missing := sorted(pid for pid in pids if not proportional_memory([pid])):
        raise SubjectError(
            f"no proportional memory of process {missing[0]}: it has ended, or this system does "
            "not tell it (Linux does, in /proc/<pid>/smaps_rollup)"
        )
    return proportional_memory(process_tree(pids))
