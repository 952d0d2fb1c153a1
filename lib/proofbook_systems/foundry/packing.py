"""Rows that whole documents were packed into, side by side, without being filled up.

A document longer than a row is split, or cut short, which loses its rest. Knows nothing about
files, nor of chunks that are cut across documents.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from proofbook_systems.foundry.alignment import Alignment
from proofbook_systems.foundry.stores import Ids, Store

__all__ = ["align_packed", "find_packed"]

_KEY = 4
_TRIED = 64
"""Rows that are looked at to find out whether a store is packed."""

Pieces = Callable[[Ids, int], list[Ids]]


def _split(row: Ids, length: int) -> list[Ids]:
    return [row[at : at + length] for at in range(0, row.size, length)]


_WAYS: tuple[tuple[str, Pieces], ...] = (
    ("ends", lambda row, length: [row[:length]]),
    ("beginnings", lambda row, length: [row[-length:]]),
    ("", _split),
)
"""What becomes of a document that is longer than a row: what is lost of it, and what is left."""


@dataclass
class _Pool:
    """Pieces of documents, to be found by how they begin."""

    pieces: Counter[bytes] = field(default_factory=Counter)
    sizes: dict[bytes, set[int]] = field(default_factory=dict)
    owners: dict[bytes, int] = field(default_factory=dict)

    def add(self, piece: Ids, owner: int) -> None:
        """Add a piece of document ``owner``."""
        content = piece.tobytes()
        self.pieces[content] += 1
        self.owners.setdefault(content, owner)
        self.sizes.setdefault(piece[:_KEY].tobytes(), set()).add(piece.size)

    def parse(self, row: Ids) -> tuple[list[bytes], int]:
        """Return the pieces that follow each other in a row, and where that ends.

        The longest piece is tried first; another one where it leads nowhere.
        """
        ends, best, failed = [0], [0], set[int]()
        while ends and ends[-1] < row.size:
            after = next((end for end in self._ends(row, ends[-1]) if end not in failed), 0)
            if after:
                ends.append(after)
                best = max(best, list(ends), key=lambda each: each[-1])
            else:
                failed.add(ends.pop())
        found = ends or best
        return [row[a:b].tobytes() for a, b in itertools.pairwise(found)], found[-1]

    def _ends(self, row: Ids, at: int) -> Iterator[int]:
        keys = (row[at : at + size].tobytes() for size in range(1, _KEY + 1))
        for size in sorted({n for key in keys for n in self.sizes.get(key, ())}, reverse=True):
            if at + size <= row.size and row[at : at + size].tobytes() in self.pieces:
                yield at + size


def find_packed(stores: Sequence[Store]) -> list[Store]:
    """Return the stores whose rows are documents of another one, several in a row."""
    return [store for store in stores
            if any(_is_packed(store, other) for other in stores if other is not store)]  # fmt: skip


def _is_packed(packed: Store, documents: Store) -> bool:
    if not 1 < len(packed) < len(documents) or packed.is_grid:
        return False
    length = int(packed.lengths.max())
    pool = _pool(documents, length, lambda row, size: [*_split(row, size), row[-size:]])
    step = max(1, len(packed) // _TRIED)  # the first rows may be one long document each
    parsed = [pool.parse(row) for row in itertools.islice(packed.rows(), 0, None, step)]
    counts = [len(pieces) for pieces, _ in parsed]
    return 2 * sum(count > 0 for count in counts) > len(counts) < sum(counts)


def _pool(documents: Store, length: int, pieces: Pieces) -> _Pool:
    pool = _Pool()
    for number, row in enumerate(documents.rows()):
        for piece in pieces(row, length) if row.size > length else [row] if row.size else []:
            pool.add(piece, number)
    return pool


def align_packed(packed: Store, documents: Store) -> Alignment:
    """Return what became of documents in rows that they were packed into; the longest is full."""
    length = int(packed.lengths.max())
    ways = [_by_way(packed, documents, length, lost, pieces) for lost, pieces in _WAYS]
    return max(ways, key=lambda found: (not found.departure, found.agreed))


def _by_way(packed: Store, documents: Store, length: int, lost: str, pieces: Pieces) -> Alignment:
    pool = _pool(documents, length, pieces)
    there: Counter[bytes] = Counter()
    for number, row in enumerate(packed.rows()):
        found, end = pool.parse(row)
        there.update(found)
        if end < row.size:
            return Alignment(
                departure=f"row {number}, place {end}: from here on it is no document, nor a part",
                agreed=int(packed.starts[number]) + end, in_order=False,
            )  # fmt: skip
    agreed = sum(len(each) // 8 * min(count, pool.pieces[each]) for each, count in there.items())
    rest = Alignment(agreed=agreed, remainder=documents.flat.size - agreed, in_order=False)
    if words := _uneven(pool, there) or (_cut_short(documents, length, lost) if lost else ""):
        return Alignment(departure=words, agreed=agreed, in_order=False)
    return rest


def _uneven(pool: _Pool, there: Counter[bytes]) -> str:
    """Return which pieces are not as often in rows as documents have them."""
    missing, more = pool.pieces - there, there - pool.pieces
    for pieces, where in ((missing, "no row"), (more, "rows twice")):
        if pieces:
            first = min(pieces, key=lambda each: pool.owners[each])
            return (
                f"{pieces.total()} documents or parts of them are in {where}: first "
                f"{len(first) // 8} ids of document {pool.owners[first]}"
            )
    return ""


def _cut_short(documents: Store, length: int, lost: str) -> str:
    over = documents.lengths[documents.lengths > length] - length
    if not over.size:
        return ""
    return (
        f"the {lost} of {over.size} documents longer than {length} ids are in no row: "
        f"{int(np.sum(over))} tokens"
    )
