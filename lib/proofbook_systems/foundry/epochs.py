"""Judge the order of chunks: none twice in an epoch, none missed, another order each time.

Knows nothing about where the numbers of the chunks are from.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Order", "compare_orders", "judge_order"]

_FEWEST = 8
"""Chunks of which an order says something."""
_IN_FILE_ORDER = 0.5
"""Share of rows that follow the one before in the file, above which nothing was shuffled."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is seen of an order."""

    epoch: int
    """Rows of an epoch."""
    epochs: float
    """How many epochs were seen."""
    twice: list[str]
    """Chunks that come again within an epoch, at most ten."""
    missed: list[str]
    """Chunks that an epoch leaves out, at most ten."""
    is_file_order: bool | None
    """Whether rows come as the file has them; None where there are too few."""
    repeats: bool | None
    """Whether the second epoch has the order of the first; None where there are too few."""
    unshuffled: int | None = None
    """The first whole epoch after the first that comes as the file has it; None where none does."""

    @property
    def words(self) -> str:
        """What was seen, for a person."""
        return f"{self.epochs:.2f} epochs of {self.epoch} rows"


def judge_order(
    places: Sequence[int], size: int, batch: int, alike: Sequence[int] | None = None
) -> Order:
    """Return what is seen of an order.

    Args:
        places: The chunk of each row, in the order of training.
        size: Chunks that there are.
        batch: Rows of a batch; an epoch may leave out those that fill none.
        alike: For each chunk the first one with the same ids; by default all differ.
    """
    same = list(alike) if alike is not None else list(range(size))
    rows, there = [same[place] for place in places], Counter(same)
    lengths = [size, *([size - size % batch] if 0 < size % batch < size else [])]
    length = min(lengths, key=lambda each: len(_doubled(rows, each, there)))
    doubled = _doubled(rows, length, there)
    first, second = rows[:length], rows[length : 2 * length]
    seen = min(len(second), len(first))
    return Order(
        epoch=length, epochs=len(rows) / length if length else 0.0, twice=doubled[:10],
        missed=_missed(rows, size, length, there)[:10],
        is_file_order=_is_file_order(list(places[:length])),
        repeats=second[:seen] == first[:seen] if seen >= _FEWEST else None,
        unshuffled=_unshuffled(places, length),
    )  # fmt: skip


def compare_orders(first: Sequence[int], second: Sequence[int], epoch: int) -> str:
    """Return how the rows of two trainings differ; empty where each epoch has the same rows."""
    size = min(len(first), len(second))
    if list(first[:size]) == list(second[:size]):
        return ""
    end = size - size % epoch if epoch and size >= epoch else 0
    for start in range(0, end, epoch):
        one, other = (Counter(each[start : start + epoch]) for each in (first, second))
        if one != other:
            only = next(iter((other - one).elements()))
            return (
                f"epoch {start // epoch + 1} has chunk {only} {other[only]} times, not {one[only]}"
            )
    if end:
        return ""
    at = next(at for at in range(size) if first[at] != second[at])
    return f"row {at} is of chunk {second[at]}, not {first[at]}"


def _doubled(rows: list[int], length: int, there: Counter[int]) -> list[str]:
    found = []
    for start in range(0, len(rows), max(1, length)):
        counted = Counter(rows[start : start + length])
        epoch = start // max(1, length) + 1
        found += [
            f"chunk {chunk} comes {count} times in epoch {epoch}"
            for chunk, count in counted.items()
            if count > there[chunk]
        ]
    return found


def _missed(rows: list[int], size: int, length: int, there: Counter[int]) -> list[str]:
    """Return what whole epochs leave out; of those that drop a part of a batch, what all do."""
    epochs = len(rows) // length if length else 0
    if length < size:
        never = sorted(set(there) - set(rows)) if epochs > 2 else []
        # In file order the last ones never fill a batch.
        tail = set(range(length, size))
        return [f"chunk {chunk} is in none of {epochs} epochs" for chunk in never
                if set(never) != tail]  # fmt: skip
    found = []
    for epoch in range(epochs):
        counted = Counter(rows[epoch * length : (epoch + 1) * length])
        found += [f"chunk {chunk} is not in epoch {epoch + 1}" for chunk in sorted(there - counted)]
    return found


def _unshuffled(places: Sequence[int], length: int) -> int | None:
    later = range(2, len(places) // length + 1) if length else ()
    epochs = {number: list(places[(number - 1) * length : number * length]) for number in later}
    return next((number for number, rows in epochs.items() if _is_file_order(rows)), None)


def _is_file_order(places: list[int]) -> bool | None:
    if len(places) < _FEWEST:
        return None
    follows = sum(after == before + 1 for before, after in itertools.pairwise(places))
    return follows >= _IN_FILE_ORDER * (len(places) - 1)
