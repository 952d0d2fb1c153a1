"""What each update of a training does: its rate, its gradient's size, its forward passes.

Compares what was watched with what the config says. Knows nothing of crashes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from proofbook_systems.training.steps import Step
from proofbook_systems.training.watching import Watched

__all__ = [
    "passes_of", "rates_after", "rates_of", "told_otherwise", "too_long", "why_not_clipped",
    "wrong_passes",
]  # fmt: skip

_ROUNDING = 1e-3


def rates_of(watched: Watched, steps: Sequence[Step] = ()) -> dict[int, float]:
    """Return the learning rate of each update, by its number from 1; the largest of its groups.

    Where nothing was watched, it is what the steps tell.
    """
    if watched.updates:
        return {each.number: max(each.rates) for each in watched.updates if each.rates}
    first = min(1, steps[0].number) if steps else 1
    return {step.number - first + 1: step.lr for step in steps if step.lr is not None}


def passes_of(watched: Watched) -> int:
    """Return how many forward passes most updates are made of; 0 where none were seen."""
    counts = Counter(len(update.batches) for update in watched.updates)
    return counts.most_common(1)[0][0] if counts else 0


def wrong_passes(watched: Watched, due: int, made: int) -> str:
    """Say how the updates and their forward passes differ from what is due; empty where they fit.

    Args:
        watched: The training.
        due: Forward passes of an update; the last of an epoch may have fewer.
        made: Updates of the whole training; 0 is not known.
    """
    passes, updates = passes_of(watched), len(watched.updates)
    if passes != due:
        return f"most updates have {passes} forward passes, and {due} are due"
    more = [each.number for each in watched.updates if len(each.batches) > due]
    if more:
        return f"update {more[0]} has more than {due} forward passes"
    if made and updates != made:
        return f"{updates} updates were made, and {made} are due"
    return ""


def too_long(watched: Watched, limit: float) -> list[str]:
    """Return the updates that used a gradient longer than it may be, in words."""
    return [
        f"update {each.number}: {each.grad_norm:.4g}"
        for each in watched.updates if each.grad_norm > limit * (1 + _ROUNDING)
    ]  # fmt: skip


def why_not_clipped(watched: Watched, limit: float) -> str:
    """Say why clipping was not seen: no gradient is as long as it may be; empty where one is."""
    longest = max((each.grad_norm for each in watched.updates), default=0.0)
    if longest >= limit * (1 - _ROUNDING):
        return ""
    return (
        f"no gradient is longer than {longest:.4g}, and {limit:g} is the most: none had to be cut"
    )


def told_otherwise(watched: Watched, steps: Sequence[Step]) -> str:
    """Name the first step that tells a rate that neither its update nor a neighbour had."""
    rates = rates_of(watched)
    told = rates_of(Watched(), steps)
    for number in sorted(told.keys() & rates.keys()):
        near = [rates[n] for n in (number - 1, number, number + 1) if n in rates]
        off = min(abs(told[number] - rate) for rate in near)
        if off > 0.01 * max(rates.values()):
            return (
                f"step {number} tells the learning rate {told[number]:.4g}, and its update had "
                f"{rates[number]:.4g}"
            )
    return ""


def rates_after(watched: Watched, at: int) -> dict[int, float]:
    """Return the rates of a resumption by its updates' numbers in the whole training."""
    return {at + number: rate for number, rate in rates_of(watched).items()}
