"""What failed, across jobs: equal failures are one cause, with figures, the worst first.

Pure: a run's jobs in, causes out.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from proofbook.records import Check
from proofbook.report.summary import JobSummary
from proofbook.report.wording import (
    BAD_CHECKS,
    say_cause,
    say_expected,
    say_found,
    say_number,
    severity_of,
    state_of,
)

__all__ = ["Cause", "find_causes"]

_VARYING = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?")
_CHECK_SEVERITY = 50
_NAMED_VALUES = 3


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One way to fail, and the jobs that failed so."""

    state: str
    """What became of the jobs, or of the check."""
    name: str
    """The check; empty where the job itself ended so."""
    detail: str
    """What was expected and found, or why the job ended."""
    runbook: str
    jobs: tuple[str, ...]
    severity: int
    """The worse, the smaller."""


def find_causes(jobs: Iterable[JobSummary]) -> tuple[Cause, ...]:
    """Return all causes of what is not green, the worst and then the commonest first."""
    bad = [job for job in jobs if not job.is_green]
    causes = [*_ended_alike(bad), *_failed_alike(bad)]
    return tuple(sorted(causes, key=lambda each: (each.severity, -len(each.jobs))))


def _failed_alike(jobs: Sequence[JobSummary]) -> Iterator[Cause]:
    groups: dict[tuple[str, ...], list[tuple[str, Check]]] = {}
    for job in jobs:
        for check in job.checks:
            if check.status in BAD_CHECKS:
                why = _pattern(check.reason)
                key = (job.runbook, check.name, say_expected(check), check.status, why)
                groups.setdefault(key, []).append((job.id, check))
    for (runbook, name, _, status, _), members in groups.items():
        yield Cause(
            state=status,
            name=name,
            detail=_describe([check for _, check in members]),
            runbook=runbook,
            jobs=tuple(job for job, _ in members),
            severity=_CHECK_SEVERITY,
        )


def _ended_alike(jobs: Sequence[JobSummary]) -> Iterator[Cause]:
    """Group jobs by how they ended; a failed job is its checks, where one of them failed."""
    groups: dict[tuple[str, ...], list[JobSummary]] = {}
    for job in jobs:
        if job.outcome != "failed" or not any(c.status in BAD_CHECKS for c in job.checks):
            key = (state_of(job), _pattern(job.cause))
            groups.setdefault(key, []).append(job)
    for (state, _), members in groups.items():
        runbooks = {job.runbook for job in members}
        yield Cause(
            state=state,
            name="",
            detail=_common_words([say_cause(job.cause) for job in members]),
            runbook=runbooks.pop() if len(runbooks) == 1 else "",
            jobs=tuple(job.id for job in members),
            severity=min(severity_of(job) for job in members),
        )


def _describe(checks: Sequence[Check]) -> str:
    """Say what was expected and found in all of these, or what kept them from being evaluated."""
    expected, found = say_expected(checks[0]), _say_values(checks)
    words = [f"expected {expected}" if expected else "", f"found {found}" if found else ""]
    reason = _common_words([say_cause(check.reason) for check in checks])
    return ", ".join(part for part in (*words, reason) if part)


def _say_values(checks: Sequence[Check]) -> str:
    numbers = [
        float(check.actual)
        for check in checks
        if isinstance(check.actual, int | float) and not isinstance(check.actual, bool)
    ]
    if len(numbers) < len(checks) or not all(map(math.isfinite, numbers)):
        values = list(dict.fromkeys(found for check in checks if (found := say_found(check))))
        rest = len(values) - _NAMED_VALUES
        return ", ".join(values[:_NAMED_VALUES]) + (f" and {rest} other values" if rest > 0 else "")
    low, high = say_number(min(numbers)), say_number(max(numbers))
    words = low if low == high else f"{low} to {high}"
    if len(set(numbers)) > 2:
        words += f" (median {say_number(statistics.median(numbers))})"
    return f"{words} {checks[0].unit}".strip()


def _pattern(text: str) -> str:
    return _VARYING.sub("…", say_cause(text))


def _common_words(texts: Sequence[str]) -> str:
    """Return a text that all share; numbers that vary are left out of it."""
    return texts[0] if len(set(texts)) == 1 else _pattern(texts[0])
