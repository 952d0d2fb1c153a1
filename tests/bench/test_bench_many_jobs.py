"""Runs of many jobs are watched as they go on: time per job, and the runner's memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from proofbook.errors import SubjectError
from proofbook_bench import many_jobs
from proofbook_bench.many_jobs import Reading, WatchedRun, compare_numbers, run_jobs
from proofbook_bench.projects import Bench

PRINTED = """\
import json, os, pathlib, sys, time
print("r1: 3 jobs, 2 at a time")
run = pathlib.Path("outputs/r1"); run.mkdir(parents=True); (run / "run.json").touch()
hoard = []
for number in range(3):
    folder = run / "jobs" / str(number); folder.mkdir(parents=True)
    moments = ["2026-01-01T00:00:0%d+00:00" % second for second in (number, number + 2)]
    times = dict(zip(("started", "ended"), moments))
    (folder / "outcome.json").write_text(json.dumps(times))
    print("    passed  trivial-%d in 0.1 s" % number, flush=True)
    if number == 1: hoard.append(b"x" * 50_000_000)
print("the last line", flush=True)
while not pathlib.Path("memory-was-read").exists(): time.sleep(0.01)
sys.exit("fail" in os.environ)
"""


def reading(*pairs: tuple[int, int]) -> WatchedRun:
    return WatchedRun(4, 2.0, tuple(Reading(ended, resident) for ended, resident in pairs))


def test_growth_is_from_a_job_to_the_highest_afterwards() -> None:
    run = reading((0, 5), (1, 90), (2, 100), (2, 101), (3, 130), (4, 120))
    assert run.growth(2) == 29
    assert run.growth(1) == 40
    assert run.seconds_per_job == 0.5


def test_growth_that_was_not_read_is_an_error() -> None:
    with pytest.raises(SubjectError, match="before and after job 4"):
        reading((0, 5), (4, 9)).growth(4)
    with pytest.raises(SubjectError, match="before and after job 2"):
        reading((3, 5), (4, 9)).growth(2)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A project in which ``proofbook`` is a script that runs nothing."""
    for folder in ("parameters", "outputs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "script.py").write_text(PRINTED)
    program = tmp_path / "proofbook"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path}/script.py"\n')
    program.chmod(0o755)
    monkeypatch.setattr(many_jobs, "find_command", lambda name: str(program))

    def read(ended: int, resident: int) -> Reading:
        if ended == 3:
            (tmp_path / "memory-was-read").touch()
        return Reading(ended, resident)

    monkeypatch.setattr(many_jobs, "Reading", read)
    return Bench(root=tmp_path, runtime=tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_a_run_is_watched_from_its_first_job_to_its_end(bench: Bench) -> None:
    run = run_jobs(bench, 3, 2)
    assert (run.jobs, run.seconds) == (3, 4.0)
    assert run.readings[-1].ended == 3
    # Where no reading fell between the first job and the hoard, the interpreter's own start counts.
    assert 40e6 < run.growth(1) < 150e6


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_a_run_that_is_not_green_is_an_error_with_its_last_line(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("fail", "1")
    with pytest.raises(SubjectError, match="ended with code 1; last: the last line"):
        run_jobs(bench, 3, 2)


def test_long_and_short_runs_are_measured_in_turns(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[int] = []

    def run(bench: Bench, jobs: int, slots: int) -> WatchedRun:
        turns.append(jobs)
        return WatchedRun(jobs, 2.0 * jobs, ())

    monkeypatch.setattr(many_jobs, "run_jobs", run)
    pairs, runs = compare_numbers(bench, many=9, few=3, slots=2, rounds=2)
    assert turns == [9, 3, 9, 3]
    assert pairs.share.value == 1
    assert pairs.names == ("9 jobs", "3 jobs")
    assert [run.jobs for run in runs] == [9, 9]
