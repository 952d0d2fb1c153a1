"""Does a resumed training get the batches, and move the weights, that it would without a crash?

Compares what was watched, update by update, and names the first that departs. Knows nothing of what
a checkpoint holds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from proofbook_systems.training.watching import Row, Update, Watched

__all__ = [
    "Comparable",
    "compare_gradients",
    "compare_moves",
    "compare_rows",
    "compare_scales",
    "first_still",
    "line_up",
    "passes_before",
    "updates_with",
    "why_other_gradient",
]

_ALIKE = 0.5
"""Part of a row's first ids that are the same in two versions of it."""


class Comparable(NamedTuple):
    """The updates of a resumption, each with the one of a training left alone."""

    at: int
    """Updates before the resumption."""
    pairs: list[tuple[Update, Update]]
    """(resumed, left alone), in order."""
    alone: Watched
    why_not: str
    """Why there is nothing to compare; empty where there is."""


def line_up(alone: Watched, resumed: Watched, at: int) -> Comparable:
    """Pair the updates of a resumption, which went on after ``at``, with those left alone."""
    why_not = alone.why_empty or resumed.why_empty
    theirs = alone.updates[at:]
    pairs = list(zip(resumed.updates, theirs, strict=False))
    if not why_not and not pairs:
        why_not = f"no update after step {at} was seen in both trainings"
    return Comparable(at, pairs, alone, why_not)


def updates_with(alone: Watched, resumed: Watched) -> list[int]:
    """Return after which updates a training left alone had the weights that a resumption has.

    Those of its beginning count for nothing: a network that was not restored has them, too.
    """
    before = resumed.updates[0].before if resumed.updates else {}
    if not before:
        return []
    return [
        update.number for update in alone.updates
        if all(update.weights.get(name) == value for name, value in before.items())
    ]  # fmt: skip


def compare_rows(compared: Comparable) -> str:
    """Name the first update whose rows are not those that are due, and what became of the order."""
    for ours, theirs in compared.pairs:
        number = theirs.number
        if [row.digest for row in ours.rows] == [row.digest for row in theirs.rows]:
            continue
        if passes_before(ours, theirs):
            continue
        start = f"after resuming from {compared.at}, update {number} has other rows than without"
        size = _other_size([pair[0] for pair in compared.pairs], compared.alone)
        return f"{start}: {size or _departure(ours, compared.alone, number)}"
    return ""


def compare_gradients(compared: Comparable) -> str:
    """Name the first update with the same rows and another gradient."""
    for ours, theirs in compared.pairs:
        before = passes_before(ours, theirs)
        if not before and [row.digest for row in ours.rows] != [row.digest for row in theirs.rows]:
            return ""
        if not ours.grad_norm and theirs.grad_norm:
            return ""  # told as what no longer moves
        if ours.grad_norm != theirs.grad_norm and not (
            math.isnan(ours.grad_norm) and math.isnan(theirs.grad_norm)
        ):
            cause = why_other_gradient(ours, before)
            return (
                f"after resuming from {compared.at}, update {theirs.number} has the rows that are "
                f"due, and a gradient of norm {ours.grad_norm:.9g}, not {theirs.grad_norm:.9g}: "
                f"{cause}"
            )
    return ""


def passes_before(ours: Update, theirs: Update) -> int:
    """Return how many passes of an update were made before a resumption that goes on within it.

    0 where the resumption makes all of it, or has other rows than the last ones of it.
    """
    made = len(theirs.batches) - len(ours.batches)
    rows, due = ([row.digest for row in each.rows] for each in (ours, theirs))
    is_rest = ours.number == 1 and made > 0 and rows and rows == due[-len(rows) :]
    return made if is_rest else 0


def why_other_gradient(ours: Update, before: int) -> str:
    """Say why an update with the rows that are due has another gradient.

    Args:
        ours: The resumption's.
        before: The passes of it that were made before the checkpoint.
    """
    if before:
        passes = "the pass" if before == 1 else f"the {before} passes"
        other = ", or other random numbers (dropout) were drawn" if ours.drew else ""
        return f"the gradients accumulated in {passes} of it before the checkpoint were lost{other}"
    if ours.number == 1:
        return "weights, random numbers (dropout) or the network's mode were not restored"
    return "the update before it went otherwise: the optimizer or scheduler was not restored"


def compare_moves(compared: Comparable) -> str:
    """Name the first update after a resumption that leaves a parameter as it was."""
    for ours, theirs in compared.pairs:
        if theirs.moved and not ours.moved and any(ours.rates):
            return (
                f"after resuming from {compared.at}, update {theirs.number} moves every parameter "
                f"no more: {_why_still(ours, theirs)}"
            )
        still = sorted((ours.unmoved | ours.no_gradient | ours.zero_gradient) & theirs.moved)
        if still:
            which = still[0] if len(still) == 1 else f"{still[0]} and {len(still) - 1} others"
            lacking = still[0] in ours.no_gradient | ours.zero_gradient
            cause = "it has no gradient" if lacking else "its updates go to another copy"
            return (
                f"after resuming from {compared.at}, update {theirs.number} moves {which} no more: "
                f"{cause}"
            )
    return ""


