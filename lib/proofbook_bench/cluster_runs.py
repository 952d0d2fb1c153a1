"""Runs on a cluster against runs on this machine: what each costs, and what each leaves.

Reads the files of runs from outside. Knows nothing about how a run is executed, nor how a cluster
is started.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from proofbook.errors import SubjectError
from proofbook.runner.executors.landing import SHARED_DISK
from proofbook_bench.commands import run_command
from proofbook_bench.leftovers import processes_with, remaining
from proofbook_bench.many_jobs import span
from proofbook_bench.outcomes import count_attempts, count_statuses, read_times
from proofbook_bench.pairs import Pairs, alternate, seconds
from proofbook_bench.projects import Bench
from proofbook_bench.sources import checked

__all__ = [
    "GpuUse",
    "KilledNodes",
    "Overhead",
    "compare_overhead",
    "compare_transfer",
    "run_killed",
    "use_gpu",
]

_LIMIT = 7200.0
_PATIENCE = 10.0
_TRIVIAL = "trivial"
_MAKE = """\
import os
from pathlib import Path
megabyte = os.urandom(1_000_000)
with Path("bytes").open("wb") as file:
    for _ in range(megabytes):
        file.write(megabyte)
checks.output("bytes", Path("bytes"))
"""
_USE = "checks.expect('size', Path(path).stat().st_size, megabytes * 1_000_000)"
_TAKE = """\
import json, os, time
began = time.time()
time.sleep(0.2)
told = [os.environ.get("CUDA_VISIBLE_DEVICES", ""), began, time.time()]
checks.output("told", json.dumps(told))
"""
_WORK = "import time\ntime.sleep(seconds)"


class Overhead(NamedTuple):
    """Seconds per job on a cluster, and on this machine."""

    warm: Pairs
    """Of those that began when each machine had begun one."""
    whole: Pairs
    """From the first start to the last end: machines that join meanwhile start beside the jobs."""


class KilledNodes(NamedTuple):
    """What a run left whose nodes were killed."""

    statuses: dict[str, int]
    """How many jobs ended in each way."""
    attempts: dict[int, int]
    """How many jobs took how many attempts."""
    executed: dict[str, int]
    """How many folders of attempts there are, by job, where they are not one an attempt."""
    processes: tuple[str, ...] = ()
    """Of the run, on any node, after its end."""


class GpuUse(NamedTuple):
    """When each job had which GPU."""

    devices: set[str]
    overlaps: int
    """Pairs of jobs that had one at the same time."""


def compare_overhead(bench: Bench, address: str, *, jobs: int, slots: int, rounds: int) -> Overhead:
    """Measure seconds per trivial job on a cluster and on this machine, in turns.

    Raises:
        SubjectError: A run was not green.
    """
    _add(bench, _TRIVIAL, [], "number: int = 0", {"number": list(range(jobs))})
    names = (f"Ray, {jobs} jobs", "local")
    whole: dict[str, list[float]] = {name: [] for name in names}

    def per_job(side: str, *options: str) -> float:
        run = _run(bench, _TRIVIAL, slots, *options)
        whole[side].append(span(read_times(run)) / jobs)
        return _warm_seconds(run)

    on_cluster = ("--executor", "ray", "--address", address)
    sides = (lambda: per_job(names[0], *on_cluster), lambda: per_job(names[1]))
    warm = alternate(*sides, rounds, names=names)
    return Overhead(warm, Pairs(tuple(whole[names[0]]), tuple(whole[names[1]]), names))


def compare_transfer(
    bench: Bench, address: str, *, megabytes: int, rounds: int, shared: bool
) -> Pairs:
    """Measure how long an output takes to a job on another node, and a copy of it, in turns.

    From the moment when the first job has ended to that when the second one begins: the run folder
    has the output by then, too. As the run is on a node that executes nothing, it travels twice.

    Args:
        bench: The project.
        address: Of the cluster.
        megabytes: Size of the output.
        rounds: How often each side is measured.
        shared: Whether the nodes may use the disk that they share; else all bytes travel.

    Raises:
        SubjectError: A run was not green.
    """
    _add(bench, "make", [_MAKE], "megabytes: int = 1")
    _add(bench, "use", ["from pathlib import Path\n" + _USE], "megabytes: int = 1\npath: str = ''")
    size = {"megabytes": megabytes}
    path = "${{ jobs.make.outputs.bytes }}"
    bench.add_profile("transfer", [
        {"runbook": "bench/make", "id": "make", "parameters": size, "resources": {"cpus": 1}},
        {"runbook": "bench/use", "id": "use", "parameters": {**size, "path": path}},
    ])  # fmt: skip
    last: list[Path] = []

    def hand_over() -> float:
        options = ("--executor", "ray", "--address", address)
        last[:] = [_run(bench, "transfer", 2, *options, **{SHARED_DISK: "on" if shared else "off"})]
        made, used = (_outcome(last[0], job) for job in ("make", "use"))
        began, ended = (datetime.fromisoformat(t) for t in (used["started"], made["ended"]))
        return (began - ended).total_seconds()

    def copy() -> float:
        file, target = last[0] / "jobs/make/work/bytes", bench.work_folder() / "bytes"
        took = seconds(lambda: shutil.copyfile(file, target))
        shutil.rmtree(target.parent)
        shutil.rmtree(last[0])
        return took

    way = "on one disk" if shared else "sent"
    names = (f"handed to a job, {megabytes} MB, {way}", "copied")
    return alternate(hand_over, copy, rounds, names=names)


def run_killed(bench: Bench, address: str, *, jobs: int, slots: int, work: float) -> KilledNodes:
    """Run jobs of so many seconds on a cluster; return how they ended.

    Raises:
        SubjectError: The command hung.
    """
    _add(
        bench, "work", [_WORK], "number: int = 0\nseconds: float = 0.0",
        {"number": list(range(jobs))}, {"seconds": work},
    )  # fmt: skip
    run = _run(bench, "work", slots, "--executor", "ray", "--address", address)
    executed = {}
    for path in run.glob("jobs/*/outcome.json"):
        attempts = len(json.loads(path.read_text())["attempts"])
        aside = len(list(path.parent.glob("attempts/*")))
        if aside != attempts - 1:
            executed[path.parent.name] = aside + 1
    orphans = remaining(lambda: processes_with("PROOFBOOK_RUN", run.name), _PATIENCE)
    return KilledNodes(count_statuses(run), count_attempts(run), executed, tuple(orphans))


def use_gpu(bench: Bench, address: str, *, jobs: int) -> GpuUse:
    """Run jobs that each ask for one GPU on a cluster; return what each was given, and when.

    Raises:
        SubjectError: A run was not green.
    """
    number = {"number": list(range(jobs))}
    _add(bench, "take", [_TAKE], "number: int = 0", number, resources={"gpus": 1})
    run = _run(bench, "take", jobs, "--executor", "ray", "--address", address)
    told = []
    for path in run.glob("jobs/*/records.jsonl"):
        records = map(json.loads, path.read_text().splitlines())
        told += [json.loads(r["value"]) for r in records if r.get("name") == "told"]
    if len(told) != jobs:
        raise SubjectError(f"{run.name}: {len(told)} of {jobs} jobs told which GPU they had")
    spans = sorted((device, began, ended) for device, began, ended in told)
    overlaps = sum(b[1] < a[2] for a, b in pairwise(spans) if a[0] == b[0])
    return GpuUse({device for device, *_ in spans}, overlaps)


def _add(
    bench: Bench,
    name: str,
    sources: Sequence[str],
    parameters: str,
    matrix: dict[str, Any] | None = None,
    given: dict[str, Any] | None = None,
    resources: dict[str, Any] | None = None,
) -> None:
    """Write a runbook, and a profile of its name."""
    bench.add_notebook(name, checked(name, *sources), parameters=parameters)
    job = {"runbook": f"bench/{name}", "id": name, "matrix": matrix, "parameters": given}
    job["resources"] = resources
    bench.add_profile(name, [{key: value for key, value in job.items() if value}])


def _run(bench: Bench, profile: str, slots: int, *options: str, **environment: str) -> Path:
    known = set(bench.outputs.glob("*/run.json"))
    run_command(
        ["proofbook", "run", "--profile", profile, "-j", str(slots), *options],
        env={**bench.environment, "FORCE_COLOR": "", **environment}, cwd=bench.root, timeout=_LIMIT,
    )  # fmt: skip
    (run,) = set(bench.outputs.glob("*/run.json")) - known
    return run.parent


def _warm_seconds(run: Path) -> float:
    """Return the seconds per job from when the last machine had begun its first one."""
    jobs = [_outcome(run, path.parent.name) for path in run.glob("jobs/*/outcome.json")]
    first: dict[str, datetime] = {}
    for job in jobs:
        began = datetime.fromisoformat(job["started"])
        machine = (job.get("node") or {}).get("name", "")
        first[machine] = min(first.get(machine, began), began)
    all_warm = max(first.values())
    counted = [job for job in jobs if datetime.fromisoformat(job["started"]) >= all_warm]
    last = max(datetime.fromisoformat(job["ended"]) for job in counted)
    return (last - all_warm).total_seconds() / len(counted)


def _outcome(run: Path, job: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "jobs" / job / "outcome.json").read_text())
    return found
