"""Tells the attempts of a run, wherever they are, that it is cancelled, and what time it is."""

from __future__ import annotations

import asyncio
import contextlib
import time

__all__ = ["Control"]


class Control:
    """An actor beside the run: an attempt that can no longer reach it has nobody to work for."""

    def __init__(self) -> None:
        self._cancelled = asyncio.Event()

    async def cancel(self) -> None:
        """Tell everyone who waits, and everyone who comes later."""
        self._cancelled.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until the run is cancelled, at most so long; return whether it is."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._cancelled.wait(), seconds)
        return self._cancelled.is_set()

    async def clock(self) -> float:
        """Return the seconds of the one clock that all machines of a run go by."""
        return time.monotonic()
