"""What an answer must hold to be taken, by its question alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from made_entries import NINE
from reviewed_run import ANN, BEN

from proofbook.errors import UsageError
from proofbook.records import AnyRecord, Check, Evidence, MediaFile, PlannedJob, Question, now
from proofbook.signoff import acceptance
from proofbook.signoff.acceptance import (
    SubmittedAnswer,
    bytes_problem,
    comparison_problem,
    failed_check,
    make_reviewer,
    parse_answer,
    refusal,
)
from proofbook.signoff.binding import AskedJob
from proofbook.signoff.entries import Binding, Comparison, Reviewer, Subject

A, B = "a" * 64, "b" * 64
QUESTION = Question(name="good", text="Good?")
SECOND = timedelta(seconds=1)
LEAD = Reviewer(name="Cem", role="lead")


def job_with(*records: AnyRecord) -> AskedJob:
    planned = PlannedJob(id="clip", runbook="demo/clip", timeout=60)
    return AskedJob(
        run_id="r",
        plan_sha256=A,
        made_with_sha256=A,
        planned=planned,
        records=records,
        notebook_sha256="",
    )


def evidence(sha256: str, *facts: Any, kind: str = "audio", name: str = "clip") -> Evidence:
    file = MediaFile(sha256=sha256, size=1, suffix=".wav", media_type="audio/wav")
    return Evidence(name=name, media_kind=kind, file=file, facts=facts)


def given(verdict: str = "approved", **more: Any) -> SubmittedAnswer:
    return parse_answer({"job": "clip", "question": "good", "verdict": verdict, **more})


def refused(answer: SubmittedAnswer, question: Question | None = QUESTION, *,
            job: AskedJob | None = None, by: Reviewer = BEN) -> str:  # fmt: skip
    return refusal(answer, question, job or job_with(), by)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "not an answer: verdict: Field required"),
        ({"verdict": "approved"}, "not an answer: job: Field required"),
        (
            {"verdict": "approved", "job": "a", "question": "b", "scores": {"x": "y"}, "more": 1},
            "not an answer: scores.x: Input should be a valid integer",
        ),
    ],
)
def test_what_is_no_answer_is_told_by_its_first_fault(values: Any, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_answer(values)
    assert str(caught.value).startswith(problem)


def test_a_reviewer_is_who_was_named() -> None:
    assert make_reviewer("Ann", "lead", "declared in a file") == Reviewer(
        name="Ann", role="lead", identified_by="declared in a file"
    )
    for name in ("", " "):
        with pytest.raises(UsageError, match=r"^enter your name first$"):
            make_reviewer(name, "", "declared")


@pytest.mark.parametrize(
    ("name", "role", "problem"),
    [
        ("A\u202enn", "", "this name cannot be used: Value error, it holds"),
        ("Ann", "le\u200bad", "this role cannot be used: Value error, it holds"),
        ("A\u202enn", "le\u200bad", "this name cannot be used: "),
        ("x" * 201, "", "this name cannot be used: String should have at most 200"),
    ],
)
def test_a_name_that_cannot_be_used_is_told_apart_from_a_role(
    name: str, role: str, problem: str
) -> None:
    with pytest.raises(UsageError) as caught:
        make_reviewer(name, role, "declared")
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    ("scores", "criteria", "problem"),
    [
        ({}, (), ""),
        ({"melody": 1, "noise": 5}, ("noise", "melody"), ""),
        ({"melody": 0}, ("melody",), "scores go from 1 to 5; found melody 0"),
        ({"melody": 6}, ("melody",), "scores go from 1 to 5; found melody 6"),
        ({"a": 3, "b": 7, "c": 8}, ("a", "b", "c"), "scores go from 1 to 5; found b 7"),
        ({}, ("a", "b"), "scores are asked for a, b; found nothing"),
        ({"a": 3}, (), "scores are asked for nothing; found a"),
        ({"a": 3, "c": 3}, ("a", "b"), "scores are asked for a, b; found a, c"),
    ],
)
def test_each_criterion_is_scored_from_1_to_5(
    scores: dict[str, int], criteria: Sequence[str], problem: str
) -> None:
    question = Question(name="good", text="Good?", form="score", criteria=tuple(criteria))
    assert refused(given(scores=scores), question) == problem


def test_only_an_approval_needs_scores_and_listening() -> None:
    question = Question(name="good", text="Good?", about=(A,), form="score", criteria=("noise",))
    job = job_with(evidence(A))
    assert refused(given("rejected"), question, job=job) == ""
    assert refused(given("needs-work"), question, job=job) == ""
    assert refused(given(), question, job=job) != ""


def test_a_waiver_needs_a_reason_and_a_date_to_come() -> None:
    later = now() + timedelta(days=1)
    for values, problem in (
        ({}, "a waiver needs a reason"),
        ({"comment": " ", "expires": later}, "a waiver needs a reason"),
        ({"comment": "demo"}, "a waiver needs a date on which it expires"),
        (
            {"comment": "demo", "expires": now() - timedelta(seconds=1)},
            "it would expire in the past",
        ),
        ({"comment": "demo", "expires": later}, ""),
    ):
        for question in (QUESTION, None, Question(name="good", text="Good?", role="lead")):
            assert refused(given("waived", **values), question) == problem


def test_a_waiver_that_ends_now_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptance, "now", lambda: NINE)
    for expires, problem in ((NINE, "it would expire in the past"), (NINE + SECOND, "")):
        assert refused(given("waived", comment="demo", expires=expires)) == problem


def test_a_question_for_a_role_is_answered_in_that_role() -> None:
    question = Question(name="good", text="Good?", role="Lead")
    asked = "role 'Lead' must answer this question; "
    for verdict in ("approved", "rejected", "needs-work"):
        answer = given(verdict)
        assert refused(answer, question, by=LEAD) == ""
        assert refused(answer, question) == f"{asked}you have none: give it with --role"
        assert refused(answer, question, by=ANN) == (
            f"{asked}yours is 'art director': give it with --role"
        )
        assert refused(answer, QUESTION, by=ANN) == ""
    assert refused(given(), None) == "a failed check can only be waived: proofbook waive"


@pytest.mark.parametrize("kind", ["audio", "video"])
@pytest.mark.parametrize(
    ("facts", "needed"),
    [
        ((), 0.25),
        (({"name": "duration", "value": "long"},), 0.25),
        (({"name": "peak", "value": 0.1},), 0.25),
        (({"name": "peak", "value": 9}, {"name": "duration", "value": 0.5}), 0.25),
        (({"name": "duration", "value": 0.2},), 0.1),
        (({"name": "duration", "value": 1},), 0.5),
        (({"name": "duration", "value": 60.0},), 0.5),
    ],
)
def test_what_can_be_heard_is_heard_before_it_is_approved(
    kind: str, facts: Sequence[Any], needed: float
) -> None:
    question = Question(name="good", text="Good?", about=(A,))
    job = job_with(evidence(A, *facts, kind=kind))
    problem = "clip has not been played; listen before you approve"
    for played, told in (
        ({}, problem), ({B: 9.0}, problem), ({A: needed - 0.01}, problem), ({A: needed}, ""),
    ):  # fmt: skip
        assert refused(given(seconds_played=played), question, job=job) == told


def test_every_clip_of_a_question_is_heard_and_no_picture() -> None:
    job = job_with(evidence(A, kind="image", name="picture"), evidence(B, name="other"))
    question = Question(name="good", text="Good?", about=(A, B))
    assert refused(given(), question, job=job).startswith("other has not been played")
    assert refused(given(seconds_played={B: 1.0}), question, job=job) == ""
    unknown = Question(name="good", text="Good?", about=("c" * 64, A))
    assert refused(given(), unknown, job=job) == ""


def binding_of(*subjects: tuple[str, str]) -> Binding:
    return Binding(
        run="r", job="clip", question="good", notebook_sha256="", parameters_sha256=A,
        checks_sha256=A,
        subjects=tuple(
            Subject(name=name, sha256=sha256, size=1, media_type="audio/wav")
            for name, sha256 in subjects
        ),
    )  # fmt: skip


def test_an_answer_is_about_the_bytes_that_were_recorded_and_shown() -> None:
    question = Question(name="good", text="Good?", about=(A, B))
    sound = binding_of(("one", A), ("two", B))
    assert bytes_problem(given(), question, sound) == ""
    assert bytes_problem(given(shown=(A, B)), question, sound) == ""
    reload = "what you were shown has changed since; reload the page"
    assert bytes_problem(given(shown=(B, A)), question, sound) == reload
    assert bytes_problem(given(shown=()), question, sound) == reload
    for binding, names in (
        (binding_of(("one", A), ("two", "c" * 64)), "two"),
        (binding_of(("one", "c" * 64), ("two", "d" * 64)), "one, two"),
        (binding_of(("one", A)), "evidence"),
    ):
        for answer in (given(), given(shown=(A, B))):
            problem = bytes_problem(answer, question, binding)
            assert problem == f"{names} does not have the bytes that were recorded"


def test_a_comparison_is_with_the_approved_take() -> None:
    approved = evidence(A)
    assert comparison_problem(Comparison(form="ab", approved_sha256=A), approved) == ""
    assert comparison_problem(None, approved) == "compare it blind with the approved take first"
    assert comparison_problem(Comparison(form="ab", approved_sha256=B), approved) == (
        "it was compared with another take than the approved one; reload the page"
    )


def test_only_a_check_that_failed_can_be_waived() -> None:
    checks = [
        Check(name=name, status=status)
        for name, status in (("fine", "passed"), ("loud", "failed"), ("torn", "error"))
    ]
    job = job_with(*checks)
    assert failed_check(job, "check:loud") == checks[1]
    assert failed_check(job, "check:torn") == checks[2]
    for question in ("check:fine", "loud", "check:", "check:none"):
        assert failed_check(job, question) is None
