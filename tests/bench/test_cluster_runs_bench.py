"""Runs on a cluster are measured by their files; the runbook judges what they left."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from proofbook.errors import ChecksFailed
from proofbook_bench import cluster_runs
from proofbook_bench.cluster_runs import (
    GpuUse,
    KilledNodes,
    Overhead,
    compare_overhead,
    compare_transfer,
    run_killed,
    use_gpu,
)
from proofbook_bench.pairs import Pairs
from proofbook_bench.projects import Bench

SLOW = Pairs((1.6,), (1.0,), ("slow", "quick"))
RIGHT: dict[str, Any] = {
    "compare_overhead": Overhead(Pairs((1.2,), (1.0,), ("Ray", "local")), SLOW),
    "seen": Pairs((1.4,), (1.0,), ("moved", "copied")),
    "sent": Pairs((1.4,), (1.0,), ("handed", "copied")),
    "use_gpu": GpuUse({"0"}, 0),
    "run_killed": KilledNodes({"passed": 8}, {1: 6, 2: 2}, {}),
    "killed": 3,
}


def judge(run_cells: Callable[..., Any], **left: Any) -> Any:
    """Have the runbook judge what runs have left."""
    found = {**RIGHT, **left}

    @contextlib.contextmanager
    def cluster(*args: object, **kwargs: object) -> Iterator[Any]:
        yield SimpleNamespace(address="none:1", killed=found["killed"])

    def replace(names: dict[str, Any]) -> None:
        names.update(open_cluster=cluster, random_kills=lambda *a: contextlib.nullcontext())
        same = ("compare_overhead", "use_gpu", "run_killed")
        names.update({n: lambda *a, n=n, **k: found[n] for n in same})
        names["compare_transfer"] = lambda *a, shared, **k: found["seen" if shared else "sent"]

    return run_cells("benchmarks/cluster_runs", {"imports": replace})


def test_a_cluster_that_loses_nothing_is_green(run_cells: Callable[..., Any]) -> None:
    assert judge(run_cells).error is None


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("check", "left"),
    [
        ("time-per-job", {"compare_overhead": Overhead(SLOW, SLOW)}),
        ("way-on-one-disk", {"seen": SLOW}),
        ("way-of-an-output", {"sent": SLOW}),
        ("never-two-at-once", {"use_gpu": GpuUse({"0"}, 1)}),
        ("one-gpu", {"use_gpu": GpuUse({""}, 0)}),
        ("nodes-were-killed", {"killed": 0}),
        ("every-job-passed", {"run_killed": KilledNodes({"passed": 7}, {1: 7}, {})}),
        ("attempts-are-kept", {"run_killed": KilledNodes({"passed": 8}, {2: 8}, {"a": 1})}),
        ("no-process-left", {"run_killed": KilledNodes({"passed": 8}, {1: 8}, {}, ("7 pb-a",))}),
    ],
)
def test_what_is_slow_shared_or_lost_is_red(
    check: str, left: dict[str, Any], run_cells: Callable[..., Any]
) -> None:
    executed = judge(run_cells, **left)
    assert isinstance(executed.error, ChecksFailed)
    failed = [each.name for each in executed.records if getattr(each, "status", "") == "failed"]
    assert failed == [check]


Write = Callable[[str, list[dict[str, Any]]], None]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Bench, Write, list[str]]:
    """A project in which ``proofbook run`` leaves the outcomes that were written down for it."""
    for folder in ("parameters", "outputs"):
        (tmp_path / folder).mkdir()
    jobs: dict[str, list[dict[str, Any]]] = {}
    executors: list[str] = []

    def run(command: list[str], **kwargs: Any) -> float:
        kind = "ray" if "ray" in command else "local"
        executors.append(kind)
        folder = tmp_path / "outputs" / f"run-{len(executors)}"
        for outcome in jobs.get(kind, []):
            job = folder / "jobs" / outcome["job"]
            (job / "work").mkdir(parents=True)
            (job / "work" / "bytes").write_bytes(b"x" * 1000)
            for number in range(outcome.pop("aside", len(outcome["attempts"]) - 1)):
                (job / "attempts" / str(number + 1)).mkdir(parents=True)
            told = json.dumps({"name": "told", "value": json.dumps(outcome.pop("told", []))})
            (job / "records.jsonl").write_text(told + "\n")
            (job / "outcome.json").write_text(json.dumps(outcome))
        (folder / "run.json").touch()
        return 1.0

    monkeypatch.setattr(cluster_runs, "run_command", run)
    return Bench(root=tmp_path, runtime=tmp_path), jobs.__setitem__, executors


def outcome(job: str, began: float, ended: float, attempts: int = 1, **more: Any) -> dict[str, Any]:
    times = {"started": f"2026-01-01T00:00:{began:09.6f}+00:00"}
    times["ended"] = f"2026-01-01T00:00:{ended:09.6f}+00:00"
    return {"job": job, "status": "passed", "attempts": [{}] * attempts, **times, **more}


def test_overhead_is_measured_in_turns(bench: tuple[Bench, Write, list[str]]) -> None:
    project, write, executors = bench
    write("ray", [outcome("a", 1, 3), outcome("b", 2, 7)])
    write("local", [outcome("a", 1, 3), outcome("b", 2, 4)])
    warm, whole = compare_overhead(project, "here:1", jobs=2, slots=2, rounds=1)
    assert executors == ["ray", "local"]
    assert whole == warm
    assert (warm.subject, warm.peer) == ((3.0,), (1.5,))


def test_the_start_of_machines_is_told_apart_from_the_jobs_after_it(
    bench: tuple[Bench, Write, list[str]],
) -> None:
    project, write, _ = bench
    one, two = {"node": {"name": "one"}}, {"node": {"name": "two"}}
    first = [outcome("a", 0, 6, **one), outcome("b", 6, 8, **one)]
    write("ray", [*first, outcome("c", 6, 8, **two), outcome("d", 8, 9, **one)])
    write("local", [outcome(each, 1, 3) for each in "abcd"])
    warm, whole = compare_overhead(project, "here:1", jobs=4, slots=2, rounds=1)
    assert warm.subject == (1.0,)  # b, c and d in 3 s
    assert whole.subject == (2.25,)


def test_an_output_is_on_its_way_from_one_end_to_the_next_start(
    bench: tuple[Bench, Write, list[str]],
) -> None:
    project, write, _ = bench
    write("ray", [outcome("make", 1, 3), outcome("use", 5.5, 7)])
    pairs = compare_transfer(project, "here:1", megabytes=1, rounds=1, shared=False)
    assert pairs.subject == (2.5,)
    assert pairs.peer[0] > 0


def test_attempts_that_left_no_folder_are_told(bench: tuple[Bench, Write, list[str]]) -> None:
    project, write, _ = bench
    jobs = [outcome("a", 1, 2), outcome("b", 1, 2, 3), outcome("c", 1, 2, 2, aside=0)]
    write("ray", jobs)
    left = run_killed(project, "here:1", jobs=3, slots=2, work=0)
    assert left == KilledNodes({"passed": 3}, {1: 1, 2: 1, 3: 1}, {"c": 1})


def test_a_process_that_a_run_left_is_told(
    bench: tuple[Bench, Write, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, write, _ = bench
    write("ray", [outcome("a", 1, 2)])
    monkeypatch.setattr(cluster_runs, "_PATIENCE", 0.1)
    env = {**os.environ, "PROOFBOOK_RUN": "run-1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(["cat"], env=env, **pipes) as left:
        assert left.stdin is not None and left.stdout is not None
        left.stdin.write(b"x")  # a program's environment is read as empty until it runs
        left.stdin.flush()
        left.stdout.read(1)
        told = run_killed(project, "here:1", jobs=1, slots=1, work=0).processes
        left.kill()
    assert told == (f"{left.pid} cat",)


@pytest.mark.parametrize(("second", "overlaps"), [(("7", 1.5, 3), 1), (("7", 2, 3), 0)])
def test_jobs_that_have_one_gpu_at_a_time_do_not_overlap(
    second: tuple[Any, ...], overlaps: int, bench: tuple[Bench, Write, list[str]]
) -> None:
    project, write, _ = bench
    told = [("7", 1, 2), second]
    write("ray", [outcome(f"j{n}", 1, 2, told=each) for n, each in enumerate(told)])
    assert use_gpu(project, "here:1", jobs=2) == GpuUse({"7"}, overlaps)
