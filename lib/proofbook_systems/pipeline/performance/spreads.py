"""Medians, and ratios of medians, with intervals that assume no distribution.

From few repetitions an interval is wide, and says how sure it is. Knows nothing of what was
measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from statistics import median
from typing import NamedTuple

__all__ = ["Interval", "median_of", "ratio_of"]

_WANTED = 0.95


class Interval(NamedTuple):
    """A figure, and where it lies."""

    value: float
    low: float
    high: float
    sure: float
    """How likely the interval holds it: 0.95, or less where there are too few repetitions."""

    @property
    def words(self) -> str:
        """The figure with its interval."""
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g}, {self.sure:.0%} sure)"


def median_of(values: Sequence[float]) -> Interval:
    """Return the median with an interval between two of the values (the sign test's)."""
    ordered, count = sorted(values), len(values)
    cut, sure = 0, 1 - 2 * 0.5**count
    while (wider := _sign_coverage(count, cut + 1)) >= _WANTED:
        cut, sure = cut + 1, wider
    return Interval(median(ordered), ordered[cut], ordered[-1 - cut], max(sure, 0.0))


def ratio_of(slow: Sequence[float], quick: Sequence[float]) -> Interval:
    """Return how many times as long the first take as the second, with Moses' interval.

    Raises:
        ValueError: A time is not above 0.
    """
    if min([*slow, *quick]) <= 0:
        raise ValueError("times must be above 0")
    ratios = sorted(a / b for a in slow for b in quick)
    cut, sure = 0, 1 - 2 * _rank_tail(len(slow), len(quick), 0)
    while (wider := 1 - 2 * _rank_tail(len(slow), len(quick), cut + 1)) >= _WANTED:
        cut, sure = cut + 1, wider
    return Interval(median(ratios), ratios[cut], ratios[-1 - cut], max(sure, 0.0))


def _sign_coverage(count: int, cut: int) -> float:
    return 1.0 - 2.0 * sum(math.comb(count, k) for k in range(cut + 1)) / float(2**count)


def _rank_tail(one: int, other: int, most: int) -> float:
    """Return how likely Mann and Whitney's U is at most so large where nothing differs."""
    ways = sum(_orders(one, other, u) for u in range(most + 1))
    return ways / math.comb(one + other, one)


@cache
def _orders(one: int, other: int, u: int) -> int:
    """Return in how many orders of the values U is just ``u``."""
    if u < 0:
        return 0
    if one == 0 or other == 0:
        return int(u == 0)
    return _orders(one - 1, other, u - other) + _orders(one, other - 1, u)
