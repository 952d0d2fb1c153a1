"""Which take is the last approved one, and until when."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from forging import ANNS, STRANGERS
from reviewed_run import ANN, BEN, START, answer_to, approve_all, make_run, session_of, write_job

from proofbook.records import Evidence, MediaFile, Question, RunInfo, now
from proofbook.runs.folder import RunFolder
from proofbook.signoff.acceptance import parse_answer
from proofbook.signoff.baseline import find_baselines, take_key
from proofbook.signoff.signers import parse_signers
from proofbook.signoff.signing import public_line
from proofbook.signoff.trust import Trust

DAY = timedelta(days=1)
CLIP = ("demo/clip", "clip", "clip")
TRUST = Trust(signers=parse_signers(f'Ann namespaces="proofbook,proofbook:*" {public_line(ANNS)}'))


PICTURE = hashlib.sha256(b"picture").hexdigest()
ONE = Evidence(name="one", media_kind="image", file=MediaFile(
    sha256=PICTURE, size=7, suffix=".png", media_type="image/png"))  # fmt: skip
ASKED = Question(name="good", text="Good?", about=(PICTURE,))
TAKE = ("demo/clip", "a", "one")


def run_with(outputs: Path, *records: Any, day: int = 4) -> RunFolder:
    """Write a run that shows one picture."""
    run = RunFolder(outputs / f"2026030{day}-090000-demo-aaaa")
    run.media.mkdir(parents=True)
    (run.media / ONE.file.filename).write_bytes(b"picture")
    plan = (write_job(run, "a", list(records)),)
    info = RunInfo(run_id=run.path.name, profile="demo", plan=plan, verdict="unreviewed",
                   started=START + day * DAY, ended=START + day * DAY)  # fmt: skip
    run.write_info(info)
    return run


def answer(run: RunFolder, question: str, verdict: str = "approved") -> None:
    values = {"job": "a", "question": question, "verdict": verdict}
    session_of(run).answer(parse_answer(values), ANN)


def approve(run: RunFolder, job: str, question: str, **more: Any) -> Any:
    return session_of(run).answer(answer_to(run, job, question, **more), ANN)


def test_a_take_is_found_with_its_run_file_and_answer(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs")
    assert find_baselines(tmp_path / "outputs") == {}
    approve(run, "clip", "good")
    given = approve(run, "clip", "good")
    ((key, found),) = find_baselines(tmp_path / "outputs").items()
    evidence = session_of(run).job("clip").evidence[given.binding.subjects[0].sha256]
    assert key == CLIP == take_key("demo/clip", "clip", evidence)
    assert (found.run.path, found.run_id, found.job) == (run.path, run.path.name, "clip")
    assert (found.evidence, found.answer) == (evidence, given)
    assert found.path == run.media / evidence.file.filename
    assert found.path.is_file()


def test_a_take_counts_for_as_long_as_its_approval(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs")
    approve(run, "clip", "good", expires=now() + DAY)
    outputs = tmp_path / "outputs"
    assert set(find_baselines(outputs)) == {CLIP}
    assert set(find_baselines(outputs, moment=now())) == {CLIP}
    assert find_baselines(outputs, moment=now() + 2 * DAY) == {}


def test_a_take_is_of_the_last_run_before(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    runs = [run_with(outputs, ONE, ASKED, day=day) for day in (4, 5, 6)]
    for run in runs[:2]:
        answer(run, "good")
    for day, expected in ((4, None), (5, 0), (6, 1), (7, 1)):
        found = find_baselines(outputs, before=f"2026030{day}-090000-demo-aaaa").get(TAKE)
        assert (found and found.run_id) == (None if expected is None else runs[expected].path.name)
    assert find_baselines(outputs)[TAKE].run_id == runs[1].path.name


def test_a_run_whose_log_was_tampered_with_has_no_take(tmp_path: Path) -> None:
    runs = [run_with(tmp_path, ONE, ASKED, day=day) for day in (4, 5)]
    for run in runs:
        answer(run, "good")
    (runs[1].path / "signoffs.head").unlink()
    assert find_baselines(tmp_path)[TAKE].run_id == runs[0].path.name


def test_every_required_question_about_a_take_must_be_approved(tmp_path: Path) -> None:
    optional = ASKED.model_copy(update={"name": "nice", "required": False})
    second = ASKED.model_copy(update={"name": "loud"})
    run = run_with(tmp_path, ONE, ASKED, optional, second)
    for question, is_found in (("nice", False), ("good", False), ("loud", True)):
        answer(run, question)
        assert (TAKE in find_baselines(tmp_path)) is is_found
    last = find_baselines(tmp_path)[TAKE].answer
    assert last.binding.question == "loud"
    answer(run, "nice", "rejected")
    assert TAKE in find_baselines(tmp_path)


def test_only_evidence_of_the_job_is_a_take(tmp_path: Path) -> None:
    run = run_with(tmp_path, ONE, ASKED, Question(name="all", text="Good?"))
    answer(run, "all")
    assert find_baselines(tmp_path) == {}


def test_a_take_is_approved_by_whom_the_project_trusts(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs")
    approve_all(run, key=STRANGERS)
    assert len(find_baselines(tmp_path / "outputs")) == 4
    assert find_baselines(tmp_path / "outputs", trust=TRUST) == {}
    approve_all(run, key=ANNS)
    assert len(find_baselines(tmp_path / "outputs", trust=TRUST)) == 4


def test_what_is_rejected_or_unanswered_is_no_take(tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs")
    session_of(run).answer(answer_to(run, "clip", "good", "rejected"), BEN)
    approve(run, "looks", "story-good")
    keys = {key[1:] for key in find_baselines(tmp_path / "outputs")}
    assert keys == {("looks", "story")}
    changed = run.media / session_of(run).job("looks").questions[1].about[0]
    path = next(run.media.glob(f"{changed.name}*"))
    path.chmod(0o644)
    path.write_text("another")
    assert find_baselines(tmp_path / "outputs") == {}


def test_a_run_that_nobody_answered_is_not_looked_into(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answer(run_with(tmp_path, ONE, ASKED), "good")
    run_with(tmp_path, ONE, ASKED, day=5).info_file.write_text("{")
    with caplog.at_level("WARNING", "proofbook.runs"):
        assert set(find_baselines(tmp_path)) == {TAKE}
    assert caplog.messages == []
