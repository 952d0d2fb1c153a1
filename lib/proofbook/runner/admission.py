"""Let the jobs that are ready in, in plan order, without starving a large one.

Where the first job does not fit, a place is held for it: a later one starts only if the first would
still fit beside all that were started past it, once those end that ran before. So no job waits for
ever, and nothing idles that a later job could use (backfilling, as batch schedulers call it).
Knows jobs by their number in the plan alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from proofbook.runner.capacity import Allocation, Capacity, Pool, Request

__all__ = ["ReadyJobs", "Room"]


class ReadyJobs:
    """Jobs that may start, those of equal requests in one queue: if one does not fit, none does."""

    def __init__(self) -> None:
        self._queues: dict[Request, list[tuple[int, str]]] = {}

    def __bool__(self) -> bool:
        return bool(self._queues)

    def push(self, request: Request, number: int, id_: str) -> None:
        """Add a job; ``number`` is its place in the plan."""
        heapq.heappush(self._queues.setdefault(request, []), (number, id_))

    def pop(self, request: Request) -> str:
        """Remove and return the first job with this request."""
        queue = self._queues[request]
        id_ = heapq.heappop(queue)[1]
        if not queue:
            del self._queues[request]
        return id_

    def in_order(self) -> Iterator[tuple[int, Request]]:
        """Yield the first job of each queue, in plan order; of one that was popped, the next."""
        heads = [(queue[0][0], request) for request, queue in self._queues.items()]
        heapq.heapify(heads)
        while heads:
            number, request = heapq.heappop(heads)
            yield number, request
            queue = self._queues.get(request)
            if queue and queue[0][0] != number:
                heapq.heappush(heads, (queue[0][0], request))

    def drain(self) -> list[str]:
        """Remove and return all jobs."""
        drained = [id_ for queue in self._queues.values() for _, id_ in queue]
        self._queues.clear()
        return drained


class Room:
    """What is free, and the place held for the first job that does not fit."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._free = Pool(capacity)
        self._held: tuple[int, Request] | None = None
        self._beside = Pool(capacity)
        """What is free beside those that were started past the held one."""
        self._passed: set[int] = set()

    @property
    def full(self) -> bool:
        """Whether no further job may run, however small."""
        return self._free.full

    def take(self, number: int, request: Request) -> Allocation | None:
        """Take what job ``number`` of the plan needs, or return None; ask in plan order."""
        allocation = self._free.find(request)
        held = self._held[0] if self._held else None
        if allocation is None:
            if held is None or number < held:
                self._hold(number, request)
            return None
        if held is not None and number > held and not self._pass(number, allocation):
            return None
        if number == held:
            self._held = None
        self._free.take(allocation)
        return allocation

    def give_back(self, number: int, allocation: Allocation) -> None:
        """Free what job ``number`` took."""
        self._free.give_back(allocation)
        if number in self._passed:
            self._passed.remove(number)
            self._beside.give_back(allocation)

    def _hold(self, number: int, request: Request) -> None:
        self._held = (number, request)
        self._beside = Pool(self._capacity)
        self._passed = set()

    def _pass(self, number: int, allocation: Allocation) -> bool:
        """Let a job start before the held one, if that would still fit beside all such jobs."""
        assert self._held is not None
        self._beside.take(allocation)
        if self._beside.find(self._held[1]) is None:
            self._beside.give_back(allocation)
            return False
        self._passed.add(number)
        return True
