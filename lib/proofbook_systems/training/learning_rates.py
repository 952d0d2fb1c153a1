"""Does the learning rate follow its schedule? Compared update by update, in the forms of the field.

Trainers count differently: the first update may have the rate of step 0 or of step 1, and a warm-up
may be over at its last step or at the next one. All of these are right. A rate that fits none is
named by what it does fit, such as a schedule that is stepped in each forward pass.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

__all__ = ["SCHEDULES", "RatePlan", "compare_plans", "explain_rates"]

Schedule = Literal["constant", "constant_with_warmup", "cosine", "linear"]
SCHEDULES: tuple[Schedule, ...] = ("constant", "constant_with_warmup", "cosine", "linear")
_CLOSE = 0.01
"""Part of the largest rate by which one may be off: logs round."""
_FACTORS = (2, 3, 4, 8, 16, 32, 64)


@dataclass(frozen=True, kw_only=True)
class RatePlan:
    """What a config promises."""

    schedule: Schedule
    peak: float
    warmup: int
    total: int
    """Updates of the whole training."""
    floor: float = 0.0
    """The last rate, as a part of the peak."""

    def rate(self, made: float, late: int = 0, over: int = 0, after: int = 0) -> float:
        """Return the rate after so many updates.

        Args:
            made: Updates before it.
            late: 1 where the warm-up reaches the peak a step later.
            over: Steps that the decay is longer or shorter by.
            after: 1 where the decay counts one update less than the warm-up does.
        """
        warmup = 0 if self.schedule == "constant" else self.warmup
        if warmup and made < warmup + late:
            return self.peak * made / (warmup + late)
        if self.schedule in ("constant", "constant_with_warmup"):
            return self.peak
        decayed = made - after - warmup
        part = min(1.0, max(0.0, decayed / max(1, self.total + over - warmup)))
        shape = 1 - part if self.schedule == "linear" else (1 + math.cos(math.pi * part)) / 2
        return self.peak * (self.floor + (1 - self.floor) * shape)

    @property
    def words(self) -> str:
        """All of it, for a message."""
        return f"{self.schedule}, {self.warmup} of {self.total} steps to warm up to {self.peak:g}"


def explain_rates(rates: Mapping[int, float], plan: RatePlan, *, passes: int = 1) -> str:
    """Return how the rates of updates leave a plan, and what they fit; empty where they follow it.

    Args:
        rates: By the update's number, from 1.
        plan: What they should follow.
        passes: Forward passes of an update.
    """
    if not rates or _fits(rates, plan):
        return ""
    number, told, due = _first_departure(rates, plan)
    start = f"update {number} has the rate {told:.4g}, and {due:.4g} is due ({plan.words})"
    causes = (words for words, other, shift in _causes(plan, passes) if _fits(rates, other, shift))
    if cause := next(causes, ""):
        return f"{start}: {cause}"
    if len({round(rate / plan.peak, 6) for rate in rates.values()}) == 1 and len(rates) > 2:
        return f"{start}: the rate never changes: the scheduler is not stepped"
    return start


def compare_plans(ours: Mapping[int, float], theirs: Mapping[int, float]) -> str:
    """Return the first update whose rate is not that of another training; empty where all are."""
    for number in sorted(ours.keys() & theirs.keys()):
        if ours[number] != theirs[number]:
            return (
                f"update {number} has the rate {ours[number]:.6g}, and {theirs[number]:.6g} in the "
                "training left alone"
            )
    return ""


def _causes(plan: RatePlan, passes: int) -> Iterator[tuple[str, RatePlan, int]]:
    """Yield what goes wrong with schedules: words, the plan that is followed then, and a shift."""
    yield "there is no warm-up", replace(plan, warmup=0), 0
    factors = [passes, *_FACTORS] if passes > 1 else [*_FACTORS]
    for factor in factors:
        by = f"{factor} times"
        yield (
            f"it goes {by} as fast: the scheduler is stepped in each forward pass, or process",
            _stretched(plan, 1 / factor), 0,
        )  # fmt: skip
        yield (
            f"it goes {by} as slowly: its steps were counted in forward passes",
            _stretched(plan, factor), 0,
        )  # fmt: skip
        total = replace(plan, total=plan.total * factor)
        yield f"its length is {by} that of the training", total, 0
    for shift in (1, -1, 2, -2, plan.warmup, -plan.warmup):
        side = "behind" if shift > 0 else "ahead"
        yield f"it is {abs(shift)} updates {side}", plan, shift
    for schedule in SCHEDULES:
        if schedule != plan.schedule:
            yield f"it is {schedule}", replace(plan, schedule=schedule), 0
    for factor in (10, 100, 2, 4, 8, *([passes] if passes > 1 else [])):
        yield f"it is {factor} times that", replace(plan, peak=plan.peak * factor), 0
        yield f"it is 1/{factor} of that", replace(plan, peak=plan.peak / factor), 0


def _stretched(plan: RatePlan, factor: float) -> RatePlan:
    warmup, total = round(plan.warmup * factor), max(1, round(plan.total * factor))
    return replace(plan, warmup=warmup, total=total)


class _Convention(NamedTuple):
    """A right way to count; :meth:`RatePlan.rate` has its arguments."""

    before: int
    after: int
    late: int
    over: int

    def rate(self, plan: RatePlan, number: int, shift: int = 0) -> float:
        """Return what update ``number`` should have."""
        made = max(0, number - self.before - shift)
        return plan.rate(made, self.late, self.over, self.after)


# A warm-up that counts from 1 may be followed by a decay that counts from 0.
_STARTS = ((1, 0), (0, 0), (0, 1))
_CONVENTIONS = tuple(
    _Convention(before, after, late, over)
    for (before, after), late, over in itertools.product(_STARTS, (0, 1), (0, -1, 1))
)


def _fits(rates: Mapping[int, float], plan: RatePlan, shift: int = 0) -> bool:
    return any(not _departing(rates, plan, each, shift) for each in _CONVENTIONS)


def _departing(
    rates: Mapping[int, float], plan: RatePlan, convention: _Convention, shift: int = 0
) -> list[int]:
    """Return the updates with another rate than is due."""
    return [
        number for number, rate in rates.items()
        if not abs(rate - convention.rate(plan, number, shift)) <= _CLOSE * plan.peak  # or NaN
    ]  # fmt: skip


def _first_departure(rates: Mapping[int, float], plan: RatePlan) -> tuple[int, float, float]:
    """Return the first update that departs, its rate, and what is due as most others have it."""
    departing = {each: _departing(rates, plan, each) for each in _CONVENTIONS}
    best = min(departing, key=lambda each: len(departing[each]))
    number = min(departing[best], default=min(rates))
    return number, rates[number], best.rate(plan, number)
