"""The verdict of a run is the worst that holds, and decides the exit code."""

from __future__ import annotations

from typing import get_args

import pytest

from proofbook.records import Outcome, PlannedJob, Question, Verdict
from proofbook.runs.run_verdict import exit_code, review_state, run_verdict, worse_verdict

JOB = PlannedJob(id="job-1", runbook="musicgen/generate", timeout=60)


def outcome(status: str, **fields: object) -> Outcome:
    return Outcome.model_validate(
        {"job": JOB.id, "runbook": JOB.runbook, "status": status, **fields}
    )


def ask(status: str, required: bool = True) -> Question:
    return Question.model_validate(
        {"name": "q", "text": "?", "status": status, "required": required}
    )


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], "passed"),
        (["approved"], "passed"),
        (["approved", "waived"], "waived"),
        (["approved", "waived", "pending"], "unreviewed"),
        (["stale"], "unreviewed"),
        (["expired"], "unreviewed"),
        (["pending", "rejected"], "rejected"),
        (["approved", "needs-work"], "rejected"),
    ],
)
def test_the_least_favourable_answer_decides(states: list[str], expected: str) -> None:
    optional = [ask("rejected", required=False), ask("pending", required=False)]
    assert review_state([*map(ask, states), *optional]) == expected


PLAN = [JOB, PlannedJob(id="job-2", runbook="r", timeout=1)]


@pytest.mark.parametrize(
    ("second", "expected", "code"),
    [
        ("passed", "passed", 0),
        ("failed", "failed", 1),
        ("error", "error", 3),
        ("crashed", "error", 3),
        ("timed_out", "error", 3),
        ("incomplete", "incomplete", 3),
        ("skipped", "incomplete", 3),
        ("cancelled", "cancelled", 130),
    ],
)
def test_one_job_decides_the_verdict_and_the_exit_code(
    second: str, expected: str, code: int
) -> None:
    found = run_verdict(PLAN, {"job-1": outcome("passed"), "job-2": outcome(second)})
    assert (found, exit_code(found)) == (expected, code)


def test_the_worst_state_decides() -> None:
    states = ["incomplete", "failed", "timed_out", "cancelled"]
    expected = ["incomplete", "failed", "error", "cancelled"]
    for count, worst in enumerate(expected, start=1):
        plan = [PlannedJob(id=state, runbook="r", timeout=1) for state in states[:count]]
        outcomes = {state: outcome(state, job=state) for state in states[:count]}
        assert run_verdict(plan, outcomes, [ask("pending")]) == worst


def test_a_pending_question_makes_all_passed_unreviewed_and_exits_zero() -> None:
    found = run_verdict([JOB], {"job-1": outcome("passed")}, [ask("pending")])
    assert (found, exit_code(found)) == ("unreviewed", 0)


def test_a_rejection_exits_as_a_failure_does() -> None:
    found = run_verdict([JOB], {"job-1": outcome("passed")}, [ask("approved"), ask("rejected")])
    assert (found, exit_code(found)) == ("rejected", 1)


def test_a_planned_job_without_outcome_makes_the_run_incomplete() -> None:
    assert run_verdict(PLAN, {"job-1": outcome("passed")}) == "incomplete"


def test_an_allowed_skip_beside_a_passed_job_is_passed() -> None:
    skipped = outcome("skipped", allowed=True)
    assert run_verdict(PLAN, {"job-1": outcome("passed"), "job-2": skipped}) == "passed"


def test_a_run_of_allowed_skips_alone_or_of_nothing_is_not_green() -> None:
    assert run_verdict([JOB], {"job-1": outcome("skipped", allowed=True)}) == "incomplete"
    assert run_verdict([], {}) == "incomplete"


def test_the_worse_of_two_verdicts_is_the_one_with_the_worse_exit_code_or_less_reviewed() -> None:
    order = ("passed", "waived", "unreviewed", "rejected", "incomplete", "failed", "error",
             "cancelled")  # fmt: skip
    assert set(order) == set(get_args(Verdict))
    for index, worse in enumerate(order):
        for better in order[: index + 1]:
            assert worse_verdict(worse, better) == worse_verdict(better, worse) == worse  # type: ignore[arg-type]
