"""Planning is measured in fresh processes, both sizes in turns; what grows too fast is red."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proofbook.errors import SubjectError
from proofbook.project import Project
from proofbook.runner.plan import load_plan
from proofbook_bench import open_bench
from proofbook_bench.pairs import Pairs
from proofbook_bench.planning import SHAPES, Planned, compare_sizes, measure_planning, write_jobs

NAMES = ("2,000 jobs", "200 jobs")


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_is_so_many_jobs_with_8_parameters(shape: str) -> None:
    bench = open_bench()
    jobs = load_plan(Project(bench.root), write_jobs(bench, shape, 32)).jobs
    assert len(jobs) == 32
    assert {len(job.parameters) for job in jobs} == {8}
    needs = {
        "matrix": [()] * len(jobs),
        "chain": [(), *((job.id,) for job in jobs[:-1])],
        "star": [(), *((jobs[0].id,) for _ in jobs[1:])],
        "outputs": [(), *((job.id,) for job in jobs[:-1])],
    }
    assert [job.needs for job in jobs] == needs[shape]


def test_an_unknown_shape_is_one_line() -> None:
    with pytest.raises(SubjectError, match="unknown shape 'tree'; there are: matrix"):
        write_jobs(open_bench(), "tree", 10)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_fresh_process_says_what_it_took() -> None:
    pairs = compare_sizes(open_bench(), "outputs", 40, 1)
    assert pairs.keys() == set(Planned._fields)
    assert pairs["plan"].names == ("40 jobs", "4 jobs")
    assert all(min(each.subject + each.peer) > 0 for each in pairs.values())


@pytest.mark.slow
def test_a_profile_that_cannot_be_planned_is_one_line() -> None:
    bench = open_bench()
    with pytest.raises(
        SubjectError, match=r"^plan nothing ended with code 1: .*no profile 'nothing'"
    ):
        measure_planning(bench, "nothing")


def compared(seconds: float, growth: float) -> Callable[[dict[str, Any]], object]:
    """Return what replaces the measurement by a canned one."""
    pairs = {
        "seconds": Pairs((seconds, seconds), (0.1, 0.1), NAMES),
        **{name: Pairs((growth, growth), (1.0, 1.0), NAMES) for name in Planned._fields[1:]},
    }
    return lambda names: names.update(compare_sizes=lambda *arguments: pairs)


@pytest.mark.parametrize(
    ("seconds", "growth", "red"),
    [
        (2.9, 10.9, []),
        (3.1, 10.0, ["chain-seconds"]),
        (1.0, 11.1, ["chain-growth", "chain-choose-growth", "chain-resume-growth"]),
    ],
)
def test_a_plan_that_takes_too_long_or_grows_too_fast_is_red(
    run_cells: Callable[..., Any], seconds: float, growth: float, red: list[str]
) -> None:
    after = {"imports": compared(seconds, growth)}
    done = run_cells("benchmarks/planning", after=after, shapes=["chain"])
    assert done.red == red
    assert (done.error is None) == (not red)
