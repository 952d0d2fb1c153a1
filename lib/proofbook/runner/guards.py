"""Guards around a run: one process executes it, and a signal cancels it cleanly."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from proofbook.runs.folder import RunFolder
from proofbook.runs.locking import locked

__all__ = ["cancelled_by_signals", "claimed"]


@contextmanager
def claimed(folder: RunFolder) -> Iterator[None]:
    """Hold the run for this process.

    Raises:
        RunFolderError: Another process is executing it, or it cannot be locked.
    """
    busy = f"{folder.path} is being executed by another process"
    with locked(folder.path / ".lock", busy=busy):
        yield


@contextmanager
def cancelled_by_signals(cancel: Callable[[], None]) -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into a clean cancel; a second one ends at once.

    ``cancel`` is called inside a signal handler, in the middle of anything: it may take no lock and
    write nothing.
    """
    cancelled = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal cancelled
        if cancelled:
            os._exit(130)
        cancelled = True
        cancel()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Callable[..., Any] | int | None] = {
        number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
