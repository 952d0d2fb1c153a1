"""An answer is taken if it fits its question and the bytes, and counts as long as they stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from reviewed_run import ANN, BEN, EVERYTHING, START, approve_all, given, make_run, session_of

from proofbook.errors import UsageError
from proofbook.records import Question, now
from proofbook.report import load_run
from proofbook.review.answering import parse_given
from proofbook.review.queue import standing_states
from proofbook.review.verification import verify_run
from proofbook.runs.folder import RunFolder
from proofbook.signoff.baseline import find_baselines
from proofbook.signoff.binding import bind
from proofbook.signoff.status import Standing, stand


def standing(run: RunFolder, job: str, name: str, **more: Any) -> Standing:
    session = session_of(run)
    asked = session.job(job)
    question = next(q for q in asked.questions if q.name == name)
    moment = more.get("moment", now())
    said = session.log.read().by_job.get(job, {}).get(name, ())
    return stand(question, bind(asked, question, run.media), said, moment)


def test_everything_approved_is_a_green_run(run: RunFolder) -> None:
    assert load_run(run).verdict == "unreviewed"
    approve_all(run)
    summary = load_run(run)
    assert summary.verdict == "passed"
    assert [q.status for job in summary.jobs for q in job.questions] == ["approved"] * 4
    assert summary.jobs[0].answers["good"][0].reviewer == ANN


@pytest.mark.parametrize(
    ("job", "question", "changes", "problem"),
    [
        ("clip", "good", {"seconds_played": {}}, "clip has not been played; listen before"),
        ("clip", "good", {"shown": ("0" * 64,)}, "what you were shown is not what is there now"),
        (
            "scored",
            "scores",
            {"scores": {"melody": 4}},
            "scores are asked for melody, noise; there",
        ),
        (
            "scored",
            "scores",
            {"scores": {"melody": 4, "noise": 6}},
            "from 1 to 5; there is noise 6",
        ),
        (
            "clip",
            "good",
            {"scores": {"melody": 4}},
            "scores are asked for nothing; there are melody",
        ),
        ("clip", "good", {"verdict": "waived"}, "a waiver needs a reason"),
        ("clip", "good", {"verdict": "waived", "comment": "x"}, "a waiver needs a date"),
        ("clip", "good", {"supersedes": ("f" * 32,)}, "there is no answer ffff"),
        ("looks", "picture-good", {}, "it waits for the art director; you are without a role"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(
    run: RunFolder, job: str, question: str, changes: dict[str, Any], problem: str
) -> None:
    values = given(run, job, question).model_dump() | changes
    with pytest.raises(UsageError, match=problem):
        session_of(run).answer(parse_given(values), BEN)
    assert session_of(run).log.read().answers == ()


def test_what_is_not_asked_cannot_be_answered(run: RunFolder) -> None:
    answer = given(run, "clip", "good")
    with pytest.raises(UsageError, match="job clip asks no question 'bad'"):
        session_of(run).answer(answer.model_copy(update={"question": "bad"}), BEN)
    with pytest.raises(UsageError, match="has no job 'clap'"):
        session_of(run).answer(answer.model_copy(update={"job": "clap"}), BEN)
    with pytest.raises(UsageError, match="not an answer: verdict: Input should be 'approved'"):
        parse_given({"job": "clip", "question": "good", "verdict": "splendid"})


def test_a_rejection_needs_no_listening_to_the_end(run: RunFolder) -> None:
    session_of(run).answer(given(run, "clip", "good", "rejected", seconds_played={}), BEN)
    assert standing(run, "clip", "good").status == "rejected"
    assert load_run(run).verdict == "rejected"


def test_one_rejection_outweighs_approvals_until_it_is_taken_back(run: RunFolder) -> None:
    session = session_of(run)
    rejection = session.answer(given(run, "clip", "good", "rejected", comment="hiss"), ANN)
    session.answer(given(run, "clip", "good"), BEN)
    assert standing(run, "clip", "good").reason == "rejected by Ann: hiss"
    session.answer(given(run, "clip", "good", supersedes=(rejection.id,)), BEN)
    found = standing(run, "clip", "good")
    assert (found.status, found.answers[-1].reviewer.name) == ("approved", "Ben")
    assert rejection.id in {answer.id for answer in found.earlier}


def test_a_person_changes_their_mind_by_answering_again(run: RunFolder) -> None:
    session = session_of(run)
    first = session.answer(given(run, "clip", "good", "rejected"), BEN)
    second = session.answer(given(run, "clip", "good"), BEN)
    assert second.supersedes == (first.id,)
    assert standing(run, "clip", "good").status == "approved"


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
    found = standing(run, "clip", "good")
    assert (found.status, found.reason) == ("stale", f"Ann approved it before {what} changed")


def test_a_waiver_is_never_green_and_expires(run: RunFolder) -> None:
    approve_all(run)
    waiver = given(run, "clip", "good", "waived", comment="demo only",
                   expires=now() + timedelta(days=2))  # fmt: skip
    session_of(run).answer(waiver, ANN)
    assert load_run(run).verdict == "waived"
    later = standing(run, "clip", "good", moment=now() + timedelta(days=3))
    assert later.status == "expired"
    assert later.reason.startswith("Ann's answer expired on 20")


def test_an_approval_may_be_given_for_some_days(run: RunFolder) -> None:
    approve_all(run, lasting=timedelta(days=30))
    assert standing(run, "clip", "good").status == "approved"
    assert standing(run, "clip", "good", moment=now() + timedelta(days=31)).status == "expired"


def test_a_failed_check_can_be_waived_and_stays_failed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs", broken=True)
    values = {"job": "clip", "question": "check:audible", "verdict": "waived",
              "comment": "known", "expires": now() + timedelta(days=1)}  # fmt: skip
    session_of(run).answer(parse_given(values), ANN)
    summary = load_run(run)
    assert summary.verdict == "failed"
    assert summary.jobs[0].waived_checks["audible"].comment == "known"
    with pytest.raises(UsageError, match="asks no question 'check:fine'"):
        session_of(run).answer(parse_given({**values, "question": "check:fine"}), ANN)
    with pytest.raises(UsageError, match="can be waived, and not be answered"):
        session_of(run).answer(parse_given({**values, "verdict": "approved"}), ANN)


def test_an_approved_take_is_the_baseline_of_the_next_run(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    first = make_run(outputs, "20260304-090000-demo-aaaa")
    approve_all(first)
    second = make_run(outputs, "20260305-090000-demo-bbbb", hertz=500,
                      started=START + timedelta(days=1))  # fmt: skip
    assert find_baselines(outputs, before=START) == {}
    found = find_baselines(outputs, before=START + timedelta(days=1))
    takes = {("clip", "clip"), ("scored", "other"), ("looks", "picture"), ("looks", "story")}
    assert {key[1:] for key in found} == takes
    assert found["demo/clip", "clip", "clip"].run_id == first.path.name
    approve_all(second)
    assert find_baselines(outputs)["demo/clip", "clip", "clip"].run_id == second.path.name
    session_of(second).answer(given(second, "clip", "good", "rejected"), ANN)
    assert find_baselines(outputs)["demo/clip", "clip", "clip"].run_id == first.path.name


def test_a_blind_question_wants_a_comparison_once_there_is_an_approved_take(
    tmp_path: Path,
) -> None:
    outputs = tmp_path / "outputs"
    first = make_run(outputs, form="ab")
    session_of(first).answer(given(first, "clip", "good"), ANN)
    approved = session_of(first).job("clip").questions[0].about[0]
    second = make_run(outputs, "20260305-090000-demo-bbbb", hertz=500, form="ab",
                      started=START + timedelta(days=1))  # fmt: skip
    for comparison, problem in (
        (None, "compare it blind with the approved take first"),
        ({"form": "ab", "approved_sha256": "0" * 64, "preferred": "this"}, "another take than"),
    ):
        with pytest.raises(UsageError, match=problem):
            session_of(second).answer(given(second, "clip", "good", comparison=comparison), ANN)
    sound = {"form": "ab", "approved_sha256": approved, "preferred": "this"}
    written = session_of(second).answer(given(second, "clip", "good", comparison=sound), ANN)
    assert written.comparison is not None


def test_an_optional_question_does_not_hold_a_run_back(run: RunFolder) -> None:
    session = session_of(run)
    for job, question in (("clip", "good"), ("scored", "scores"), ("looks", "picture-good")):
        session.answer(given(run, job, question), ANN)
    assert load_run(run).verdict == "passed"
    assert json.loads(run.info_file.read_text())["verdict"] == "unreviewed"


def test_a_questions_form_must_fit() -> None:
    from proofbook.checks import Checks
    from proofbook.checks.journal import Journal

    def checks(folder: Path) -> Checks:
        return Checks("a/b", journal=Journal(folder=folder, media=folder))

    assert Question(name="q", text="?").form == "approve"
    earlier = Question.model_validate({"name": "q", "text": "?", "scale": ["approve"]})
    assert (earlier.name, earlier.form) == ("q", "approve")
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        made = checks(Path(name))
        made.ask("scores", "How?", form="score", criteria=["melody"], role="editor")
        for problem, more in (
            ("two questions are called 'scores'", {"name": "scores"}),
            ("criteria belong to the form 'score'", {"name": "b", "form": "score"}),
            ("criteria belong to the form 'score'", {"name": "c", "criteria": ["x"]}),
            ("is about one piece of evidence", {"name": "d", "form": "ab"}),
        ):
            with pytest.raises(UsageError, match=problem):
                made.ask(**{"text": "?", **more})  # type: ignore[arg-type]


def test_only_what_was_answered_since_is_told(run: RunFolder) -> None:
    session = session_of(run)
    assert standing_states(session) == {"answers": 0, "standings": {}}
    (job, question), *_ = EVERYTHING
    session.answer(given(run, job, question), ANN)
    found = standing_states(session)
    assert list(found["standings"]) == [f"{job}\n{question}"]
    assert found["standings"][f"{job}\n{question}"]["status"] == "approved"
    assert standing_states(session, found["answers"]) == {"answers": 1, "standings": {}}


def test_a_line_that_cannot_be_read_stops_no_review_and_is_told_of(run: RunFolder) -> None:
    session = session_of(run)
    (job, question), (other, another), *_ = EVERYTHING
    session.answer(given(run, job, question), ANN)
    lines = session.log.path.read_text().splitlines(keepends=True)
    session.log.path.write_text("".join([*lines[:-1], "no entry\n", lines[-1]]))
    later = session_of(run)
    assert standing_states(later)["answers"] == 1
    later.answer(given(run, other, another), ANN)
    assert verify_run(run).verdict == "tampered"
