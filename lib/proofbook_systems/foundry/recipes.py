"""Known ways to cut tokens into chunks, and what each of them makes: every row, to the id.

A way is recognised where its rows are those that are there, in any order. Whatever is lost, doubled
or changed is another set of rows. Knows nothing about files, nor of what a departure is.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from proofbook_systems.foundry.marked_documents import Marked, Marks, mark_documents, mark_sets
from proofbook_systems.foundry.stores import Ids, Store
from proofbook_systems.foundry.walks import Padding

__all__ = ["Recipe", "find_recipe"]

Tail = Literal["dropped", "short", "behind", "in front", "earlier", "every start"]
"""What becomes of a rest that fills no chunk; padding is behind it or in front of it."""

_TAILS: tuple[Tail, ...] = ("short", "behind", "in front", "dropped", "earlier", "every start")
_TRIED = 4
"""Rows that must be there before all are made."""
_BATCHES = (*range(2, 129), 256, 500, 512, 1000, 1024, 2000, 5000, 10_000)
"""Documents of a batch, as far as they are tried."""
_BATCHED: tuple[Tail, ...] = ("short", "behind", "dropped")


class _Parts(NamedTuple):
    """Where rows begin in the marked documents, and how many ids they take of them."""

    starts: Ids
    sizes: Ids


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to cut, and the tokens that it is used on."""

    marked: Marked
    batch: int
    """Documents that are cut as one; 0 is all."""
    frame: tuple[int | None, int | None]
    """Ids in front of each row and behind it."""
    width: int
    """Ids of a full row, its frame included."""
    step: int
    """From the beginning of a row to that of the next one."""
    tail: Tail
    pad: int | None = None

    @property
    def content(self) -> int:
        """Ids of a full row without its frame."""
        return self.width - sum(each is not None for each in self.frame)

    @cached_property
    def parts(self) -> _Parts:
        """What rows are made of."""
        bounds = _bounds(self.marked, self.batch)
        sizes = np.diff(bounds)
        counts = _counts(sizes, self.content, self.step, self.tail)
        unit = np.repeat(np.arange(sizes.size), counts)
        place = np.arange(unit.size) - np.repeat(np.cumsum(counts) - counts, counts)
        starts = place * self.step
        if self.tail == "earlier":
            starts = np.minimum(starts, np.maximum(0, sizes[unit] - self.content))
        taken = np.minimum(self.content, sizes[unit] - starts)
        return _Parts(bounds[:-1][unit] + starts, taken)

    def row(self, number: int) -> Ids:
        """Return one of its rows."""
        start, size = int(self.parts.starts[number]), int(self.parts.sizes[number])
        first, last = ([] if each is None else [each] for each in self.frame)
        ids = np.concatenate([first, self.marked.ids[start : start + size], last])
        filling = np.full(0 if self.pad is None else self.width - ids.size, self.pad or 0)
        both = (filling, ids) if self.tail == "in front" else (ids, filling)
        return np.concatenate(both).astype(np.int64)

    @cached_property
    def lengths(self) -> Ids:
        """Ids of each row, with what it is filled up with."""
        if self.pad is not None:
            return np.full(self.parts.sizes.size, self.width)
        return self.parts.sizes + (self.width - self.content)

    def rows(self) -> Iterator[Ids]:
        """Yield all rows."""
        return map(self.row, range(self.parts.starts.size))

    @cached_property
    def _covered(self) -> NDArray[np.bool_]:
        change = np.zeros(self.marked.ids.size + 1, np.int64)
        np.add.at(change, self.parts.starts, 1)
        np.add.at(change, self.parts.starts + self.parts.sizes, -1)
        return np.asarray(np.cumsum(change[:-1]) > 0)

    @property
    def agreed(self) -> int:
        """Tokens that are in rows."""
        return int((self._covered & ~self.marked.is_mark).sum())

    @property
    def marks(self) -> int:
        """Ids between documents and around rows."""
        around = self.parts.starts.size * (self.width - self.content)
        return around + int((self._covered & self.marked.is_mark).sum())

    @property
    def overlap(self) -> int:
        """Ids that a row has in common with the one before."""
        if self.step < self.content:
            return self.content - self.step
        return int(self.parts.sizes.sum() - self._covered.sum())

    def padding(self, number: int) -> Padding | None:
        """Return what row ``number`` is filled up with; None where it is full."""
        own = int(self.parts.sizes[number]) + self.width - self.content
        if self.pad is None or own == self.width:
            return None
        is_before = self.tail == "in front"
        return Padding(number, self.width - own if is_before else own, self.pad, is_before)


