"""Does memory grow with the steps? The slope after the warm-up, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from proofbook_systems.training.running import MemorySample

__all__ = ["Growth", "find_growth", "seconds_per_step"]

_WARM_UP = 0.3
"""Part of the steps that is left out: buffers are filled then."""
_FEWEST = 6


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

    @property
    def known(self) -> bool:
        """Whether there were enough readings for a slope."""
        return self.samples >= _FEWEST

    @property
    def words(self) -> str:
        """The slope with its interval."""
        return (
            f"{self.slope:.3g} MB a step ({self.low:.3g} to {self.high:.3g}) over "
            f"{self.samples} readings"
        )


def find_growth(samples: Sequence[MemorySample]) -> Growth:
    """Return how memory grows; a slope of 0 where there are too few readings."""
    from scipy.stats import theilslopes

    peak = max((sample.size for sample in samples), default=0) / 1e6
    last = max((sample.step for sample in samples), default=0)
    # After the last step the model is saved, which takes memory of its own.
    late = [s for s in samples if max(1, last * _WARM_UP) <= s.step < last]
    if len(late) < _FEWEST or len({sample.step for sample in late}) < 2:
        return Growth(0.0, 0.0, 0.0, peak, len(late))
    sizes = [sample.size / 1e6 for sample in late]
    slope, _, low, high = theilslopes(sizes, [sample.step for sample in late], 0.95)
    return Growth(float(slope), float(low), float(high), peak, len(late))


def seconds_per_step(samples: Sequence[MemorySample]) -> float:
    """Return the mean seconds of a step, between the first and the last that were seen."""
    seen = [sample for sample in samples if sample.step]
    if len(seen) < 2 or seen[-1].step == seen[0].step:
        return 0.0
    end = next(sample for sample in seen if sample.step == seen[-1].step)
    return (end.seconds - seen[0].seconds) / (end.step - seen[0].step)
