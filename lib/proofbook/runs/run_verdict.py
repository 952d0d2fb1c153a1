"""The verdict of a whole run, from the outcomes of its jobs and the answers to its questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from proofbook.records import Outcome, OutcomeStatus, PlannedJob, Question, Verdict

__all__ = ["exit_code", "review_state", "run_verdict", "worse_verdict"]

_EXIT_CODES: dict[Verdict, int] = {
    "passed": 0,
    "waived": 0,
    "unreviewed": 0,
    "rejected": 1,
    "failed": 1,
    "error": 3,
    "incomplete": 3,
    "cancelled": 130,
}
_VERDICT_OF: dict[OutcomeStatus, Verdict] = {
    "cancelled": "cancelled",
    "crashed": "error",
    "timed_out": "error",
    "error": "error",
    "failed": "failed",
    "incomplete": "incomplete",
    "passed": "passed",
}
_WORST_FIRST: tuple[Verdict, ...] = (
    "cancelled", "error", "failed", "incomplete", "rejected", "unreviewed", "waived", "passed"
)  # fmt: skip


def run_verdict(
    plan: Sequence[PlannedJob],
    outcomes: Mapping[str, Outcome],
    questions: Iterable[Question] = (),
) -> Verdict:
    """Return the verdict of a run, the worst that holds.

    Cancelled, error, failed, incomplete; then what people answered: rejected, unreviewed, waived,
    passed. A planned job without an outcome counts as incomplete, and so does a skip that no
    profile allowed, or a run in which nothing passed.
    """
    verdicts = {_verdict_of(outcomes.get(job.id)) for job in plan}
    for worst in _WORST_FIRST:
        if worst in verdicts and worst != "passed":
            return worst
    return review_state(questions) if "passed" in verdicts else "incomplete"


def review_state(
    questions: Iterable[Question],
) -> Literal["passed", "waived", "unreviewed", "rejected"]:
    """Return what people have answered to all required questions together."""
    statuses = {question.status for question in questions if question.required}
    if statuses & {"rejected", "needs-work"}:
        return "rejected"
    if statuses - {"approved", "waived"}:
        return "unreviewed"
    return "waived" if "waived" in statuses else "passed"


def worse_verdict(first: Verdict, second: Verdict) -> Verdict:
    """Return the worse of two verdicts."""
    return min(first, second, key=_WORST_FIRST.index)


def exit_code(verdict: Verdict) -> int:
    """Return the exit code of a run that ended with this verdict."""
    return _EXIT_CODES[verdict]


def _verdict_of(outcome: Outcome | None) -> Verdict | None:
    if outcome is None:
        return "incomplete"
    if outcome.status == "skipped":
        return None if outcome.allowed else "incomplete"
    return _VERDICT_OF[outcome.status]
