"""Admit the jobs that are ready, in plan order, without starving a large one.

Where the first job does not fit, room is reserved for it: a later job starts only if the first
will still fit when all jobs that ran before have ended. So the first job waits for those alone, and
what it cannot use yet is used (batch schedulers call this backfilling). Knows a job by its number
in the plan alone.
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
    """What is free, and what is reserved for the first job that does not fit."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._free = Pool(capacity)
        self._reserved: tuple[int, Request] | None = None
        self._rest = Pool(capacity)
        """What the jobs that were started past the reservation leave of the whole capacity."""
        self._passed: set[int] = set()

    @property
    def full(self) -> bool:
        """Whether no further job may run, however small."""
        return self._free.full

    def take(self, number: int, request: Request) -> Allocation | None:
        """Take what job ``number`` of the plan needs, or return None; ask in plan order."""
        allocation = self._free.find(request)
        reserved = self._reserved[0] if self._reserved else None
        if allocation is None:
            if reserved is None or number < reserved:
                self._reserve(number, request)
            return None
        if reserved is not None and number > reserved and not self._pass(number, allocation):
            return None
        if number == reserved:
            self._reserved = None
        self._free.take(allocation)
        return allocation

    def give_back(self, number: int, allocation: Allocation) -> None:
        """Free what job ``number`` took."""
        self._free.give_back(allocation)
        if number in self._passed:
            self._passed.remove(number)
            self._rest.give_back(allocation)

    def _reserve(self, number: int, request: Request) -> None:
        self._reserved = (number, request)
        self._rest = Pool(self._capacity)
        self._passed = set()

    def _pass(self, number: int, allocation: Allocation) -> bool:
        """Let a job start past the reservation, if the reserved job still fits into the rest."""
        assert self._reserved is not None
        self._rest.take(allocation)
        if self._rest.find(self._reserved[1]) is None:
            self._rest.give_back(allocation)
            return False
        self._passed.add(number)
        return True
