"""Follow documents through chunks that have them in another order, and what each batch leaves out.

Documents that are mixed and then cut, some of them at a time, lose less than a chunk of each batch.
Knows nothing about padding, nor about chunks that are mixed themselves.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from proofbook_systems.foundry.stores import Store

__all__ = ["follow_documents", "without_overlap"]

_KEY = 6
_ID = 8
"""Bytes of an id."""


@dataclass
class _Follower:
    documents: list[bytes]
    length: int
    """Ids of a chunk."""
    content: bytes
    known: dict[bytes, set[int]] = field(default_factory=lambda: defaultdict(set))
    sizes: set[int] = field(default_factory=set)
    at: int = 0
    begun: list[bytes] = field(default_factory=list)
    """Beginnings of documents that go on in no chunk."""
    order: list[int] = field(default_factory=list)
    """Documents that are there whole, as they come."""
    ends: int = 0
    """Chunks at whose end a document ends: a batch may have ended with it."""

    def run(self) -> bool:
        """Go to the end of the chunks; say whether all of them is of documents."""
        for number, document in enumerate(self.documents):
            key = document[: _KEY * _ID]
            self.known[key].add(number)
            self.sizes.add(len(key))
        while self.at < len(self.content):
            if not self._whole() and not self._beginning():
                return False
        return True

    def _whole(self) -> bool:
        """Go behind the longest document that is there whole."""
        keys = (self.content[self.at : self.at + size] for size in self.sizes)
        numbers = {number for key in keys for number in self.known.get(key, ())}
        fitting = [each for each in numbers
                   if self.content.startswith(self.documents[each], self.at)]  # fmt: skip
        if not fitting:
            return False
        # Of documents that are the same, the one that comes next in the file.
        last = self.order[-1] if self.order else -1
        number = max(fitting, key=lambda each: (len(self.documents[each]), each > last, -each))
        self.order.append(number)
        self.known[self.documents[number][: _KEY * _ID]].discard(number)
        self.at += len(self.documents[number])
        self.ends += self.at % (self.length * _ID) == 0
        return True

    def _beginning(self) -> bool:
        """Go to the end of the chunk in which a document begins that does not go on behind it."""
        width = self.length * _ID
        ends = range(self.at - self.at % width + width, len(self.content) + 1, width)
        left = self.left()
        for end in ends:
            part = self.content[self.at : end]
            fitting = [each for each in left if each.startswith(part)]
            if not fitting:
                return False
            following = self.content[end : end + _KEY * _ID]
            if not any(each.startswith(following, len(part)) for each in fitting) or not following:
                self.begun.append(part)
                self.at = end
                return True
        return False

    def loses_too_much(self) -> bool:
        """Say whether documents come as the file has them, and a chunk or more is lost at a place.

        Whoever mixes documents has no such places; whoever does not loses less at each.
        """
        if self.order != sorted(self.order):
            return False
        bounds = itertools.pairwise([-1, *self.order, len(self.documents)])
        runs = (self.documents[first + 1 : last] for first, last in bounds if first + 1 < last)
        return any(
            sum(map(len, run)) - max((len(each) for each in self.begun if run[0].startswith(each)),
                                     default=0) >= self.length * _ID for run in runs
        )  # fmt: skip

    def left(self) -> list[bytes]:
        """Return the documents that were not there whole so far."""
        return [self.documents[each] for numbers in self.known.values() for each in numbers]


def follow_documents(chunks: Store, documents: Store, length: int) -> int | None:
    """Return how many ids of documents chunks leave out; None where they are not of them.

    Args:
        chunks: Full ones, in the order in which documents were cut.
        documents: A row each, with what was put in front of and behind it, in any order.
        length: Ids of a chunk.
    """
    if bool((chunks.lengths != length).any()):
        return None
    follower = _Follower([row.tobytes() for row in documents.rows() if row.size], length,
                         chunks.flat.tobytes())  # fmt: skip
    if not follower.run() or follower.loses_too_much():
        return None
    left = sorted(follower.left(), key=len)
    room = [length - 1] * follower.ends
    for part in sorted(follower.begun, key=len, reverse=True):
        place = next((n for n, each in enumerate(left) if each.startswith(part)), None)
        if place is None:
            return None
        room.append(length - 1 - len(left.pop(place)[len(part) :]) // _ID)
    lost = documents.flat.size - chunks.flat.size
    return lost if min(room, default=0) >= 0 and _fit(left, room) else None


def _fit(left: Sequence[bytes], room: list[int]) -> bool:
    """Say whether what is nowhere fits behind what was cut off: a batch loses less than a chunk."""
    for document in reversed(left):
        size = len(document) // _ID
        place = next((n for n, each in enumerate(room) if each >= size), None)
        if place is None:
            return False
        room[place] -= size
    return True


def without_overlap(chunks: Store, length: int) -> tuple[Store, int] | None:
    """Return one row of the ids of windows, and what each has in common with the next one.

    None is returned where they have nothing in common.
    """
    if len(chunks) < 3 or bool((chunks.lengths != length).any()):
        return None
    rows = chunks.flat.reshape(-1, length)
    for step in range(1, length):
        same = length - step
        if bool((rows[1:, :same] == rows[:-1, step:]).all()):
            flat = np.concatenate([rows[0], rows[1:, same:].ravel()])
            return replace(chunks, flat=flat, lengths=np.asarray([flat.size])), same
    return None
