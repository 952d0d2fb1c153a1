"""Twice the jobs are planned and resumed with twice the calls, whatever their shape."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest

from proofbook.profiles import JobEntry
from proofbook.project import Project
from proofbook.records import PlannedJob, RunInfo
from proofbook.runner.entries import ExpandedEntry, Source
from proofbook.runner.job_names import job_names, refuse_same_ids
from proofbook.runner.needs import refuse_circles
from proofbook.runner.plan import load_plan
from proofbook.runner.resume import kept_outcomes, runbooks_of
from proofbook.runner.schedule import dependents
from proofbook.runner.selection import select
from proofbook.runs.folder import RunFolder
from proofbook.yamlfile import YamlFile

Add = Callable[..., Path]
Entry = dict[str, Any]
SMALL = 64


def chain(size: int) -> list[Entry]:
    return [entry(n, needs=[f"j{n - 1}"] if n else []) for n in range(size)]


def star(size: int) -> list[Entry]:
    return [entry(0), *(entry(n, needs=["j0"]) for n in range(1, size))]


def outputs(size: int) -> list[Entry]:
    return [entry(n, s=f"${{{{ jobs.j{n - 1}.outputs.o }}}}" if n else "") for n in range(size)]


def matrix(size: int) -> list[Entry]:
    axes = {"a": list(range(size // 8)), "b": list(range(8))}
    return [{"runbook": "demo/one", "id": "m", "matrix": axes}]


def included(size: int) -> list[Entry]:
    axes = {"a": list(range(size))}
    include = [{"a": number, "s": f"text {number}"} for number in range(size)]
    return [{"runbook": "demo/one", "id": "m", "matrix": axes, "include": include}]


def entry(number: int, needs: Collection[str] = (), s: str = "") -> Entry:
    parameters = {"a": number, "b": 1, "s": s}
    return {
        "runbook": "demo/one",
        "id": f"j{number}",
        "needs": list(needs),
        "parameters": parameters,
    }


def calls(work: Callable[[], object]) -> int:
    """Return how many functions are called, Python's own and others."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.fixture
def growth(project: Project, add_runbook: Add, add_profile: Add) -> Callable[..., float]:
    """Return a function that says how many times the calls work makes for twice the jobs."""
    add_runbook(
        "demo/one", "checks.output('o', 1)", parameters='a: int = 0\nb: int = 0\ns: str = ""'
    )

    def measure(
        shape: Callable[[int], list[Entry]], work: Callable[[tuple[PlannedJob, ...]], object]
    ) -> float:
        counts = []
        for size in (SMALL, SMALL, 2 * SMALL):
            add_profile(json.dumps({"jobs": shape(size)}))
            plan = load_plan(project, "tiny").jobs
            assert len(plan) == size
            counts.append(calls(lambda jobs=plan: work(jobs)))
        return counts[2] / counts[1]

    return measure


SHAPES = [chain, star, outputs, matrix, included]


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("shape", SHAPES)
def test_planning_chosen_jobs_costs_twice_for_twice_the_jobs(
    shape: Callable[[int], list[Entry]], project: Project, growth: Callable[..., float]
) -> None:
    assert growth(shape, lambda jobs: load_plan(project, "tiny", only=[j.id for j in jobs])) < 2.1


@pytest.mark.parametrize("shape", [outputs, matrix])
def test_resuming_costs_twice_for_twice_the_jobs(
    shape: Callable[[int], list[Entry]], project: Project, growth: Callable[..., float]
) -> None:
    def work(jobs: tuple[PlannedJob, ...]) -> object:
        info = RunInfo(run_id="run", profile="tiny", plan=jobs)
        folder = RunFolder(project.outputs / "run")
        return kept_outcomes(folder, info, runbooks_of(project, info), "failed")

    assert growth(shape, work) < 2.1


class Id(str):
    """A job's id that counts how often it is looked at: by ``==``, ``in``, sets, dictionaries."""

    looks = 0

    def __eq__(self, other: object) -> bool:
        Id.looks += 1
        return str.__eq__(self, other)

    def __hash__(self) -> int:
        Id.looks += 1
        return str.__hash__(self)


def graph(shape: str, size: int) -> list[PlannedJob]:
    ids = [Id(f"j{number}") for number in range(size)]
    needs = {
        "chain": [(), *((each,) for each in ids[:-1])],
        "star": [(), *((ids[0],) for _ in ids[1:])],
        "funnel": [*(() for _ in ids[:-1]), tuple(ids[:-1])],
        "reversed": [*((each,) for each in ids[1:]), ()],
    }[shape]
    template = PlannedJob(id="", runbook="demo/one", timeout=1)
    return [
        template.model_copy(update={"id": id_, "needs": each})
        for id_, each in zip(ids, needs, strict=True)
    ]


def looks(work: Callable[[], object]) -> int:
    Id.looks = 0
    work()
    return Id.looks


GRAPH_WORK: dict[str, Callable[[list[PlannedJob]], object]] = {
    "select": lambda jobs: select(jobs, [jobs[0].id, jobs[-1].id]),
    "dependents": lambda jobs: dependents(jobs, [jobs[0].id, jobs[-1].id]),
    "circles": lambda jobs: refuse_circles(jobs, [], {}),
    "names": lambda jobs: job_names([expanded(jobs)]),
    "same ids": lambda jobs: refuse_same_ids([expanded(jobs)]),
}


def expanded(jobs: list[PlannedJob]) -> ExpandedEntry:
    file = YamlFile(Path("tiny.yaml"), None)
    source = Source(file, 0, JobEntry(runbook="demo/one"))
    return ExpandedEntry(source, tuple(jobs), {job.id: job.id for job in jobs})


@pytest.mark.parametrize("shape", ["chain", "star", "funnel", "reversed"])
@pytest.mark.parametrize("work", GRAPH_WORK)
def test_a_graph_of_twice_the_jobs_is_looked_at_twice_as_often(work: str, shape: str) -> None:
    small, large = (graph(shape, size) for size in (200, 400))
    do = GRAPH_WORK[work]
    assert 0 < looks(lambda: do(large)) < 2.1 * looks(lambda: do(small))
