"""How long it takes to plan, choose and resume many jobs, each time in a fresh process.

The jobs are written as a matrix, as a chain, as a star, or as a chain of outputs; nothing is
executed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from proofbook.errors import SubjectError
from proofbook.project import Project
from proofbook.records import RunInfo
from proofbook.runner.plan import load_plan
from proofbook.runner.resume import kept_outcomes, runbooks_of
from proofbook.runs.folder import RunFolder
from proofbook_bench.pairs import Pairs
from proofbook_bench.projects import Bench

__all__ = ["SHAPES", "Planned", "compare_sizes", "main", "measure_planning", "write_jobs"]

_RUNBOOK = "bench/planned"
_AXES = 4


class Planned(NamedTuple):
    """What each step took, in a process of its own."""

    seconds: float
    """From the profile to the plan."""
    plan: float
    """The same, in seconds of CPU: other processes do not lengthen it."""
    choose: float
    """To the plan of the last job and all that it needs, in seconds of CPU."""
    resume: float
    """From ``run.json`` to what runs again, in seconds of CPU."""


def measure_planning(bench: Bench, profile: str) -> Planned:
    """Plan, choose and resume the jobs of a profile, each in a new process.

    Raises:
        SubjectError: One failed.
    """
    seconds, plan = _measure(bench, "plan", profile)
    [choose], [resume] = _measure(bench, "choose", profile), _measure(bench, "resume", profile)
    return Planned(seconds, plan, choose, resume)


def compare_sizes(bench: Bench, shape: str, jobs: int, rounds: int) -> dict[str, Pairs]:
    """Measure ``jobs`` and a tenth of them in turns; return the pairs by field of `Planned`."""
    large, small = (write_jobs(bench, shape, size) for size in (jobs, jobs // 10))
    turns = [
        (measure_planning(bench, large), measure_planning(bench, small)) for _ in range(rounds)
    ]
    names = (f"{jobs:,} jobs", f"{jobs // 10:,} jobs")
    return {
        field: Pairs(
            subject=tuple(getattr(a, field) for a, _ in turns),
            peer=tuple(getattr(b, field) for _, b in turns),
            names=names,
        )
        for field in Planned._fields
    }


def write_jobs(bench: Bench, shape: str, jobs: int) -> str:
    """Write a runbook with 8 parameters and a profile of so many jobs; return its name.

    Raises:
        SubjectError: There is no such shape.
    """
    if shape not in SHAPES:
        raise SubjectError(f"unknown shape {shape!r}; there are: {', '.join(SHAPES)}")
    numbers = [f"number_{n}: int = 0" for n in range(_AXES)]
    lines = [*numbers, *(f'text_{n}: str = ""' for n in range(_AXES))]
    bench.add_notebook("planned", ["checks.output('o', 'text')"], parameters="\n".join(lines))
    bench.add_profile(f"{shape}-{jobs}", SHAPES[shape](jobs))
    return f"{shape}-{jobs}"


def main(step: str, root: str, profile: str) -> int:
    """Measure a step once, print its figures as JSON, and return the exit code."""
    project = Project(Path(root))
    folder = RunFolder(project.outputs / profile)
    if step == "plan":
        began, cpu_began = time.perf_counter(), time.process_time()
        plan = load_plan(project, profile)
        figures = [time.perf_counter() - began, time.process_time() - cpu_began]
        folder.path.mkdir(exist_ok=True)
        folder.write_info(RunInfo(run_id=profile, profile=profile, plan=plan.jobs))
    elif step == "choose":
        last = folder.read_info().plan[-1].id
        figures = [_cpu_seconds(lambda: load_plan(project, profile, only=[last]))]
    else:
        figures = [_cpu_seconds(lambda: _resume(project, folder))]
    print(json.dumps(figures))  # noqa: T201 - this is how it answers
    return 0


def _measure(bench: Bench, step: str, profile: str) -> list[float]:
    command = [sys.executable, "-m", "proofbook_bench.planning", step, str(bench.root), profile]
    done = subprocess.run(
        command, env=bench.environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it printed nothing"]
        message = f"{step} {profile} ended with code {done.returncode}: {lines[-1]}"
        raise SubjectError(message)
    figures: list[float] = json.loads(done.stdout)
    return figures


def _resume(project: Project, folder: RunFolder) -> None:
    info = folder.read_info()
    kept_outcomes(folder, info, runbooks_of(project, info), "failed")


def _cpu_seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _matrix(jobs: int) -> list[dict[str, Any]]:
    sides, rest = [], jobs
    for _ in range(_AXES - 1):
        sides.append(10 if rest % 10 == 0 else 1)
        rest //= sides[-1]
    sides.append(rest)
    axes = {f"number_{n}": list(range(size)) for n, size in enumerate(sides)}
    return [{"runbook": _RUNBOOK, "id": "job", "parameters": _texts(0), "matrix": axes}]


def _chain(jobs: int) -> list[dict[str, Any]]:
    return [_job(n, needs=[f"job-{n - 1}"] if n else []) for n in range(jobs)]


def _star(jobs: int) -> list[dict[str, Any]]:
    return [_job(n, needs=["job-0"] if n else []) for n in range(jobs)]


def _outputs(jobs: int) -> list[dict[str, Any]]:
    chain = [_job(n) for n in range(jobs)]
    for number, job in enumerate(chain[1:]):
        job["parameters"]["text_0"] = f"${{{{ jobs.job-{number}.outputs.o }}}}"
    return chain


SHAPES: Mapping[str, Callable[[int], list[dict[str, Any]]]] = {
    "matrix": _matrix,
    "chain": _chain,
    "star": _star,
    "outputs": _outputs,
}
"""How jobs are written, by name."""


def _job(number: int, needs: list[str] | None = None) -> dict[str, Any]:
    numbers = {f"number_{n}": number + n for n in range(_AXES)}
    parameters = {**numbers, **_texts(number)}
    return {
        "runbook": _RUNBOOK,
        "id": f"job-{number}",
        "needs": needs or [],
        "parameters": parameters,
    }


def _texts(number: int) -> dict[str, str]:
    return {f"text_{n}": f"text {n} of {number}" for n in range(_AXES)}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
