"""Is a sequence falling? A statistical test over all values, not the first against the last.

Mann and Kendall's test on means of blocks, as neighbouring steps are correlated, and Theil and
Sen's slope.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.training.steps import Step

__all__ = ["Trend", "find_trend", "known", "not_finite", "why_unknown"]

_FEWEST = 8
_BLOCKS = 24
_LEAST_FALL = 0.01
"""Part of the loss: a training that learns lowers it by more, from its first step to its last."""


class Trend(NamedTuple):
    """Which way a sequence goes."""

    slope: float
    """Change from one value to the next: Theil and Sen's."""
    low: float
    """Of the slope's 95 % interval."""
    high: float
    p_falling: float
    """How likely such a fall is where there is none; small says that it falls."""
    blocks: int
    """How many means were compared."""
    length: int
    """How many values there were."""
    middle: float
    """Their mean."""

    @property
    def falling(self) -> bool:
        """Whether it falls, at 5 %."""
        return self.slope < 0 and self.p_falling < 0.05

    @property
    def rising(self) -> bool:
        """Whether it rises, at 5 %."""
        return self.slope > 0 and self.p_falling > 0.95

    @property
    def why_open(self) -> str:
        """Why the values do not tell; empty where they fall, rise, or fall by next to nothing."""
        hidden, mean = -self.low * self.length, abs(self.middle)
        if self.falling or self.rising or hidden <= _LEAST_FALL * mean:
            return ""
        part = hidden / mean if mean else 1.0
        return (
            f"{self.words}: so few steps, or so much noise, may hide a fall of "
            f"{part:.2g} times the mean loss; give more steps"
        )

    @property
    def words(self) -> str:
        """The slope with its interval, and the test's p."""
        return (
            f"slope {self.slope:.3g} a step ({self.low:.3g} to {self.high:.3g}), "
            f"p = {self.p_falling:.2g} over {self.blocks} blocks"
        )


def known(values: Sequence[float]) -> bool:
    """Say whether there are enough finite values to call a trend."""
    return len(values) >= _FEWEST and all(map(math.isfinite, values))


def why_unknown(values: Sequence[float]) -> str:
    """Return why nothing can be said of a trend."""
    if len(values) < _FEWEST:
        return f"{len(values)} losses are too few for a trend; at least {_FEWEST} are needed"
    return "some losses are not finite"


def not_finite(steps: Sequence[Step]) -> list[str]:
    """Return the steps whose loss is NaN or infinite, in words."""
    return [
        f"step {step.number}: {step.loss}"
        for step in steps
        if step.loss is not None and not math.isfinite(step.loss)
    ]


def find_trend(values: Sequence[float]) -> Trend:
    """Return the trend of values that were measured one after the other.

    Raises:
        SubjectError: There are too few to call a trend, or some are not finite.
    """
    from scipy.stats import norm, theilslopes

    if len(values) < _FEWEST:
        raise SubjectError(
            f"{len(values)} values are too few for a trend; at least {_FEWEST} are needed"
        )
    if not all(math.isfinite(value) for value in values):
        raise SubjectError("some of the values are not finite")
    size = max(1, len(values) // _BLOCKS)
    starts = range(0, len(values) - size + 1, size)
    means = [math.fsum(values[start : start + size]) / size for start in starts]
    slope, _, low, high = theilslopes(means, list(starts), 0.95)
    return Trend(
        float(slope), float(low), float(high), float(norm.cdf(_statistic(means))), len(means),
        len(values), math.fsum(values) / len(values),
    )  # fmt: skip


def _statistic(values: Sequence[float]) -> float:
    """Return Mann and Kendall's standardised statistic, with its correction for continuity."""
    count = len(values)
    pairs = ((a, b) for i, a in enumerate(values) for b in values[i + 1 :])
    score = sum((b > a) - (b < a) for a, b in pairs)
    spread = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return (score - (score > 0) + (score < 0)) / spread
