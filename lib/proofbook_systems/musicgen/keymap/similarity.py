"""How alike two names are: equal at the end, in their numbers, and in what stands before.

A name is taken apart into a skeleton of words and a sequence of numbers. There are few different
ones of each, so that each pair is compared once and hundreds of thousands of names are then looked
up.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rapidfuzz import fuzz

from proofbook_systems.musicgen.keymap.names import canonical, numbers, pieces, words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

__all__ = ["NEAR_END", "SAME_END", "Spelling", "read_name", "score_matrix"]

SAME_END = 0.88
"""Score of equal numbers and equal last two tokens alone; what stands before makes up the rest."""
NEAR_END = 0.8
"""The most that another ending can reach, below any threshold that is safe."""
_OTHER_NUMBERS = 0.5
_EXTRA_NUMBERS = 0.02


class Spelling(NamedTuple):
    """A name, taken apart."""

    words: tuple[str, ...]
    numbers: tuple[int, ...]
    tail: tuple[str, ...]
    """Words of the last two dotted tokens."""
    rest: tuple[tuple[str, ...], ...]
    """Words of each dotted token before the tail that is not a number."""
    prefix: tuple[str, ...]
    """Words before the first number, or else before the tail."""


@functools.lru_cache(maxsize=16_384)
def read_name(name: str) -> Spelling:
    """Take a name apart, after bringing it to its canonical spelling."""
    name = canonical(name)
    tokens = name.split(".")
    tail = words(".".join(tokens[-2:]))
    first = next((i for i, piece in enumerate(pieces(name)) if piece.isdecimal()), None)
    parts = words(name)
    return Spelling(
        words=parts,
        numbers=numbers(name),
        tail=tail,
        rest=tuple(w for w in map(words, tokens[:-2]) if w),
        prefix=parts[: len(parts) - len(tail)] if first is None else parts[:first],
    )


def score_matrix(
    slots: Sequence[tuple[Spelling, ...]], keys: Sequence[Spelling], *, prefixed: bool = True
) -> NDArray[np.float64]:
    """Return the score of every slot (rows; the best of its spellings) with every key (columns).

    Unless ``prefixed``, what stands before the last two tokens counts for nothing.
    """
    import numpy as np

    skeletons, slot_ids = _distinct([tuple(map(_skeleton, slot)) for slot in slots])
    key_words, key_ids = _distinct([key.words for key in keys])
    slot_numbers, slot_number_ids = _distinct([slot[0].numbers for slot in slots])
    key_numbers, key_number_ids = _distinct([key.numbers for key in keys])
    by_words = np.array([[_best(s, k, prefixed) for k in key_words] for s in skeletons])
    by_numbers = np.array([[_numbers_alike(s, k) for k in key_numbers] for s in slot_numbers])
    both = by_words[np.ix_(slot_ids, key_ids)]
    factors = by_numbers[np.ix_(slot_number_ids, key_number_ids)]
    scores = np.where(factors < 0, both * _OTHER_NUMBERS, both - factors)
    return scores.astype(np.float64).round(4)


class _Skeleton(NamedTuple):
    tail: tuple[str, ...]
    rest: tuple[tuple[str, ...], ...]


def _skeleton(spelling: Spelling) -> _Skeleton:
    return _Skeleton(spelling.tail, spelling.rest)


def _distinct(values: Sequence[T]) -> tuple[list[T], list[int]]:
    places: dict[T, int] = {}
    ids = [places.setdefault(value, len(places)) for value in values]
    return list(places), ids


def _best(slot: tuple[_Skeleton, ...], key: tuple[str, ...], prefixed: bool) -> float:
    return max(_words_alike(spelling, key, prefixed) for spelling in slot)


def _words_alike(slot: _Skeleton, key: tuple[str, ...], prefixed: bool) -> float:
    cut = len(key) - len(slot.tail)
    before, end = key[: max(0, cut)], key[max(0, cut) :]
    shared = _share_found(slot.rest, before) if prefixed else 0.0
    if end == slot.tail:
        return SAME_END + (1 - SAME_END) * shared
    alike = fuzz.ratio(" ".join(end), " ".join(slot.tail)) / 100
    return NEAR_END * (0.75 * alike + 0.25 * shared)


def _share_found(tokens: tuple[tuple[str, ...], ...], within: tuple[str, ...]) -> float:
    """Return the share of tokens found whole in ``within``, each behind the one before it."""
    if not tokens:
        return 1.0
    position, count = 0, 0
    for token in tokens:
        places = range(position, len(within) - len(token) + 1)
        place = next((i for i in places if within[i : i + len(token)] == token), None)
        if place is not None:
            position, count = place + len(token), count + 1
    return count / len(tokens)


def _numbers_alike(slot: tuple[int, ...], key: tuple[int, ...]) -> float:
    """Return what numbers in front of the slot's cost; -1 where the slot's are not at the end."""
    extra = len(key) - len(slot)
    if extra < 0 or key[extra:] != slot:
        return -1.0
    return extra * _EXTRA_NUMBERS
