"""An answer is taken if it fits its question and the bytes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from forging import ANNS
from reviewed_run import ANN, BEN, EVERYTHING, START, answer_to, make_run, session_of

from proofbook.errors import UsageError
from proofbook.records import now
from proofbook.report import load_run, write_report
from proofbook.runs.folder import RunFolder
from proofbook.signoff import answering
from proofbook.signoff.acceptance import parse_answer
from proofbook.signoff.trust import Trust
from proofbook.signoff.verification import verify_run


@pytest.mark.parametrize(
    ("job", "question", "changes", "problem"),
    [
        ("clip", "good", {"seconds_played": {}}, "clip has not been played; listen before"),
        ("clip", "good", {"shown": ("0" * 64,)}, "what you were shown has changed since"),
        (
            "scored",
            "scores",
            {"scores": {"melody": 4}},
            "scores are asked for melody, noise; found melody",
        ),
        (
            "scored",
            "scores",
            {"scores": {"melody": 4, "noise": 6}},
            "from 1 to 5; found noise 6",
        ),
        (
            "clip",
            "good",
            {"scores": {"melody": 4}},
            "scores are asked for nothing; found melody",
        ),
        ("clip", "good", {"verdict": "waived"}, "a waiver needs a reason"),
        ("clip", "good", {"verdict": "waived", "comment": "x"}, "a waiver needs a date"),
        ("clip", "good", {"supersedes": ("f" * 32,)}, "there is no answer ffff"),
        (
            "looks",
            "picture-good",
            {},
            "role 'art director' must answer this question; you have none",
        ),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(
    run: RunFolder, job: str, question: str, changes: dict[str, Any], problem: str
) -> None:
    values = answer_to(run, job, question).model_dump() | changes
    with pytest.raises(UsageError, match=problem):
        session_of(run).answer(parse_answer(values), BEN)
    assert session_of(run).log.read().answers == ()


def test_a_clock_that_was_set_back_approves_nothing_and_can_reject(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = {"key": ANNS, "trust": Trust(requires_signatures=True)}
    session_of(run).seal()
    yesterday = now() - timedelta(days=1)
    monkeypatch.setattr(answering, "now", lambda: yesterday)
    answer = answer_to(run, "clip", "good")
    with pytest.raises(UsageError, match=r"clip, good: the clock here says .*would be back-dated"):
        session_of(run, **signed).answer(answer, ANN)
    (run.job("clip").log).write_text("another")
    with pytest.raises(UsageError, match=r"the clock here says .*would be back-dated"):
        session_of(run, **signed).accept_changes(["jobs/clip/output.log"], ANN, "x")
    rejected = session_of(run, **signed).answer(answer_to(run, "clip", "good", "rejected"), ANN)
    assert rejected.verdict == "rejected"
    session_of(run, key=ANNS).answer(answer, ANN)


def test_what_is_not_asked_cannot_be_answered(run: RunFolder) -> None:
    answer = answer_to(run, "clip", "good")
    with pytest.raises(UsageError, match="job clip asks no question 'bad'"):
        session_of(run).answer(answer.model_copy(update={"question": "bad"}), BEN)
    with pytest.raises(UsageError, match="has no job 'clap'"):
        session_of(run).answer(answer.model_copy(update={"job": "clap"}), BEN)
    with pytest.raises(UsageError, match="not an answer: verdict: Input should be 'approved'"):
        parse_answer({"job": "clip", "question": "good", "verdict": "splendid"})


def test_a_failed_check_can_be_waived_and_stays_failed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs", broken=True)
    values = {"job": "clip", "question": "check:audible", "verdict": "waived",
              "comment": "known", "expires": now() + timedelta(days=1)}  # fmt: skip
    session_of(run).answer(parse_answer(values), ANN)
    summary = load_run(run)
    assert summary.verdict == "failed"
    assert summary.jobs[0].waived_checks["audible"].comment == "known"
    session_of(run).seal()
    for job, question in EVERYTHING:
        session_of(run).answer(answer_to(run, job, question), ANN)
    write_report(run)
    assert verify_run(run).verdict == "waived"
    assert verify_run(run, now() + timedelta(days=2)).verdict == "failed"
    with pytest.raises(UsageError, match="asks no question 'check:fine'"):
        session_of(run).answer(parse_answer({**values, "question": "check:fine"}), ANN)
    with pytest.raises(UsageError, match="a failed check can only be waived"):
        session_of(run).answer(parse_answer({**values, "verdict": "approved"}), ANN)


def test_a_blind_question_wants_a_comparison_once_there_is_an_approved_take(
    tmp_path: Path,
) -> None:
    outputs = tmp_path / "outputs"
    first = make_run(outputs, form="ab")
    session_of(first).answer(answer_to(first, "clip", "good"), ANN)
    approved = session_of(first).job("clip").questions[0].about[0]
    second = make_run(outputs, "20260305-090000-demo-bbbb", hertz=500, form="ab",
                      started=START + timedelta(days=1))  # fmt: skip
    for comparison, problem in (
        (None, "compare it blind with the approved take first"),
        ({"form": "ab", "approved_sha256": "0" * 64, "preferred": "this"}, "another take than"),
    ):
        with pytest.raises(UsageError, match=problem):
            session_of(second).answer(answer_to(second, "clip", "good", comparison=comparison), ANN)
    sound = {"form": "ab", "approved_sha256": approved, "preferred": "this"}
    written = session_of(second).answer(answer_to(second, "clip", "good", comparison=sound), ANN)
    assert written.comparison is not None


def test_nothing_is_approved_whose_bytes_have_changed(run: RunFolder) -> None:
    answer = answer_to(run, "clip", "good", shown=None)
    (recorded,) = session_of(run).job("clip").questions[0].about
    clip = run.media / f"{recorded}.wav"
    clip.chmod(0o644)
    clip.write_bytes(clip.read_bytes()[:-1] + b"x")
    with pytest.raises(UsageError, match="clip does not have the bytes that were recorded"):
        session_of(run).answer(answer, BEN)
    clip.unlink()
    with pytest.raises(UsageError, match="clip does not have the bytes that were recorded"):
        session_of(run).answer(answer, BEN)
