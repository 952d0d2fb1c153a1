"""What is it that departs first in a resumed training? By what its updates are made of.

An update is looked at in the order in which it comes about: the weights before it, the network's
mode, its passes, its rows, its gradient, its rate, the optimizer's settings, and what it makes of
the weights. The first that departs is the cause of all that come after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from proofbook_systems.training.departing_weights import Kind, why_other_weights
from proofbook_systems.training.magnitudes import common_factor
from proofbook_systems.training.next_batches import (
    Comparable,
    compare_rows,
    passes_before,
    why_other_gradient,
)
from proofbook_systems.training.saved_weights import SavedTensor
from proofbook_systems.training.watching import Update, Watched

__all__ = ["Cause", "find_cause"]

_CUT = 1e-3
"""Part by which gradients that are cut to the same length differ: rounding."""
_FEWEST_CUT = 3
_WHOLE = 0.9
"""Part of the parameters from which on all of them are meant."""
_FACTORS = (2, 3, 4, 8, 16, 32, 64)


class Cause(NamedTuple):
    """The first that departs."""

    kind: Kind
    words: str


class _Pair(NamedTuple):
    """One update after a resumption, and the same one without a crash."""

    ours: Update
    theirs: Update
    compared: Comparable
    saved: Sequence[SavedTensor]


def find_cause(compared: Comparable, saved: Sequence[SavedTensor] = ()) -> Cause | None:
    """Return the first that departs after a resumption; None where nothing does.

    Args:
        compared: The updates, side by side.
        saved: What the checkpoint holds that was resumed from, as far as it can be read.
    """
    for ours, theirs in compared.pairs:
        pair = _Pair(ours, theirs, compared, saved)
        for kind, look in _LOOKS:
            if words := look(pair):
                start = f"after resuming from {compared.at}, "
                return Cause(kind, words if words.startswith(start) else start + words)
    return None


def _weights(pair: _Pair) -> str:
    at = pair.compared.at
    if pair.ours.number > 1 or not at:
        return ""
    return why_other_weights(pair.ours, pair.compared.alone, at, pair.saved)


def _mode(pair: _Pair) -> str:
    ours, theirs = pair.ours, pair.theirs
    start = f"update {theirs.number} is computed"
    if ours.in_eval_mode != theirs.in_eval_mode:
        mode = "evaluation, without dropout" if ours.in_eval_mode else "training"
        return f"{start} by a network in the mode for {mode}, which it is not in without a crash"
    if ours.drew is False and theirs.drew:
        return (
            f"{start} without random numbers, which it draws without a crash: dropout is off, as "
            "in the mode for evaluation"
        )
    return ""


def _passes(pair: _Pair) -> str:
    ours, theirs = len(pair.ours.batches), len(pair.theirs.batches)
    if theirs and not ours and pair.ours.number > 1:
        return (
            f"update {pair.theirs.number} is made without a forward pass, which it has without a "
            "crash: the update before it was made twice"
        )
    if ours == theirs or not ours or _goes_on_within(pair):
        return ""
    return (
        f"update {pair.theirs.number} has {ours} forward passes, and {theirs} without a crash: "
        "gradients are accumulated otherwise"
    )


def _goes_on_within(pair: _Pair) -> bool:
    """Say whether a resumption begins within an update: it has fewer passes, and no later one has.

    One that has the first rows of it makes it with fewer passes.
    """
    if pair.ours.number > 1:
        return False
    if passes_before(pair.ours, pair.theirs):
        return True
    rows = [row.digest for row in pair.ours.rows]
    begins = rows == [row.digest for row in pair.theirs.rows][: len(rows)]
    fewer = len(pair.ours.batches) < len(pair.theirs.batches)
    later = [len(a.batches) == len(b.batches) for a, b in pair.compared.pairs[1:]]
    return fewer and not begins and bool(later) and all(later)


def _rows(pair: _Pair) -> str:
    return compare_rows(pair.compared._replace(pairs=[(pair.ours, pair.theirs)]))


def _gradient(pair: _Pair) -> str:
    ours, theirs = pair.ours, pair.theirs
    if not ours.gradient or ours.gradient == theirs.gradient:
        return ""
    if not ours.grad_norm:
        return (
            f"update {theirs.number} has no gradient that is not zero, and one of norm "
            f"{theirs.grad_norm:.9g} without a crash: it does not reach the optimizer"
        )
    start = (
        f"update {theirs.number} has the rows and weights that are due, and a gradient of norm "
        f"{ours.grad_norm:.9g}, not {theirs.grad_norm:.9g}"
    )
    if before := passes_before(ours, theirs):
        return f"{start}: {why_other_gradient(ours, before)}"
    limit = _cut_to(pair.compared.alone)
    if limit and ours.grad_norm > limit * (1 + _CUT):
        return f"{start}: it is not cut to {limit:.4g}, as it is without a crash (clipping)"
    if factor := _factor(ours.grad_norm, theirs.grad_norm):
        return f"{start}: {factor}: passes are summed, or the loss is scaled, otherwise"
    if times := common_factor(_norms(ours, theirs)):
        near = abs(times - 1) <= _CUT
        size = "that, but for rounding" if near else f"{times:.4g} times that"
        return f"{start}: each part is {size}: the loss is scaled, or the gradient cut, otherwise"
    if theirs.drew:
        return f"{start}: other random numbers (dropout) were drawn: they were not restored"
    return f"{start}: it is cut, or computed, otherwise (clipping, precision, another loss)"


def _norms(ours: Update, theirs: Update) -> list[tuple[float, float]]:
    """Return the norms of all parts of two gradients that are not zero in both."""
    names = sorted(ours.norms.keys() & theirs.norms.keys())
    pairs = [(ours.norms[name], theirs.norms[name]) for name in names]
    return [pair for pair in pairs if any(pair)]


def _rates(pair: _Pair) -> str:
    ours, theirs, number = pair.ours.rates, pair.theirs.rates, pair.theirs.number
    if ours == theirs:
        return ""
    mine, other = max(ours, default=0.0), max(theirs, default=0.0)
    start = f"update {number} has the learning rate {mine:.6g}, and {other:.6g} without a crash"
    same = [each.number for each in pair.compared.alone.updates if each.rates == ours]
    rates = [
        (max(mine.rates, default=0.0), max(other.rates, default=0.0))
        for mine, other in pair.compared.pairs
        if other.number >= number
    ]
    if not same and (factor := common_factor(rates)):
        return f"{start}: {factor:.3g} times as large from there on: another largest rate"
    if not same:
        return f"{start}: the scheduler was not restored, or another schedule is followed"
    if pair.ours.number in same:
        return f"{start}: that of update {pair.ours.number}: the scheduler was not restored"
    by = min(same, key=lambda each: abs(each - number)) - number
    side = f"{abs(by)} updates {'ahead' if by > 0 else 'behind'}"
    return f"{start}: that of update {number + by}: the scheduler is {side}"


def _settings(pair: _Pair) -> str:
    groups = zip(pair.ours.settings, pair.theirs.settings, strict=False)
    for place, (ours, theirs) in enumerate(groups):
        for key in sorted(ours.keys() & theirs.keys()):
            if ours[key] != theirs[key]:
                return (
                    f"update {pair.theirs.number} is made with {key} {ours[key]:g} in the "
                    f"optimizer's group {place}, and {theirs[key]:g} without a crash"
                )
    return ""


def _moments(pair: _Pair) -> str:
    ours, theirs = pair.ours.weights, pair.theirs.weights
    common = ours.keys() & theirs.keys()
    differing = sorted(name for name in common if ours[name] != theirs[name])
    if not differing:
        return ""
    moved = pair.theirs.moved & common
    where = f"update {pair.theirs.number} has the rows, gradient and rate that are due, and makes"
    if len(differing) >= _WHOLE * len(moved):
        return (
            f"{where} other weights of them: the optimizer's moments, or its step counters, were "
            "not restored"
        )
    more = f" and of {len(differing) - 1} others" * (len(differing) > 1)
    return (
        f"{where} another {differing[0]} of them: the optimizer's state of it{more} was not "
        "restored"
    )


_LOOKS: tuple[tuple[Kind, Callable[[_Pair], str]], ...] = (
    ("weights", _weights), ("mode", _mode), ("passes", _passes), ("rows", _rows),
    ("gradient", _gradient), ("rates", _rates), ("settings", _settings), ("moments", _moments),
)  # fmt: skip
"""In the order in which an update comes about."""


def _cut_to(alone: Watched) -> float:
    """Return the length that gradients are cut to; 0 where none seems to be."""
    norms = [each.grad_norm for each in alone.updates]
    longest = max(norms, default=0.0)
    alike = sum(norm >= longest * (1 - _CUT) for norm in norms)
    return longest if alike >= _FEWEST_CUT else 0.0


def _factor(ours: float, theirs: float) -> str:
    if not theirs:
        return ""
    for factor in _FACTORS:
        if abs(ours / theirs - factor) < _CUT * factor:
            return f"it is {factor} times that"
        if abs(theirs / ours - factor) < _CUT * factor:
            return f"it is 1/{factor} of that"
    return ""