def _why_still(ours: Update, theirs: Update) -> str:
    """Say why nothing moves: parameters without a name are not those of the network that is run."""
    seen = ours.unmoved | ours.no_gradient | ours.zero_gradient
    if seen and not seen & (theirs.moved | theirs.unmoved):
        return "the optimizer's parameters are not the network's, which is another copy now"
    return "its gradients do not reach the optimizer, or its updates go to another copy"


def compare_scales(compared: Comparable) -> str:
    """Name the first update after a resumption that leaves another scale of gradients."""
    for ours, theirs in compared.pairs:
        if ours.scale != theirs.scale and ours.scale and theirs.scale:
            return (
                f"after resuming from {compared.at}, update {theirs.number} leaves gradients "
                f"scaled by {ours.scale[0]:g} since {ours.scale[1]:g} updates, and not by "
                f"{theirs.scale[0]:g} since {theirs.scale[1]:g}: the scaler was not restored"
            )
    return ""


def first_still(watched: Watched) -> str:
    """Name a parameter that is to be learnt, and that no update with a learning rate moves."""
    updates = [update for update in watched.updates if any(update.rates)]
    moved = frozenset[str]().union(*(update.moved for update in updates))
    still = frozenset[str]().union(*(update.unmoved for update in updates)) - moved
    without = frozenset[str]().union(*(u.no_gradient | u.zero_gradient for u in updates)) - moved
    if still:
        return f"{min(still)} has a gradient, and none of {len(updates)} updates moves it"
    if without:
        return f"{min(without)} is the optimizer's, and has no gradient in {len(updates)} updates"
    if watched.left_out:
        more = f", as {len(watched.left_out) - 1} others" * (len(watched.left_out) > 1)
        return f"{min(watched.left_out)} has a gradient, and no optimizer has it{more}"
    return ""


def _departure(ours: Update, alone: Watched, number: int) -> str:
    rows = [row.digest for row in ours.rows]
    for other in alone.updates:
        if rows and rows == [row.digest for row in other.rows]:
            return _elsewhere(other.number, number)
    known = {row.digest: each.number for each in alone.updates for row in each.rows}
    due = alone.rows(number)
    if Counter(rows) == Counter(row.digest for row in due):
        return "the same rows in another order"
    place = _place_within(rows, [row.digest for each in alone.updates for row in each.rows])
    if place is not None:
        made = max(0, len(due) - len(rows)) if ours.number == 1 else 0  # it goes on within it
        earlier = sum(len(each.rows) for each in alone.updates[: number - 1])
        return _shifted(place, earlier + made)
    if _are_alike(ours.rows, due):
        return (
            "the same rows, changed differently: the random numbers of the data (noise, masks) "
            "were not restored"
        )
    due_now = {row.digest for row in due}
    others = [row for row in rows if row not in due_now]
    before = [row for row in others if known.get(row, number) < number]
    if before:
        return (
            f"{len(before)} of its {len(rows)} rows were used before the crash: the order was "
            "shuffled again, and not restored"
        )
    if any(row in known for row in others):
        return "rows of later updates: the order was shuffled again, and not restored"
    if len(others) < len(rows):
        return (
            f"{len(rows) - len(others)} of its {len(rows)} rows are due, and the others were never "
            "seen: they were drawn otherwise"
        )
    return "none of its rows were seen before: another order, or other data"


def _other_size(resumed: Sequence[Update], alone: Watched) -> str:
    """Say that batches have another size, where each training has one size alone."""
    ours, theirs = (
        {len(batch.rows) for update in updates for batch in update.batches}
        for updates in (resumed, alone.updates)
    )
    if len(ours) != 1 or len(theirs) != 1 or ours == theirs:
        return ""
    return f"its batches have {min(ours)} rows, and {min(theirs)} without a crash"


def _elsewhere(other: int, number: int) -> str:
    if other == 1 and number > 2:
        return "those of update 1: the order begins again, and its place was not restored"
    if other < number:
        return f"those of update {other}: rows are repeated, the place of the data is behind"
    return (
        f"those of update {other}: the rows of {other - number} updates are skipped, the place of "
        "the data is ahead"
    )


def _shifted(place: int, due: int) -> str:
    if not place:
        return "the first ones: the order begins again, and its place was not restored"
    if place < due:
        return f"they begin {due - place} rows too early: rows are repeated"
    return f"they begin {place - due} rows too late: rows are skipped"


def _place_within(rows: Sequence[str], stream: Sequence[str]) -> int | None:
    size = len(rows)
    if not size or len(set(rows)) < min(2, size):
        return None
    places = range(len(stream) - size + 1)
    return next((n for n in places if list(stream[n : n + size]) == list(rows)), None)


def _are_alike(ours: Sequence[Row], theirs: Sequence[Row]) -> bool:
    if len(ours) != len(theirs) or not ours:
        return False
    if [row.source for row in ours] == [row.source for row in theirs]:
        return True
    same = [
        sum(a == b for a, b in zip(mine.first, other.first, strict=False)) / len(mine.first)
        for mine, other in zip(ours, theirs, strict=True)
        if mine.first
    ]
    return bool(same) and min(same) >= _ALIKE
