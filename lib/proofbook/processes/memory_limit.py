"""Running out of memory: by a limit on what this process's descendants hold, or by the system."""

from __future__ import annotations

import contextlib
import os
import time

from proofbook.processes import tree
from proofbook.processes.usage import proportional_memory, resident_memory

__all__ = ["LOOK_SECONDS", "MemoryLimit", "system_oom_kills"]

LOOK_SECONDS = 0.1
"""How often the limit is to be looked after."""

_TREE_SECONDS = 0.5
_GIGA = 1e9


class MemoryLimit:
    """Looks after one limit; knows which processes descend from this one, half a second old."""

    def __init__(self, gigabytes: float) -> None:
        self._limit = gigabytes * _GIGA
        self._tree: set[int] = set()
        self._tree_read = 0.0

    def exceeded(self) -> str:
        """Return what is held of what is allowed, in words; empty within the limit."""
        now = time.monotonic()
        if now - self._tree_read > _TREE_SECONDS:
            self._tree, self._tree_read = set(tree.descendants(os.getpid())), now
        # The sum of resident pages counts shared ones many times and is cheap; only above the
        # limit is it worth asking for the proportional sum, which walks all page tables.
        if resident_memory(self._tree) < self._limit:
            return ""
        used = proportional_memory(self._tree)
        if used <= self._limit:
            return ""
        return f"{used / _GIGA:.2f} GB of {self._limit / _GIGA:.2f} GB"


def system_oom_kills() -> int:
    """Return how many processes the system has killed for want of memory since it started."""
    with contextlib.suppress(OSError), open("/proc/vmstat") as file:  # noqa: PTH123 - no pathlib here
        for line in file:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
