"""Percentiles of times, only those that the number of samples can carry."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["LEVELS", "percentile", "percentiles"]

LEVELS = (50, 90, 95, 99)
_BEYOND = 1
"""How many samples must lie beyond a percentile: the 99th of 20 samples is only their largest."""


def percentile(values: Sequence[float], level: float) -> float:
    """Return a percentile by linear interpolation, as ``numpy.percentile`` does.

    Raises:
        ValueError: There are no values, or the level is not within 0 and 100.
    """
    if not values or not 0 <= level <= 100:
        raise ValueError(f"no percentile {level} of {len(values)} values")
    ordered = sorted(values)
    place = (len(ordered) - 1) * level / 100
    low, share = math.floor(place), place - math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * share


def percentiles(values: Sequence[float]) -> dict[int, float]:
    """Return the percentiles of :data:`LEVELS` that have samples beyond them, by level.

    The median is there as soon as there is a value.
    """
    carried = [level for level in LEVELS if len(values) * (100 - level) / 100 >= _BEYOND]
    levels = carried or ([LEVELS[0]] if values else [])
    return {level: percentile(values, level) for level in levels}
