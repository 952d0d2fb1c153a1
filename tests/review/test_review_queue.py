"""What the review page is sent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from reviewed_run import ANN, BEN, EVERYTHING, answer_to, approve_all, make_run, session_of

from proofbook.review import queue
from proofbook.review.queue import build_queue, question_states
from proofbook.runs.folder import RunFolder
from proofbook.signoff.verification import verify_run


def test_only_what_was_answered_since_is_told(run: RunFolder) -> None:
    session = session_of(run)
    assert question_states(session) == {"answers": 0, "questions": {}}
    (job, question), *_ = EVERYTHING
    session.answer(answer_to(run, job, question), ANN)
    changed = question_states(session)
    assert list(changed["questions"]) == [f"{job}\n{question}"]
    assert changed["questions"][f"{job}\n{question}"]["status"] == "approved"
    assert question_states(session, changed["answers"]) == {"answers": 1, "questions": {}}


def test_a_line_that_cannot_be_read_stops_no_review_and_is_told_of(run: RunFolder) -> None:
    session = session_of(run)
    (job, question), (other, another), *_ = EVERYTHING
    session.answer(answer_to(run, job, question), ANN)
    lines = session.log.path.read_text().splitlines(keepends=True)
    session.log.path.write_text("".join([*lines[:-1], "no entry\n", lines[-1]]))
    later = session_of(run)
    assert question_states(later)["answers"] == 1
    later.answer(answer_to(run, other, another), ANN)
    assert verify_run(run).verdict == "tampered"


def items_of(run: RunFolder) -> dict[str, dict[str, Any]]:
    return {item["question"]: item for item in build_queue(session_of(run))}


def test_every_question_is_told_in_the_order_of_the_plan_with_what_was_measured(
    tmp_path: Path,
) -> None:
    run = make_run(tmp_path / "outputs", broken=True)
    items = build_queue(session_of(run))
    assert [(item["job"], item["question"]) for item in items] == list(EVERYTHING)
    clip, scored, picture, story = items
    assert clip["text"] == "Is it good?"
    assert [item["checks"] for item in items] == [
        {"count": 1, "failed": ["audible"]}, *[{"count": 1, "failed": []}] * 3]  # fmt: skip
    assert [m["name"] for m in clip["metrics"]] == ["speed"]
    assert (scored["form"], scored["criteria"]) == ("score", ["melody", "noise"])
    assert (picture["role"], story["role"]) == ("art director", "")
    assert (picture["required"], story["required"]) == (True, False)
    for item in items:
        assert [take["sha256"] for take in item["evidence"]] == item["shown"]
        assert (item["status"], item["answers"], item["in_force"]) == ("pending", [], [])
    assert picture["reason"] == "waits for role 'art director'"


def test_a_take_is_told_with_its_file_its_facts_and_its_text(run: RunFolder) -> None:
    items = items_of(run)
    (clip,), (story,) = items["good"]["evidence"], items["story-good"]["evidence"]
    assert (clip["name"], clip["kind"], clip["caption"], clip["there"]) == (
        "clip", "audio", "a tone", True)  # fmt: skip
    assert clip["url"] == f"media/{clip['sha256']}.wav"
    assert clip["loudness"] == pytest.approx(-14.16, abs=0.01)
    assert sorted(clip["views"]) == ["spectrogram", "waveform"]
    assert all((run.path / url).is_file() for url in clip["views"].values())
    assert {fact["name"] for fact in clip["facts"]} == {"duration", "peak", "loudness"}
    assert (story["text"], "text" in clip, story["loudness"]) == ("one\ntwo\n", False, None)
    (run.path / clip["url"]).unlink()
    assert items_of(run)["good"]["evidence"][0]["there"] is False


def test_an_answer_is_told_at_its_own_question_and_says_who_gave_it(run: RunFolder) -> None:
    first = session_of(run).answer(answer_to(run, "looks", "story-good"), BEN)
    last = session_of(run).answer(answer_to(run, "looks", "story-good", "rejected"), BEN)
    items = items_of(run)
    story = items.pop("story-good")
    assert (story["status"], story["in_force"]) == ("rejected", [last.id])
    assert [(a["id"], a["reviewer"], a["verdict"]) for a in story["answers"]] == [
        (last.id, "Ben", "rejected"), (first.id, "Ben", "approved")]  # fmt: skip
    assert [item["answers"] for item in items.values()] == [[], [], []]


def test_the_bytes_of_today_decide_whether_an_answer_is_told_as_in_force(run: RunFolder) -> None:
    approve_all(run)
    assert {item["status"] for item in items_of(run).values()} == {"approved"}
    (clip,) = items_of(run)["good"]["evidence"]
    path = run.path / clip["url"]
    path.chmod(0o644)
    path.write_bytes(b"other")
    assert {name: item["status"] for name, item in items_of(run).items()} == {
        "good": "stale", "scores": "approved", "picture-good": "approved",
        "story-good": "approved"}  # fmt: skip


@pytest.fixture
def later(run: RunFolder) -> RunFolder:
    """A run after the first one, with other takes."""
    name = "20260305-090000-demo-bbbb"
    return make_run(run.path.parent, name, hertz=220, words="one\nthree\n")


def test_a_take_is_held_against_the_one_of_its_job_that_was_approved_last(
    run: RunFolder, later: RunFolder
) -> None:
    session = session_of(run)
    for job, question in (("clip", "good"), ("looks", "story-good")):
        session.answer(answer_to(run, job, question), ANN)
    takes = {name: item["evidence"][0] for name, item in items_of(later).items()}
    assert {name for name, take in takes.items() if "approved" in take} == {"good", "story-good"}
    clip, story = takes["good"]["approved"], takes["story-good"]["approved"]
    assert (clip["by"], clip["run"]) == ("Ann", run.path.name)
    assert clip["url"] == f"approved/{run.path.name}/{clip['sha256']}.wav"
    assert (run.media / f"{clip['sha256']}.wav").is_file()
    assert (clip["there"], clip["sha256"] == takes["good"]["sha256"]) == (True, False)
    assert (story["text"], takes["story-good"]["text"]) == ("one\ntwo\n", "one\nthree\n")
    assert takes["story-good"]["diff"] == [[" ", "one"], ["-", "two"], ["+", "three"]]
    assert "diff" not in takes["good"]


def test_lines_that_are_alike_are_told_as_gone_and_come_without_hints() -> None:
    assert queue._diff("a tone of 440\n", "a tone of 441\n") == [
        ["-", "a tone of 440"], ["+", "a tone of 441"]]  # fmt: skip


def test_a_text_has_a_limit_and_odd_bytes_and_a_pipe_stop_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "_MOST_TEXT", 6)
    run = make_run(tmp_path, words="one\ntwo\n")
    (story,) = items_of(run)["story-good"]["evidence"]
    assert story["text"] == "one\ntw"
    path = run.path / story["url"]
    path.chmod(0o644)
    path.write_bytes(b"a\xffb")
    assert items_of(run)["story-good"]["evidence"][0]["text"] == "a\ufffdb"
    path.unlink()
    assert items_of(run)["story-good"]["evidence"][0]["text"] == ""
    os.mkfifo(path)
    pipe = items_of(run)["story-good"]["evidence"][0]
    assert (pipe["text"], pipe["there"]) == ("", False)
