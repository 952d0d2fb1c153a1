"""Does a figure grow from film to film? Theil and Sen's slope with its 95 % interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

__all__ = ["Growth", "find_growth"]

_FEWEST = 6
"""Films: fewer have no interval."""
_Z = 1.96


class Growth(NamedTuple):
    """How a figure changes with each film."""

    slope: float
    low: float
    """Of the slope's 95 % interval; above 0 says that it grows."""
    high: float
    films: int

    @property
    def known(self) -> bool:
        """Whether there are enough films for a slope."""
        return self.films >= _FEWEST


def find_growth(values: Sequence[float]) -> Growth:
    """Return how values change that were measured one after the other.

    The interval is Sen's (1968): the slopes of all pairs, cut off by the spread of Kendall's
    statistic, with its correction for ties.
    """
    count = len(values)
    if count < _FEWEST:
        return Growth(0.0, 0.0, 0.0, count)
    slopes = sorted(
        (values[j] - values[i]) / (j - i) for i in range(count) for j in range(i + 1, count)
    )
    ties = sum(t * (t - 1) * (2 * t + 5) for t in Counter(values).values())
    spread = math.sqrt(max(count * (count - 1) * (2 * count + 5) - ties, 0) / 18)
    cut = _Z * spread
    first = max(round((len(slopes) - cut) / 2) - 1, 0)
    last = min(round((len(slopes) + cut) / 2), len(slopes) - 1)
    return Growth(median(slopes), slopes[first], slopes[last], count)
