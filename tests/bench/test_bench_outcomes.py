"""What runs left is read from their files; what processes left, from the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from proofbook.errors import SubjectError
from proofbook_bench import leftovers, outcomes


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two jobs, as it lies on disk."""
    folder = tmp_path / "outputs" / "run"
    for number, name in enumerate(["one", "two"]):
        work = folder / "jobs" / name / "work"
        work.mkdir(parents=True)
        mark = {
            "number": number,
            "job": name,
            "cwd": str(work),
            "pid": 100 + number,
            "temporary": str(tmp_path),
            "found": [None, None],
        }
        (work / "mark.json").write_text(json.dumps(mark))
        outcome: dict[str, Any] = {
            "status": "passed",
            "kernel": "warm",
            "attempts": [{}],
            "started": "2026-01-02T03:04:05+00:00",
            "ended": "2026-01-02T03:04:07.5Z",
        }
        (folder / "jobs" / name / "outcome.json").write_text(json.dumps(outcome))
    (folder / "run.json").write_text("{}")
    return folder


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_good_run_reads_as_good(run: Path):
    assert outcomes.only_run(run.parent) == run
    assert outcomes.count_statuses(run) == {"passed": 2}
    assert outcomes.count_kernels(run.parent) == {"warm": 2}
    assert outcomes.count_attempts(run) == {1: 2}
    assert outcomes.job_seconds(run) == [2.5, 2.5]
    assert all(mark.at_home for mark in outcomes.read_marks(run))


def test_a_retry_and_an_ordinary_kernel_are_counted(run: Path):
    rewrite(run / "jobs" / "two" / "outcome.json", kernel="ordinary", attempts=[{}, {}])
    assert outcomes.count_kernels(run.parent) == {"warm": 1, "ordinary": 1}
    assert outcomes.count_attempts(run) == {1: 1, 2: 1}


def test_a_notebook_in_another_jobs_folder_is_not_at_home(run: Path):
    rewrite(run / "jobs" / "two" / "work" / "mark.json", cwd=str(run / "jobs" / "one" / "work"))
    assert [mark.at_home for mark in outcomes.read_marks(run)] == [True, False]


def test_two_runs_are_not_one(run: Path):
    (run.parent / "other").mkdir()
    (run.parent / "other" / "run.json").touch()
    with pytest.raises(SubjectError, match="expected one run, found 2"):
        outcomes.only_run(run.parent)


@pytest.mark.parametrize(
    "line",
    [
        "OSError: [Errno 98] Address already in use",
        "zmq.error.ZMQError: no such device",
        "Traceback (most recent call last):",
        "FileNotFoundError: No such file or directory: 'x'",
        "starting an ordinary kernel: it did not answer",
    ],
)
def test_trouble_in_a_log_is_found_with_its_place(tmp_path: Path, line: str):
    log = tmp_path / "output.log"
    log.write_text(f"all is well\n{line}\n")
    assert outcomes.find_trouble([log]) == [f"{tmp_path.name}/output.log: {line}"]


def test_a_living_process_is_found_by_its_environment():
    held = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        env={**os.environ, "BENCH_MARK": "here-7"},
        stdin=subprocess.PIPE,
    )
    try:
        found = leftovers.processes_with("BENCH_MARK", "here-7")
        assert [line.split()[0] for line in found] == [str(held.pid)]
        assert leftovers.remaining(
            lambda: leftovers.processes_with("BENCH_MARK", "here-7"), patience=0.1
        )
    finally:
        held.communicate()
    assert leftovers.processes_with("BENCH_MARK", "here-7") == []


@pytest.mark.skipif(os.name != "posix", reason="zombies")
def test_a_zombie_is_found_until_it_is_collected():
    begun = time.time() - 1
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    found = leftovers.zombies(begun, time.time() + 1)
    assert str(process.pid) in [line.split()[0] for line in found]
    process.wait()
    left = leftovers.zombies(begun, time.time() + 1)
    assert str(process.pid) not in [line.split()[0] for line in left]


def test_files_and_folders_that_are_left_are_named(tmp_path: Path):
    (tmp_path / "pb-1").mkdir()
    (tmp_path / "pb-1" / "z-1").touch()
    assert leftovers.files_below(tmp_path) == ["pb-1", "pb-1/z-1"]
    assert leftovers.existing([str(tmp_path), "/no/such/place"]) == [str(tmp_path)]


def test_waiting_ends_when_nothing_is_left():
    left = [["a"], ["a"], []]
    assert leftovers.remaining(lambda: left.pop(0), patience=30) == []
