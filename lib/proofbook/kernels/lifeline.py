"""A forkserver ends with its owner: the owner holds the other end of a pipe.

While it serves, a forkserver polls its end. While it imports, which may take a minute, nothing of
its own runs, so that a signal has to tell.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
from collections.abc import Callable

__all__ = ["stop_watching", "watch_while_importing"]


def watch_while_importing(lifeline: int, clear_up: Callable[[], None]) -> None:
    """Have this process end, after ``clear_up``, when the owner goes."""

    def end(*_: object) -> None:
        if select.select([lifeline], [], [], 0)[0]:
            clear_up()
            os._exit(0)

    # O_ASYNC sends SIGIO to the owner of the descriptor when it becomes readable (fcntl(2)).
    signal.signal(signal.SIGIO, end)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    os.kill(os.getpid(), signal.SIGIO)  # it may have gone before this was set up


def stop_watching(lifeline: int) -> None:
    """Leave the lifeline to a poll."""
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) & ~os.O_ASYNC)
    signal.signal(signal.SIGIO, signal.SIG_IGN)
