"""Part rows that are a whole batch in one: chunk after chunk, as where no row is to be padded.

Knows nothing of what the chunks are.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from proofbook_systems.foundry.stores import Ids, Store
from proofbook_systems.training.watching import Batch, Row, Watched, row_digest

__all__ = ["part_rows"]

_KEY = 4


class _Chunks:
    """The rows of stores, to be found by how they begin."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self._known: set[bytes] = set()
        self._lengths: dict[bytes, set[int]] = {}
        self.longest = max((int(store.lengths.max()) for store in stores), default=0)
        for row in (row for store in stores for row in store.rows() if row.size):
            self._known.add(row.tobytes())
            self._lengths.setdefault(row[:_KEY].tobytes(), set()).add(row.size)

    def parts_of(self, ids: Ids) -> list[Ids]:
        """Return the rows that follow each other in ids; none where they are not all of rows."""
        ends, failed = [0], set[int]()
        while ends[-1] < ids.size:
            at = ends[-1]
            if after := self._next(ids, at, failed):
                ends.append(after)
                continue
            failed.add(ends.pop())
            if not ends:
                return []
        return [ids[first:last] for first, last in itertools.pairwise(ends)]

    def _next(self, ids: Ids, at: int, failed: set[int]) -> int:
        """Return where the longest row ends that begins there and leads on; 0 where none does."""
        keys = [ids[at : at + size].tobytes() for size in range(1, _KEY + 1)]
        lengths = sorted({n for key in keys for n in self._lengths.get(key, ())}, reverse=True)
        ends = (at + n for n in lengths if ids[at : at + n].tobytes() in self._known)
        return next((end for end in ends if end <= ids.size and end not in failed), 0)


def part_rows(watched: Watched, stores: Sequence[Store]) -> Watched:
    """Return what was watched with each row that is several chunks of stores in their place."""
    chunks = _Chunks(stores)
    updates = tuple(
        replace(update, batches=tuple(_parted(batch, chunks) for batch in update.batches))
        for update in watched.updates
    )
    return replace(watched, updates=updates)


def _parted(batch: Batch, chunks: _Chunks) -> Batch:
    if not chunks.longest < batch.shape[-1]:
        return batch
    parted = [_parts(row, chunks) for row in batch.rows]
    if not all(parted):
        return batch
    rows = [row for parts in parted for row in parts]
    return Batch((len(rows), max(len(row.first) for row in rows)), tuple(rows))


def _parts(row: Row, chunks: _Chunks) -> list[Row]:
    found, at = [], 0
    for ids in chunks.parts_of(np.asarray(row.first, np.int64)):
        digest = row_digest(ids)
        learnt = None if row.learnt is None else min(ids.size, max(0, row.learnt - at))
        found.append(Row(digest, tuple(ids.tolist()), digest, learnt))
        at += ids.size
    return found
