"""How a report says things: numbers, times, states, verdicts. Pure: values in, words out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import JsonValue

from proofbook.records import Check, OutcomeStatus, Verdict
from proofbook.report.summary import JobSummary, RunSummary
from proofbook.values import short_words

__all__ = [
    "ATTENTION_ORDER",
    "BAD_CHECKS",
    "Headline",
    "say_bytes",
    "say_cause",
    "say_checks",
    "say_count",
    "say_counts",
    "say_duration",
    "say_expected",
    "say_finding",
    "say_found",
    "say_labels",
    "say_number",
    "say_state",
    "say_time",
    "say_value",
    "severity_of",
    "state_of",
    "write_headline",
]

ATTENTION_ORDER: tuple[str, ...] = (
    "crashed",
    "timed_out",
    "error",
    "failed",
    "incomplete",
    "cancelled",
    "skipped",
    "flaky",
    "skip_allowed",
    "passed",
)
"""States of a job as a reader meets them, the worst first."""

BAD_CHECKS = ("failed", "error")
"""States of a check that failed."""

_SEVERITY = ("crashed", "timed_out", "error", "incomplete", "failed")
_NOT_RUN = 60
_LONGEST_CAUSE = 200
_STATES = {
    "timed_out": "timed out",
    "not_run": "not run",
    "needs-work": "needs work",
    "skip_allowed": "skipped (allowed)",
    "flaky": "passed on retry",
}
_TITLES: dict[Verdict, str] = {
    "passed": "Passed",
    "waived": "Waived",
    "unreviewed": "Waiting for review",
    "rejected": "Rejected",
    "failed": "Failed",
    "error": "Broken",
    "cancelled": "Cancelled",
    "incomplete": "Incomplete",
}
_LONGEST_VALUE = 400
_GROUPED = 100_000


class Headline(NamedTuple):
    """The verdict, as the first thing a reader meets."""

    title: str
    sentence: str


def state_of(job: JobSummary) -> str:
    """Return the state a reader sees: the outcome, with flaky passes and allowed skips apart."""
    if job.outcome == "passed" and job.flaky:
        return "flaky"
    if job.outcome == "skipped" and job.allowed:
        return "skip_allowed"
    return job.outcome


def severity_of(job: JobSummary) -> int:
    """Return how bad a job's outcome is among those that are not green; 0 is the worst.

    What broke comes before what failed its checks; what never ran comes last.
    """
    if job.outcome not in _SEVERITY or job.started is None:
        return _NOT_RUN
    return _SEVERITY.index(job.outcome)


def say_checks(job: JobSummary, unreached: int = 0) -> str:
    """Say how a job's checks ended, and how many of them it did not reach.

    Args:
        job: Whose checks.
        unreached: How many checks of its last whole run it did not make; 0 where none is known.
    """
    states = [(job.count(state), state) for state in ("passed", "failed", "error", "skipped")]
    words = ["in error" if state == "error" else state for _, state in states]
    counted = [(n, word) for (n, _), word in zip(states, words, strict=True) if n]
    was_stopped = not job.reached_end and not job.is_green
    if was_stopped and unreached:
        counted.append((unreached, "not reached"))
    if not counted:
        return "no checks made"
    if was_stopped and not unreached and job.started is not None:
        return f"{say_count(len(job.checks), 'check')} made, the runbook did not reach its end"
    (first, word), *others = counted
    return ", ".join([f"{say_count(first, 'check')} {word}", *(f"{n} {w}" for n, w in others)])


def say_cause(cause: str) -> str:
    """Return the first line of a cause, shortened where it is long."""
    line = cause.strip().partition("\n")[0]
    return line if len(line) <= _LONGEST_CAUSE else line[:_LONGEST_CAUSE] + " …"


def say_expected(check: Check) -> str:
    """Return what a check asked for, with its unit."""
    expected = short_words(check.expected)
    if not check.unit or not expected or check.unit in expected:
        return expected
    return f"{expected} {check.unit}"


def say_found(check: Check) -> str:
    """Return what a check saw, with its unit."""
    return "" if check.actual is None else f"{say_value(check.actual)} {check.unit}".strip()


def say_finding(check: Check) -> str:
    """Say in one line why a check did not pass."""
    if check.reason:
        return say_cause(check.reason)
    pairs = (("expected", say_expected(check)), ("found", say_found(check)))
    return say_cause(", ".join(f"{verb} {words}" for verb, words in pairs if words))


def write_headline(run: RunSummary) -> Headline:
    """Say the verdict in a title and one sentence."""
    title = _TITLES[run.verdict]
    checks = _praise(run.check_counts)
    if run.verdict == "passed":
        answered = any(question.required for job in run.jobs for question in job.questions)
        end = ", and every required question is answered." if answered else "."
        return Headline(title, f"{checks}{end}")
    if run.verdict == "unreviewed":
        waiting = say_count(run.open_questions, "question")
        verb = "waits" if run.open_questions == 1 else "wait"
        return Headline(
            title,
            f"{checks}, and nobody has looked yet: {waiting} {verb} for a person.",
        )
    if run.verdict in ("waived", "rejected"):
        return Headline(title, f"{checks}, and {_say_reviews(run)}.")
    if run.cause:
        return Headline(title, f"{run.cause.rstrip('.')}. {say_counts(run)}".strip())
    return Headline(title, say_counts(run))


def say_counts(run: RunSummary) -> str:
    """Say how many jobs ended in which state, the worst first."""
    states = [state_of(job) for job in run.jobs]
    if not states:
        return "No job was planned."
    passed = states.count("passed") + states.count("flaky")
    others = [s for s in ATTENTION_ORDER if s in states and s != "passed"]
    words = ", ".join(f"{states.count(s)} {say_state(s)}" for s in others)
    return f"{_grouped(passed)} of {say_count(len(states), 'job')} passed" + (
        f"; {words}." if words else "."
    )


def say_state(state: OutcomeStatus | str) -> str:
    """Return a state in words."""
    return _STATES.get(state, state)


def say_number(value: float) -> str:
    """Return a number with four significant digits; from 100,000 on, thousands are apart."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "−∞")  # noqa: RUF001
    size = abs(value)
    if value == int(value) and size < 1e15:
        shown = f"{int(value):,}" if size >= _GROUPED else str(int(value))
    elif 1e-4 <= size < 1e6:
        digits = max(0, 3 - math.floor(math.log10(size)))
        shown = f"{value:,.{digits}f}" if size >= _GROUPED else f"{value:.{digits}f}"
        shown = shown.rstrip("0").rstrip(".") if digits else shown
    else:
        shown = f"{value:.3g}"
    return shown.replace(",", "\u202f").replace("-", "−")  # noqa: RUF001 - the minus sign


