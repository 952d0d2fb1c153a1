"""How far words that were heard are from words that were written: word error rate, and letters.

Letters beside words: a short line has few words, and a name that is spelled in another way, or a
compound in two words, is no other line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["WordErrors", "count_errors", "letter_errors", "similarity", "word_errors"]


class WordErrors(NamedTuple):
    """Errors, and the words that they are counted against."""

    errors: int
    words: int

    @property
    def rate(self) -> float:
        """Errors a word; 1 or more where nothing was written and something heard."""
        return self.errors / max(1, self.words)

    @classmethod
    def total(cls, each: Iterable[WordErrors]) -> WordErrors:
        """Add up over lines."""
        listed = list(each)
        return cls(sum(e.errors for e in listed), sum(e.words for e in listed))


def word_errors(written: Sequence[str], heard: Sequence[str]) -> WordErrors:
    """Count words that are wrong, missing or too many."""
    return WordErrors(count_errors(written, heard), len(written))


def letter_errors(written: Sequence[str], heard: Sequence[str]) -> float:
    """Return the share of letters that are wrong, spaces aside; 0 to 1 and beyond."""
    one, other = "".join(written), "".join(heard)
    return count_errors(one, other) / max(1, len(one))


def similarity(one: str, other: str) -> float:
    """Return 1 for equal words, 0 for words that share nothing."""
    return 1.0 - count_errors(one, other) / max(1, len(one), len(other))


def count_errors(written: Sequence[str], heard: Sequence[str]) -> int:
    """Return the least number of insertions, deletions and substitutions between two sequences."""
    row = list(range(len(heard) + 1))
    for i, mine in enumerate(written, 1):
        diagonal, row[0] = row[0], i
        for j, theirs in enumerate(heard, 1):
            best = min(row[j] + 1, row[j - 1] + 1, diagonal + (mine != theirs))
            diagonal, row[j] = row[j], best
    return row[-1]
