"""What rounds over the same types say of the checks themselves: faults found, and false alarms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proofbook_systems.models.findings import CHECKS, Verdict
from proofbook_systems.models.planting import FAULTS
from proofbook_systems.models.summaries import table

__all__ = [
    "FaultCount",
    "count_faults",
    "faults_table",
    "find_false_alarms",
    "name_missed",
    "why_not_planted",
]


class FaultCount(NamedTuple):
    """How often one fault was found."""

    found: int
    missed: int
    skipped: int
    """Where its check does not hold anyway, or there is nothing to break so."""

    @property
    def share(self) -> float:
        """How many of those planted were found; 0 where none was planted."""
        planted = self.found + self.missed
        return self.found / planted if planted else 0.0


def count_faults(verdicts: Iterable[Verdict]) -> dict[str, FaultCount]:
    """Return how often each fault was found, missed, and could not be planted."""
    told = [each for verdict in verdicts for each in verdict.planted]
    counts = {}
    for fault in FAULTS:
        statuses = [each.status for each in told if each.check == fault]
        counts[fault] = FaultCount(
            *(statuses.count(status) for status in ("passed", "failed", "skipped"))
        )
    return counts


def why_not_planted(verdicts: Iterable[Verdict], fault: str) -> str:
    """Return the most frequent reason why a fault could not be planted, with how often it was."""
    reasons = Counter(
        each.reason
        for verdict in verdicts
        for each in verdict.planted
        if each.check == fault and each.status == "skipped"
    )
    if not reasons:
        return "no type came so far that faults are planted"
    reason, count = reasons.most_common(1)[0]
    return f"{reason} ({count} of {reasons.total()} types)"


def name_missed(verdicts: Iterable[Verdict]) -> list[str]:
    """Return the faults that were planted and not found, each with its type."""
    return [
        f"{verdict.type}: {each.check} was not seen by {FAULTS[each.check]}"
        for verdict in verdicts
        for each in verdict.planted
        if each.status == "failed"
    ]


def find_false_alarms(rounds: Sequence[Sequence[Verdict]]) -> list[str]:
    """Return the checks that hold in one round and fail in another, of the same types unbroken."""
    by_type: dict[str, list[Verdict]] = {}
    for verdicts in rounds:
        for verdict in verdicts:
            by_type.setdefault(verdict.type, []).append(verdict)
    return [
        f"{name}: {check} fails in {statuses.count('failed')} of {len(statuses)} rounds: {reason}"
        for name, some in by_type.items()
        for check in CHECKS
        if {"passed", "failed"} <= set(statuses := [v.status_of(check) for v in some])
        for reason in [next(f.reason for v in some for f in v.failed if f.check == check)]
    ]


def faults_table(verdicts: Sequence[Verdict]) -> str:
    """Return a Markdown table of the faults: which check is to find each, and how often it does."""
    rows = [
        [fault, FAULTS[fault], *(str(number) for number in count), f"{count.share:.1%}"]
        for fault, count in count_faults(verdicts).items()
    ]
    return table(["fault", "check", "found", "missed", "could not be planted", "share"], rows)
