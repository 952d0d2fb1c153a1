"""What a killed run says and does not prove is found, and what its resume loses or repeats."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from proofbook_bench import run_kills
from proofbook_bench.killing import Killed
from proofbook_bench.projects import open_bench
from proofbook_bench.run_files import RunFiles, read_run_files
from proofbook_bench.run_kills import RunKills, compare

RECORDS = (
    {"kind": "begin"},
    {"kind": "check", "name": "ran", "status": "passed"},
    {"kind": "finish"},
)
NOTHING = Killed("pb-kernel", 1.0, (), (), ())


def write_run(folder: Path, verdict: str = "passed", **jobs: str) -> Path:
    """Write a run of two jobs; each is named with its status, and has all that proves it."""
    (folder / "report").mkdir(parents=True)
    plan = [{"id": "one"}, {"id": "two"}]
    (folder / "run.json").write_text(json.dumps({"verdict": verdict, "plan": plan}))
    reported = [{"id": job, "outcome": status} for job, status in jobs.items()]
    report = json.dumps({"verdict": verdict, "jobs": reported})
    (folder / "report" / "report.json").write_text(report)
    for job, status in jobs.items():
        place = folder / "jobs" / job
        place.mkdir(parents=True)
        (place / "outcome.json").write_text(json.dumps({"status": status}))
        (place / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in RECORDS))
        cell = {"cell_type": "code", "metadata": {"papermill": {"status": "completed"}}}
        (place / "notebook.ipynb").write_text(json.dumps({"cells": [cell]}))
    return folder


def test_a_proven_run_says_nothing_untrue(tmp_path: Path) -> None:
    assert read_run_files(write_run(tmp_path, one="passed", two="passed")).untruths == []
    assert read_run_files(tmp_path / "nowhere").untruths == []


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("records.jsonl", '{"kind": "begin"}\n', "its records are begin"),
        ("records.jsonl", '{"kind": "beg', "a record is torn"),
        ("notebook.ipynb", '{"cells": []}', "its cells are none"),
        ("notebook.ipynb", '{"cells": [', "notebook.ipynb cannot be read"),
    ],
)
def test_what_is_said_and_not_proven_is_named(
    tmp_path: Path, file: str, text: str, words: str
) -> None:
    write_run(tmp_path, one="passed", two="passed")
    (tmp_path / "jobs" / "one" / file).write_text(text)
    untruths = read_run_files(tmp_path).untruths
    assert any(words in each for each in untruths)
    assert any(each.startswith("run.json says passed, but 1 of 2") for each in untruths)
    assert any(each.startswith("one: report.json says passed") for each in untruths)


def test_a_job_that_was_never_begun_has_not_passed(tmp_path: Path) -> None:
    write_run(tmp_path, verdict="incomplete", one="passed", two="incomplete")
    report = {"verdict": "incomplete", "jobs": [{"id": "three", "outcome": "passed"}]}
    (tmp_path / "report" / "report.json").write_text(json.dumps(report))
    expected = ["three: report.json says passed, but it was never begun"]
    assert read_run_files(tmp_path).untruths == expected


def seen(folder: Path, **jobs: str) -> RunFiles:
    return read_run_files(write_run(folder, "incomplete" if len(jobs) < 2 else "passed", **jobs))


def test_a_resume_that_keeps_what_had_passed_has_nothing_wrong(tmp_path: Path) -> None:
    before = seen(tmp_path / "a", one="passed"), Counter(one=1)
    after = seen(tmp_path / "b", one="passed", two="passed"), Counter(one=1, two=1)
    found = compare(3, NOTHING, before, 0, NOTHING, after)
    assert found.words == "   3  pb-kernel at 1.00 s, 1 passed: nothing wrong"


def test_what_a_resume_loses_or_repeats_is_named(tmp_path: Path) -> None:
    before = seen(tmp_path / "a", one="passed", two="passed"), Counter(one=1, two=1)
    again = seen(tmp_path / "b", one="passed", two="failed"), Counter(one=2, two=1)
    left = NOTHING._replace(folders=("proofbook-job-1",))
    found = compare(3, NOTHING, before, 1, left, again)
    assert (found.lost, found.repeated) == (("two", "the resume ended with code 1"), ("one",))
    assert found.left == ("proofbook-job-1",)
    gone = compare(3, NOTHING, before, None, NOTHING, (None, Counter()))
    assert gone.lost == ("one", "two", "the resume ended with code None")


@pytest.mark.parametrize(
    ("victim", "hit"),
    [("pb-guard", 1), ("pb-kernel", 0), ("pb-forkserver", 0), ("proofbook", 0), ("git", 0)],
)
def test_a_victim_may_take_its_own_jobs_with_it(tmp_path: Path, victim: str, hit: int) -> None:
    killed = NOTHING._replace(victim=victim)
    before = seen(tmp_path / "a", one="passed", two="crashed"), Counter(one=1, two=1)
    after = seen(tmp_path / "b", one="passed", two="passed"), Counter(one=1, two=2)
    assert len(compare(0, killed, before, 0, NOTHING, after).hit) == hit


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has wardens and forkservers")
def test_killed_runs_leave_nothing_and_are_resumed() -> None:
    runs = RunKills(open_bench(), short=1, long=1, seconds=0.2)
    killed = [runs.kill(number, latest=1.0, patience=60.0, seed=1) for number in range(3)]
    wrong = [each for each in killed if not each.words.endswith("nothing wrong")]
    assert wrong == []


@pytest.mark.parametrize(
    ("number", "drawn", "bounds"),
    [
        (1, ["pb-kernel"], [9.0]),
        (1, ["nothing", "nothing", "sleep"], [9.0, 2.2, 2.2]),
        (1, ["left something"], [9.0]),
        (1, ["nothing"] * 6, [9.0, 2.2, 2.2, 2.2, 2.2, 2.2]),
        (4, ["nothing", "pb-warden"], [9.0, 2.2]),
    ],
)
def test_a_run_that_was_over_before_its_kill_is_drawn_again(
    number: int, drawn: list[str], bounds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, seeds = [], set()

    def kill(command: object, *, latest: float, seed: int, after: str, **more: object) -> Killed:
        victim = drawn[len(asked)]
        asked.append(round(latest, 3))
        seeds.add(seed)
        assert after == ("" if number == 4 else "pb-kernel")
        if victim == "left something":
            return Killed("nothing", 2.0, ("sleep",), (), ())
        return Killed(victim, 2.0, (), (), ())

    monkeypatch.setattr(run_kills, "kill_at_random", kill)
    runs = RunKills(open_bench(), short=1, long=1, seconds=0.2)
    _, killed = runs._draw(number, 9.0, 1.0, 7)
    assert asked == bounds
    assert len(seeds) == len(asked)
    assert killed.victim == ("nothing" if drawn[-1] == "left something" else drawn[-1])
