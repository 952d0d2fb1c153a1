"""An answer counts for as long as what it was given for stays as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from reviewed_run import ANN, BEN, answer_to, approve_all, session_of

from proofbook.records import now
from proofbook.report import load_run
from proofbook.runs.folder import RunFolder
from proofbook.signoff.binding import bind
from proofbook.signoff.question_status import QuestionState, question_state


def state_of(run: RunFolder, job: str, name: str, **more: Any) -> QuestionState:
    session = session_of(run)
    asked = session.job(job)
    question = next(q for q in asked.questions if q.name == name)
    moment = more.get("moment", now())
    answers = session.log.read().by_job.get(job, {}).get(name, ())
    return question_state(
        question, bind(asked, question, run.media), answers, moment, session.trusted()
    )


def test_everything_approved_is_a_green_run(run: RunFolder) -> None:
    assert load_run(run).verdict == "unreviewed"
    approve_all(run)
    summary = load_run(run)
    assert summary.verdict == "passed"
    assert [q.status for job in summary.jobs for q in job.questions] == ["approved"] * 4
    assert summary.jobs[0].answers["good"][0].reviewer == ANN


def test_a_rejection_needs_no_listening_to_the_end(run: RunFolder) -> None:
    session_of(run).answer(answer_to(run, "clip", "good", "rejected", seconds_played={}), BEN)
    assert state_of(run, "clip", "good").status == "rejected"
    assert load_run(run).verdict == "rejected"


def test_one_rejection_outweighs_approvals_until_it_is_taken_back(run: RunFolder) -> None:
    session = session_of(run)
    rejection = session.answer(answer_to(run, "clip", "good", "rejected", comment="hiss"), ANN)
    session.answer(answer_to(run, "clip", "good"), BEN)
    assert state_of(run, "clip", "good").reason == "rejected by Ann: hiss"
    session.answer(answer_to(run, "clip", "good", supersedes=(rejection.id,)), BEN)
    found = state_of(run, "clip", "good")
    assert (found.status, found.answers[-1].reviewer.name) == ("approved", "Ben")
    assert rejection.id in {answer.id for answer in found.earlier}


def test_a_person_changes_their_mind_by_answering_again(run: RunFolder) -> None:
    session = session_of(run)
    first = session.answer(answer_to(run, "clip", "good", "rejected"), BEN)
    second = session.answer(answer_to(run, "clip", "good"), BEN)
    assert second.supersedes == (first.id,)
    assert state_of(run, "clip", "good").status == "approved"


def flip_media(run: RunFolder) -> None:
    for path in run.media.glob("*.wav"):
        path.chmod(0o644)
        data = bytearray(path.read_bytes())
        data[100] ^= 1
        path.write_bytes(data)


def change_check(run: RunFolder) -> None:
    path = run.job("clip").records
    path.write_text(path.read_text().replace('"expected":"yes"', '"expected":"ye"'))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (flip_media, "the media"),
        (change_check, "the checks"),
        (lambda run: run.job("clip").notebook.write_text("{}"), "the notebook"),
        (
            lambda run: run.job("clip").records.write_text(
                run.job("clip").records.read_text().replace('"seed":7', '"seed":8')
            ),
            "the parameters",
        ),
    ],
)
def test_an_approval_is_stale_once_anything_it_was_given_for_changes(
    run: RunFolder, change: Callable[[RunFolder], object], what: str
) -> None:
    approve_all(run)
    change(run)
    found = state_of(run, "clip", "good")
    assert (found.status, found.reason) == ("stale", f"Ann approved it before {what} changed")


def test_a_waiver_is_never_green_and_expires(run: RunFolder) -> None:
    approve_all(run)
    waiver = answer_to(run, "clip", "good", "waived", comment="demo only",
                   expires=now() + timedelta(days=2))  # fmt: skip
    session_of(run).answer(waiver, ANN)
    assert load_run(run).verdict == "waived"
    later = state_of(run, "clip", "good", moment=now() + timedelta(days=3))
    assert later.status == "expired"
    assert later.reason.startswith("Ann's answer expired on 20")


def test_an_approval_may_be_given_for_some_days(run: RunFolder) -> None:
    approve_all(run, lasting=timedelta(days=30))
    assert state_of(run, "clip", "good").status == "approved"
    assert state_of(run, "clip", "good", moment=now() + timedelta(days=31)).status == "expired"


def test_an_optional_question_does_not_hold_a_run_back(run: RunFolder) -> None:
    session = session_of(run)
    for job, question in (("clip", "good"), ("scored", "scores"), ("looks", "picture-good")):
        session.answer(answer_to(run, job, question), ANN)
    assert load_run(run).verdict == "passed"
    assert json.loads(run.info_file.read_text())["verdict"] == "unreviewed"


def test_an_approval_in_the_log_counts_only_with_the_role_that_is_asked_for(
    run: RunFolder,
) -> None:
    session = session_of(run)
    approval = session.answer(answer_to(run, "looks", "picture-good"), ANN)
    job = session.job("looks")
    question = next(q for q in job.questions if q.name == "picture-good")
    binding = bind(job, question, run.media)
    assert (
        question_state(question, binding, [approval], now(), session.trusted()).status == "approved"
    )
    stranger = approval.model_copy(update={"reviewer": BEN})
    state = question_state(question, binding, [stranger], now(), session.trusted())
    assert (state.status, state.reason) == ("pending", "waits for role 'art director'")
