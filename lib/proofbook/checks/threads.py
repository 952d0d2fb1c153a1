"""Threads that Python waits for before it ends: a notebook's last cell ends with them.

Daemon threads are not waited for, as Python does not either, nor those of pools, which Python tells
to end only when it ends itself (``concurrent.futures``). Knows nothing about checks.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

__all__ = ["wait_for_threads"]

_PATIENCE_SECONDS = 2.0
"""Less than Jupyter grants a kernel to end, 2.5 s, in which Python waits for the same threads."""

_POOLS = {
    "concurrent.futures.thread": "_threads_queues",
    "concurrent.futures.process": "_threads_wakeups",
}
"""Modules of pools, and where each keeps its threads; there is no public name."""


def wait_for_threads(
    seconds: float = _PATIENCE_SECONDS, clock: Callable[[], float] = time.monotonic
) -> None:
    """Return when no thread is left that would keep Python from ending, or after ``seconds``."""
    deadline = clock() + seconds
    while (threads := _lasting()) and (left := deadline - clock()) > 0:
        threads[0].join(left)


def _lasting() -> list[threading.Thread]:
    own = {threading.main_thread(), threading.current_thread()}
    of_pools = {
        thread
        for module, name in _POOLS.items()
        for thread in list(getattr(sys.modules.get(module), name, ()))
    }
    return [
        each for each in threading.enumerate() if not each.daemon and each not in own | of_pools
    ]
