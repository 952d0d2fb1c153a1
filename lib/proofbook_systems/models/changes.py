"""What differs between two sets of results: types, verdicts, weights, numbers out of a band.

Knows nothing about where results come from, and writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from proofbook_systems.models.recorded import RANKS, Recorded
from proofbook_systems.models.summaries import table

__all__ = ["BANDS", "Band", "Change", "changes_table", "compare_results", "describe_changes"]

Kind = Literal["appeared", "vanished", "worse", "better", "weights", "class", "metric"]


class Band(NamedTuple):
    """How far a number may move before it is a finding."""

    share: float
    """Of the expected value."""
    floor: float
    """However small the expected value is."""


BANDS: dict[str, Band] = {
    "parameters": Band(0.0, 0.0),
    "memory_mb": Band(0.5, 150.0),
    "weights_that_show": Band(0.0, 0.5),
    "weights_with_gradient": Band(0.0, 0.02),
    "gradient_by_slope": Band(0.0, 0.0),
    "gradient_whole": Band(0.0, 0.0),
    "samples_per_second": Band(0.9, 0.0),
    "tolerance": Band(30.0, 1e-4),
}
"""Times are not among them but for the one of a benchmark: they are the machine's, not a type's."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is not as it was."""

    type: str
    kind: Kind
    what: str
    """The check or the number."""
    before: str
    after: str

    def __str__(self) -> str:
        """As ``bert: batch was passed, is failed: …``."""
        return f"{self.type}: {self.what} was {self.before}, is {self.after}"


def compare_results(
    before: Mapping[str, Recorded], after: Mapping[str, Recorded], *, tried: Iterable[str] = ()
) -> list[Change]:
    """Return what differs, by type.

    Args:
        before: What was expected.
        after: What came.
        tried: The types that were asked for; only these can be missed. Empty is all of both sides.
    """
    asked = set(tried) or before.keys() | after.keys()
    known = {check for each in before.values() for check in each.checks}
    changes: list[Change] = []
    for name in sorted(asked):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            if old is not new:
                changes.append(_alone(name, appeared=old is None))
            continue
        changes += [*_weights(old, new), *_verdicts(old, new, known), *_metrics(old, new)]
    return changes


def _alone(name: str, *, appeared: bool) -> Change:
    words = ("not there", "there") if appeared else ("there", "not there")
    kind: Kind = "appeared" if appeared else "vanished"
    return Change(type=name, kind=kind, what="type", before=words[0], after=words[1])


def _weights(old: Recorded, new: Recorded) -> list[Change]:
    changes = []
    if old.implementation != new.implementation:
        less = RANKS.get(new.implementation, 0) <= RANKS.get(old.implementation, 0)
        changes.append(Change(type=new.type, kind="weights" if less else "better", what="weights",
                              before=old.implementation, after=new.implementation))  # fmt: skip
    if old.model_class and new.model_class and old.model_class != new.model_class:
        changes.append(Change(type=new.type, kind="class", what="class",
                              before=old.model_class, after=new.model_class))  # fmt: skip
    return changes


def _verdicts(old: Recorded, new: Recorded, known: set[str]) -> list[Change]:
    """Return the checks that came out otherwise; one that is new, and holds, is no change."""
    changes = []
    for check in dict.fromkeys([*old.checks, *new.checks]):
        was, now = (side.checks.get(check, "not reached") for side in (old, new))
        is_new = check not in known and now == "passed"
        if was == now or is_new or not _both_tried(check, old, new):
            continue
        kind: Kind = "better" if now == "passed" else "worse"  # what is no longer tried hides it
        reason = new.reasons.get(check, "")
        after = f"{now}: {reason}" if reason else now
        changes.append(Change(type=new.type, kind=kind, what=check, before=was, after=after))
    return changes


def _both_tried(check: str, old: Recorded, new: Recorded) -> bool:
    """Say whether a device's or an option's check was asked for on both sides."""
    device = check.partition("/")[0] if "/" in check else ""
    if device:
        return all(any(c.startswith(f"{device}/") for c in side.checks) for side in (old, new))
    return check != "export" or all("export" in side.checks for side in (old, new))


def _metrics(old: Recorded, new: Recorded) -> list[Change]:
    changes = []
    for name, band in BANDS.items():
        was, now = old.metrics.get(name), new.metrics.get(name)
        if was is None or now is None or _is_within(was, now, band):
            continue
        changes.append(Change(type=new.type, kind="metric", what=name,
                              before=f"{was:g}", after=f"{now:g}"))  # fmt: skip
    return changes


def _is_within(was: float, now: float, band: Band) -> bool:
    """Say whether a number has stayed; what is not finite has only where it is the same."""
    if not (math.isfinite(was) and math.isfinite(now)):
        return was == now or (math.isnan(was) and math.isnan(now))
    return abs(now - was) <= max(abs(was) * band.share, band.floor)


def describe_changes(changes: Iterable[Change], *kinds: Kind) -> list[str]:
    """Return the changes of some kinds in words; of all where none is named."""
    return [str(each) for each in changes if not kinds or each.kind in kinds]


def changes_table(changes: Iterable[Change]) -> str:
    """Return a Markdown table of what differs, by kind."""
    order: tuple[Kind, ...] = (
        "vanished", "worse", "weights", "metric", "class", "better", "appeared"
    )  # fmt: skip
    rows = [
        [each.kind, each.type, each.what, each.before, each.after]
        for each in sorted(changes, key=lambda each: (order.index(each.kind), each.type))
    ]
    return table(["change", "type", "what", "before", "after"], rows) if rows else "Nothing.\n"
