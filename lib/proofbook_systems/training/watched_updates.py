"""What each update of a training does: its rate, its gradient's size, its forward passes.

Compares what was watched with what the config says. Knows nothing of crashes.
"""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Sequence

from proofbook_systems.training.steps import Step
from proofbook_systems.training.watching import Watched

__all__ = [
    "kept_gradients", "passes_of", "rates_after", "rates_of", "repeated_rows", "told_otherwise",
    "too_long", "why_not_clipped", "why_rates_uncompared", "why_rows_unjudged", "wrong_mode",
    "wrong_passes", "wrong_target",
]  # fmt: skip

_ROUNDING = 1e-3
_FEWEST = 4
"""Updates from which on something is said of their rows."""
_RECENT = 3
"""Updates in which a row should not come again."""


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
    passes, updates = passes_of(watched), len(watched.updates) + watched.skipped
    if passes != due:
        return f"most updates have {passes} forward passes, and {due} are due"
    more = [each.number for each in watched.updates if len(each.batches) > due]
    if more:
        return f"update {more[0]} has more than {due} forward passes"
    if made and updates != made:
        return f"{updates} updates were made, and {made} are due"
    return ""


def kept_gradients(watched: Watched) -> str:
    """Name the first update that adds its gradient to the one before; empty where none does."""
    kept = [update.number for update in watched.updates if update.kept]
    if not kept:
        return ""
    return (
        f"update {kept[0]} adds its gradient to that of update {kept[0] - 1}, which was not "
        f"cleared; so do {len(kept)} of {len(watched.updates)} updates"
    )


def wrong_target(watched: Watched) -> str:
    """Say what a network learns to predict where that is not the next id; empty where it is."""
    wrong = sorted(watched.predicts - {1})
    if not wrong:
        return ""
    if wrong[0] == 0:
        return "it learns to predict the id that it is given: labels are not shifted"
    side = "after" if wrong[0] > 0 else "before"
    return (
        f"it learns to predict the id {abs(wrong[0])} places {side} the one that it is given, and "
        "not the next: labels are shifted wrongly"
    )


def wrong_mode(watched: Watched, dropout: float | None) -> str:
    """Say where a network trains as if it were evaluated; empty where it does not.

    Args:
        watched: The training.
        dropout: What is configured; None is not known.
    """
    quiet = [each.number for each in watched.updates if each.in_eval_mode]
    rates = {dropout} if dropout is not None else watched.dropout
    if quiet and (len(quiet) < len(watched.updates) or any(rates)):
        return f"update {quiet[0]} is computed in the mode for evaluation: without dropout"
    still = [each.number for each in watched.updates if each.drew is False]
    drawing = [each.number for each in watched.updates if each.drew]
    if still and dropout:
        return (
            f"update {still[0]} draws no random numbers, and dropout of {dropout:g} is configured: "
            "it is off"
        )
    if still and drawing:
        return (
            f"update {still[0]} draws no random numbers, and update {drawing[0]} does: dropout is "
            "on and off"
        )
    return ""


def repeated_rows(watched: Watched, most: float) -> str:
    """Say which rows come again at once: within an update, or in one of the next.

    Args:
        watched: The training.
        most: Part of the rows of an update that may, in most updates.
    """
    rows = [[row.source for row in each.rows] for each in watched.updates if each.rows]
    if len(rows) < _FEWEST:
        return ""
    within = statistics.median(1 - len(set(each)) / len(each) for each in rows)
    if within > most:
        return f"{within:.0%} of the rows of an update are in it a second time"
    again = [
        sum(row in {*itertools.chain(*rows[max(0, n - _RECENT) : n])} for row in rows[n])
        / len(rows[n])
        for n in range(1, len(rows))
    ]
    if (share := statistics.median(again)) > most:
        return f"{share:.0%} of the rows of an update were in one of the {_RECENT} before it"
    return ""


def why_rows_unjudged(watched: Watched) -> str:
    """Say why nothing can be said of rows that come again; empty where something can."""
    count = sum(bool(each.rows) for each in watched.updates)
    few = f"{count} updates with rows were seen, and {_FEWEST} are the fewest"
    return watched.why_no_rows or (few if count < _FEWEST else "")


def too_long(watched: Watched, limit: float) -> list[str]:
    """Return the updates that used a gradient longer than it may be, in words."""
    return [
        f"update {each.number}: {each.grad_norm:.4g}"
        for each in watched.updates if not each.grad_norm <= limit * (1 + _ROUNDING)  # or NaN
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
        if not off <= 0.01 * max(rates.values()):  # or NaN
            return (
                f"step {number} tells the learning rate {told[number]:.4g}, and its update had "
                f"{rates[number]:.4g}"
            )
    return ""


def why_rates_uncompared(watched: Watched, steps: Sequence[Step]) -> str:
    """Say why no told rate can be compared with a used one; empty where one can."""
    if not watched.updates:
        return watched.why_empty or "no update was seen"
    if not rates_of(watched).keys() & rates_of(Watched(), steps).keys():
        return "no step tells the learning rate of an update that was seen"
    return ""


def rates_after(watched: Watched, at: int) -> dict[int, float]:
    """Return the rates of a resumption by its updates' numbers in the whole training."""
    return {at + number: rate for number, rate in rates_of(watched).items()}
