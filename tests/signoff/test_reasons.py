"""Each reason for which a run is not approved has its word, and its cause in words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from made_entries import NINE, entry_of

from proofbook.records import Check, Question
from proofbook.signoff import verification
from proofbook.signoff.entries import Answer
from proofbook.signoff.question_status import QuestionState
from proofbook.signoff.verification import verify_run


def job(status: str, *checks: str, waived: Any = (), cause: str = "", **more: Any) -> Any:
    outcome = SimpleNamespace(job="clip", status=status, cause=cause, is_green=status == "passed")
    red = tuple(Check(name=name, status="failed") for name in checks)
    values = {
        "outcome": outcome, "asked": SimpleNamespace(checks=red), "questions": (), "states": {},
        "judged": SimpleNamespace(only_checks_failed=True),
        "waived_checks": {name: entry_of(Answer) for name in waived},
    }  # fmt: skip
    return SimpleNamespace(**{**values, **more})


def reasons(*jobs: Any, verdict: str, said: str, ended: Any = NINE, cause: str = "") -> Any:
    info = SimpleNamespace(verdict=said, ended=ended)
    status: Any = SimpleNamespace(info=info, jobs=jobs, verdict=verdict, cause=cause)
    return [(r.verdict, r.word, r.text) for r in verification._machine_problems(status)]


@pytest.mark.parametrize("verdict", ["passed", "waived", "unreviewed", "rejected"])
def test_a_machine_that_found_nothing_wrong_says_nothing(verdict: str) -> None:
    assert reasons(job("passed"), verdict=verdict, said="failed") == []


def test_what_failed_is_told_with_its_cause() -> None:
    assert reasons(job("crashed", cause="signal 9"), verdict="failed", said="failed") == [
        ("failed", "crashed", "clip crashed: signal 9")
    ]
    assert reasons(job("failed"), verdict="failed", said="failed") == [
        ("failed", "failed", "clip failed: no cause is recorded")
    ]


def test_what_run_json_says_beside_is_told() -> None:
    failed = ("failed", "failed", "clip failed: no cause is recorded")
    assert reasons(job("failed"), verdict="failed", said="passed") == [
        failed, ("failed", "passed", "run.json says passed")
    ]  # fmt: skip
    assert reasons(job("failed"), verdict="failed", said="failed", ended=None) == [
        failed, ("failed", "incomplete", "run.json says incomplete")
    ]  # fmt: skip


def test_a_run_whose_jobs_are_green_says_why_it_is_not() -> None:
    assert reasons(job("passed"), verdict="incomplete", said="passed", cause="it was killed") == [
        ("failed", "incomplete", "the run is incomplete: it was killed")
    ]
    assert reasons(job("passed"), verdict="failed", said="failed") == [
        ("failed", "failed", "the run is failed: no cause is recorded")
    ]


def test_a_job_is_waived_where_somebody_answers_for_every_failed_check() -> None:
    found = [("waived", "waived", "clip: every failed check is waived")]
    assert reasons(job("failed", "a", "b", waived="ab"), verdict="failed", said="failed") == found
    for each in (
        job("failed", "a", "b", waived="a"),
        job("failed"),
        job("error", "a", waived="a"),
        job("failed", "a", waived="a", judged=SimpleNamespace(only_checks_failed=False)),
    ):
        ((verdict, word, _),) = reasons(each, verdict="failed", said="failed")
        assert (verdict, word) == ("failed", each.outcome.status)


def test_an_open_question_has_the_word_of_its_doubt() -> None:
    asked = [
        Question(name=status, text="?", status=status)  # type: ignore[arg-type]
        for status in ("approved", "pending", "needs-work", "untrusted")
    ]
    asked.append(Question(name="optional", text="?", required=False))
    states = {"untrusted": QuestionState(status="untrusted", reason="who?", doubt="unknown key")}
    each = job("passed", questions=asked, states=states, waived=["loud"])
    assert [(r.verdict, r.word, r.text) for r in verification._open_questions(each)] == [
        ("pending", "pending", "clip, pending: nobody has answered"),
        ("rejected", "needs-work", "clip, needs-work: nobody has answered"),
        ("untrusted", "unknown key", "clip, untrusted: who?"),
        ("waived", "waived", "clip, check loud: waived by Ann"),
    ]


def test_a_run_is_verified_at_the_moment_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    asked = []

    def read_run(run: Any, **more: Any) -> Any:
        asked.append(more["moment"])
        raise OSError("enough")

    monkeypatch.setattr(verification, "read_run", read_run)
    monkeypatch.setattr(verification, "now", lambda: NINE.replace(year=2030))
    for moment in (NINE, None):
        with pytest.raises(OSError, match="enough"):
            verify_run(verification.RunFolder(tmp_path), moment)
    assert asked == [NINE, NINE.replace(year=2030)]
