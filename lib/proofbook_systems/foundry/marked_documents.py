"""Documents with the ids that a preparation puts in front of each, behind each, or around rows.

Knows nothing about how they are cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proofbook_systems.foundry.stores import Ids, Store

__all__ = ["Marked", "Marks", "mark_documents", "mark_sets"]

_MOST_NEW = 4
"""Ids that no token has: padding, a start, an end, and one between two texts."""

Frame = tuple[int | None, int | None]


class Marks(NamedTuple):
    """What is put to each document."""

    start: int | None = None
    end: int | None = None
    between: bool = False
    """Whether the first document has no start, and the last one no end."""
    new: tuple[int, ...] = ()
    """All ids of the chunks that no token has."""


class Marked(NamedTuple):
    """Documents with their marks, one behind the other."""

    ids: Ids
    is_mark: NDArray[np.bool_]
    bounds: Ids
    """Where each document begins, and last where all end."""

    @property
    def store(self) -> Store:
        """The documents as rows."""
        return Store(path=Path(), form="marked", flat=self.ids, lengths=np.diff(self.bounds))


def mark_documents(tokens: Store, marks: Marks) -> Marked:
    """Return documents, a row of ``tokens`` each, with marks."""
    count = len(tokens)
    parts, is_mark, bounds = list[Ids](), list[int](), [0]
    for number, row in enumerate(tokens.rows()):
        first = [] if marks.between and number == 0 else _one(marks.start)
        last = [] if marks.between and number == count - 1 else _one(marks.end)
        parts += [np.asarray(first, np.int64), row, np.asarray(last, np.int64)]
        is_mark += [len(first), row.size, len(last)]
        bounds.append(bounds[-1] + len(first) + row.size + len(last))
    flags = np.repeat(np.tile([True, False, True], count), is_mark)
    return Marked(np.concatenate(parts), flags, np.asarray(bounds, np.int64))


def _one(mark: int | None) -> list[int]:
    return [] if mark is None else [mark]


def mark_sets(chunks: Store, tokens: Store) -> Iterator[tuple[Marks, Frame]]:
    """Yield what may have been put to documents, and around rows; nothing comes first.

    Marks are ids that no token has; what all rows begin or end with may be any.
    """
    new = tuple(np.setdiff1d(chunks.flat, tokens.flat).tolist())
    if len(new) > _MOST_NEW:
        return
    ids, counts = np.unique(chunks.flat, return_counts=True)
    often = set(ids[counts >= len(chunks)].tolist())
    first = _constant(chunks, chunks.starts[:-1], often & set(new))
    last = _constant(chunks, chunks.starts[1:] - 1, often & set(new))
    for frame in itertools.product((None, *first), (None, *last)):
        free = (None, *(each for each in new if each not in frame))
        for start, end in itertools.product(free, free):
            if (start is not None and start == end) or (
                frame[0] is not None and frame[0] == frame[1]
            ):
                continue
            # What fills up rows is one id.
            if len(set(new) - {start, end, *frame}) > 1:
                continue
            yield Marks(start, end, False, new), frame
            if len(tokens) > 1 and (start is not None or end is not None):
                yield Marks(start, end, True, new), frame


def _constant(chunks: Store, places: Any, new: set[int]) -> tuple[int, ...]:
    """Return the ids that may be around every row: one that all have there, or a new one."""
    ids = np.unique(chunks.flat[places])
    return tuple(dict.fromkeys([*(ids.tolist() if ids.size == 1 else []), *sorted(new)]))