def say_value(value: JsonValue) -> str:
    """Return any recorded value on one line, shortened where it is long."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return say_number(value)
    if value in ("", [], {}):
        return "none"
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False)
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + " …"


def say_duration(seconds: float | None) -> str:
    """Return a duration as a reader would say it: ``0.42 s``, ``12.3 s``, ``4 min 05 s``."""
    if seconds is None:
        return "–"  # noqa: RUF001 - a dash stands for nothing
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def say_time(moment: datetime | None) -> str:
    """Return a moment in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if moment else ""


def say_bytes(size: int) -> str:
    """Return a size in B, KB, MB or GB of 1,000."""
    if size < 1000:
        return f"{size} B"
    for unit, factor in (("KB", 1e3), ("MB", 1e6)):
        if size < 999.5 * factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size / 1e9:.3g} GB"


def say_labels(labels: Mapping[str, object]) -> str:
    """Return labels as ``model=small, seed=7``."""
    return ", ".join(f"{name}={value}" for name, value in labels.items())


def _say_reviews(run: RunSummary) -> str:
    """Say how many required questions are in which state but approved."""
    states = [q.status for job in run.jobs for q in job.questions if q.required]
    order = ("rejected", "needs-work", "untrusted", "stale", "expired", "pending", "waived")
    counts = [(state, states.count(state)) for state in order if state in states]
    words = ", ".join(f"{count} {say_state(state)}" for state, count in counts)
    return f"of {say_count(len(states), 'question')} {words}"


def _praise(counts: Mapping[str, int]) -> str:
    passed = counts.get("passed", 0)
    words = "The only check passed" if passed == 1 else f"All {say_count(passed, 'check')} passed"
    skipped = counts.get("skipped", 0)
    return words + (f" ({skipped} skipped, as the profile allows)" if skipped else "")


def say_count(count: int, noun: str) -> str:
    """Return a number with what it counts, with thousands apart, for a page."""
    return f"{_grouped(count)} {noun}" + ("" if count == 1 else "s")


def _grouped(count: int) -> str:
    return f"{count:,}".replace(",", "\u202f")
