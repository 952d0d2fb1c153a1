"""A queue for a fixed number of slots: never more in use, and none idle while somebody waits.

A slot that is given back goes to the first in line at that moment. Lower priorities come first,
and within one priority who came first. Belongs to one event loop. Knows nothing about requests.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools

from proofbook_subjects.apis.client.errors import QueueFullError
from proofbook_subjects.apis.client.settings import Limits

__all__ = ["Place", "Slots"]

Place = tuple[int, int]
"""A priority, and the number of who came: who tries again keeps the place of the first time."""


class Slots:
    """``limits.max_concurrency`` slots, and the line for them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._free = limits.max_concurrency
        self._numbers = itertools.count()
        self._line: list[tuple[Place, asyncio.Future[None]]] = []
        self._waiting = 0

    @property
    def in_use(self) -> int:
        """Slots that are taken now."""
        return self._limits.max_concurrency - self._free

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return self._waiting

    def enter(self, priority: int = 0) -> Place:
        """Return a place in line.

        Raises:
            QueueFullError: All slots are taken, and as many wait as may wait.
        """
        if not self._free and self._waiting >= self._limits.max_queued:
            raise QueueFullError(
                f"{self._waiting} requests wait already: Limits(max_queued="
                f"{self._limits.max_queued}) allows no more; send fewer at once, or raise it"
            )
        return priority, next(self._numbers)

    async def take(self, place: Place) -> None:
        """Take a slot, when the turn of ``place`` has come; give it back with :meth:`give_back`."""
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._line, (place, turn))
        self._waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            self._leave(turn)
            raise

    def give_back(self) -> None:
        """Hand a slot to the first in line, or keep it free."""
        while self._line:
            _, turn = heapq.heappop(self._line)
            if not turn.done():
                self._waiting -= 1
                turn.set_result(None)
                return
        self._free += 1

    def close(self, error: Exception) -> None:
        """Send everyone away who waits: each raises ``error``."""
        waiting, self._line, self._waiting = self._line, [], 0
        for _, turn in waiting:
            if not turn.done():
                turn.set_exception(error)

    def _leave(self, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            if turn.exception() is None:
                self.give_back()  # the slot came in the moment of the cancellation
            return
        turn.cancel()
        self._waiting -= 1
        if len(self._line) > 2 * self._waiting + 64:
            self._line = [entry for entry in self._line if not entry[1].done()]
            heapq.heapify(self._line)