def find_recipe(chunks: Store, tokens: Store, length: int) -> tuple[Recipe, list[int]] | None:
    """Return a way that makes these chunks of tokens, with its row for each chunk; None is none.

    Args:
        chunks: Rows, in any order.
        tokens: What they are of, a document a row.
        length: Ids of a full row.
    """
    rows = [row.tobytes() for row in chunks.rows()]
    there = frozenset(rows)
    for recipe in _candidates(chunks, tokens, length):
        numbers = range(0, len(rows), max(1, len(rows) // _TRIED))
        is_likely = all(recipe.row(number).tobytes() in there for number in numbers)
        if is_likely and (order := _order(recipe, rows)) is not None:
            return recipe, order
    return None


def _order(recipe: Recipe, rows: list[bytes]) -> list[int] | None:
    """Return which row of a recipe each row is; None where they are not the same rows."""
    known: dict[bytes, list[int]] = {}
    for number, row in enumerate(recipe.rows()):
        known.setdefault(row.tobytes(), []).append(number)
    for numbers in known.values():
        numbers.reverse()
    found = [there.pop() for row in rows if (there := known.get(row))]
    return found if len(found) == len(rows) else None


def _candidates(chunks: Store, tokens: Store, length: int) -> Iterator[Recipe]:
    """Yield the ways that make as many rows, of the same lengths."""
    wanted = np.sort(chunks.lengths)
    if int(wanted[-1]) > length:
        return
    known: dict[Marks, Marked] = {}
    for marks, frame in mark_sets(chunks, tokens):
        marked = known.setdefault(marks, known.get(marks) or mark_documents(tokens, marks))
        content = length - sum(each is not None for each in frame)
        if content < 1:
            continue
        # Documents that are cut together have their marks, and rows of them no others.
        batches = [each for each in _batches(tokens) if each < 2 or frame == (None, None)]
        for batch, tail in itertools.product(batches, _TAILS):
            if batch > 1 and tail not in _BATCHED:
                continue
            sizes = np.diff(_bounds(marked, batch))
            steps = _steps(sizes, content, tail, len(chunks), is_batch=batch > 1)
            pads = _pads(chunks, (*_made(marks), *frame), marks.new, tail) if steps else ()
            for step, pad in itertools.product(steps, pads):
                recipe = Recipe(marked=marked, batch=batch, frame=frame, width=length,
                                step=step, tail=tail, pad=pad)  # fmt: skip
                if np.array_equal(np.sort(recipe.lengths), wanted):
                    yield recipe


def _made(marks: Marks) -> tuple[int | None, int | None]:
    return marks.start, marks.end


def _batches(tokens: Store) -> list[int]:
    count = len(tokens)
    return [0, 1, *(each for each in _BATCHES if each < count)] if count > 1 else [0]


def _bounds(marked: Marked, batch: int) -> Ids:
    last = marked.bounds[-1:]
    inner = marked.bounds[:-1:batch] if batch else marked.bounds[:1]
    return np.concatenate([inner, last])


def _counts(sizes: Ids, content: int, step: int, tail: Tail) -> Ids:
    """Return how many rows are made of parts of these sizes."""
    if tail == "every start":
        return -(-sizes // step)
    full = np.where(sizes >= content, (sizes - content) // step + 1, 0)
    if tail == "dropped":
        return full
    end = np.where(full > 0, (full - 1) * step + content, 0)
    return full + (sizes > end)


def _steps(sizes: Ids, content: int, tail: Tail, wanted: int, *, is_batch: bool) -> range:
    """Return the steps with which so many rows come out: a longer one makes no more of them."""
    least = int(_counts(sizes, content, content, tail).sum())
    if is_batch or least >= wanted:  # batches of documents are not known to overlap
        return range(content, content + (least == wanted))

    def first_below(count: int) -> int:
        return bisect.bisect_left(
            range(1, content + 1), -count,
            key=lambda step: -int(_counts(sizes, content, step, tail).sum()),
        ) + 1  # fmt: skip

    return range(first_below(wanted), first_below(wanted - 1))[::-1]


def _pads(
    chunks: Store, used: Sequence[int | None], new: Sequence[int], tail: Tail
) -> list[int | None]:
    """Return the ids that rows may be filled up with, None for none; some id must make it."""
    left = set(new) - set(used)
    unpadded: list[int | None] = [] if left else [None]
    if tail in ("short", "dropped"):
        return unpadded
    if left:
        return list(left)
    before = tail == "in front"
    long = chunks.lengths > 1
    edges = (chunks.starts[:-1] if before else chunks.starts[1:] - 1)[long]
    same = chunks.flat[edges] == chunks.flat[edges + (1 if before else -1)]
    ids, counts = np.unique(chunks.flat[edges][same], return_counts=True)
    usual = [int(ids[place]) for place in np.argsort(-counts)[:2]]
    plain = unpadded if tail in ("earlier", "every start") else []
    return [*usual, *plain]
