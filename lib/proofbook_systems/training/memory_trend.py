"""Does memory grow with the steps? The slope after the warm-up, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from proofbook_systems.training.running import MemorySample

__all__ = ["Growth", "find_growth", "seconds_per_step"]

_WARM_UP = 0.3
"""Part of the steps that is left out: buffers are filled then."""
_FEWEST = 6
"""Steps with a reading: fewer have no slope."""


class Growth(NamedTuple):
    """How memory changes with the steps."""

    slope: float
    """MB a step: Theil and Sen's."""
    low: float
    """Of the slope's 95 % interval; above 0 says that it grows."""
    high: float
    peak: float
    """MB."""
    samples: int
    """Steps that were read; each counts once, however often it was read."""

    @property
    def known(self) -> bool:
        """Whether enough steps were read for a slope."""
        return self.samples >= _FEWEST

    @property
    def words(self) -> str:
        """The slope with its interval."""
        return (
            f"{self.slope:.3g} MB a step ({self.low:.3g} to {self.high:.3g}) over "
            f"{self.samples} steps"
        )


def find_growth(samples: Sequence[MemorySample]) -> Growth:
    """Return how memory grows; a slope of 0 where too few steps were read.

    Readings of one step are no separate evidence: on a slow machine there are many. Taken one by
    one, their ties make the variance negative that ``scipy.stats.theilslopes`` has of Kendall's
    statistic, which is right for ties in one of the two sequences alone.
    """
    from scipy.stats import theilslopes

    peak = max((sample.size for sample in samples), default=0) / 1e6
    sizes = _size_of_each_step(samples)
    if len(sizes) < _FEWEST:
        return Growth(0.0, 0.0, 0.0, peak, len(sizes))
    slope, _, low, high = theilslopes(list(sizes.values()), list(sizes), 0.95)
    return Growth(float(slope), float(low), float(high), peak, len(sizes))


def _size_of_each_step(samples: Sequence[MemorySample]) -> dict[int, float]:
    """Return the median MB of each step after the warm-up, without the last.

    After the last step the model is saved, which takes memory of its own.
    """
    last = max((sample.step for sample in samples), default=0)
    readings: dict[int, list[float]] = {}
    for sample in samples:
        if max(1, last * _WARM_UP) <= sample.step < last:
            readings.setdefault(sample.step, []).append(sample.size / 1e6)
    return {step: median(sizes) for step, sizes in readings.items()}


def seconds_per_step(samples: Sequence[MemorySample]) -> float:
    """Return the mean seconds of a step, between the first and the last that were seen."""
    seen = [sample for sample in samples if sample.step]
    if len(seen) < 2 or seen[-1].step == seen[0].step:
        return 0.0
    end = next(sample for sample in seen if sample.step == seen[-1].step)
    return (end.seconds - seen[0].seconds) / (end.step - seen[0].step)
