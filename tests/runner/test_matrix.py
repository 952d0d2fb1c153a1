"""A matrix is expanded as the profile says it, and an override takes the place of an axis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from proofbook.errors import UsageError
from proofbook.profiles import JobEntry
from proofbook.project import Project
from proofbook.runner.matrix import MatrixError, expand_matrix, verify_matrix
from proofbook.runner.plan import load_plan

Add = Callable[..., Path]


@pytest.fixture(autouse=True)
def _runbooks(add_runbook: Add) -> None:
    add_runbook("demo/one", parameters='model: str = ""\nduration: float = 2.0\nseed: int = 0')
    add_runbook("demo/two", parameters="strict: bool")


@pytest.mark.parametrize(
    ("axis", "suffixes"),
    [
        (["A", "b/c"], ["a", "b-c"]),
        (["a b", "a-b"], ["1", "2"]),
        (["x" * 41, "y"], ["1", "y"]),
        ([True, 2], ["true", "2"]),
    ],
)
def test_a_value_names_its_job_where_it_can(axis: list[str], suffixes: list[str]) -> None:
    entry = JobEntry(runbook="demo/one", matrix={"x": axis})
    assert [each.suffix for each in expand_matrix(entry, {})] == [(each,) for each in suffixes]


@pytest.mark.parametrize("axis", [["b", "b"], [1, 1.0], [1, True], [[1], [1.0]]])
def test_equal_values_of_an_axis_are_refused(axis: list[object]) -> None:
    entry = JobEntry.model_validate({"runbook": "demo/one", "matrix": {"x": axis}})
    with pytest.raises(MatrixError, match="value 2 of 'x' equals value 1") as error:
        verify_matrix(entry)
    assert error.value.place == ("matrix", "x", 1)


GRID = """
jobs:
  - runbook: demo/one
    id: gen
    matrix: {model: ["ref:small", "ref:big"], seed: [1, 2]}
    include:
      - {model: "ref:small", duration: 5}
      - {model: "ref:big", duration: 9}
      - {seed: 2, duration: 7}
  - {runbook: demo/two, id: after, needs: [gen-ref-big-2], parameters: {strict: true}}
"""


def test_an_override_of_a_matrix_key_takes_the_place_of_its_axis(
    project: Project, add_profile: Add
) -> None:
    add_profile(GRID)
    found = load_plan(project, "tiny", overrides={"model": "/models/mine"})
    assert {j.id: j.parameters for j in found.jobs[:-1]} == {
        "gen-models-mine-1": {"model": "/models/mine", "seed": 1},
        "gen-models-mine-2": {"model": "/models/mine", "seed": 2, "duration": 7},
    }
    assert found.jobs[-1].needs == ("gen-models-mine-2",)


def test_an_override_with_a_value_of_the_axis_keeps_its_include_and_id(
    project: Project, add_profile: Add
) -> None:
    add_profile(GRID)
    overrides = {"model": "ref:big", "seed": "1"}
    found = load_plan(project, "tiny", only=["demo/one"], overrides=overrides)
    assert [(j.id, j.parameters) for j in found.jobs] == [
        ("gen-ref-big-1", {"model": "ref:big", "seed": 1, "duration": 9})
    ]


def test_a_job_whose_axis_is_replaced_is_still_chosen_by_its_id_in_the_profile(
    project: Project, add_profile: Add
) -> None:
    add_profile(GRID)
    found = load_plan(project, "tiny", only=["gen-ref-small-2"], overrides={"model": "m"})
    assert [j.id for j in found.jobs] == ["gen-m-2"]


def test_an_override_of_a_matrix_key_is_typed(project: Project, add_profile: Add) -> None:
    add_profile(GRID)
    with pytest.raises(UsageError, match=r"-p seed: parameter 'seed' must be int, found str 'x'"):
        load_plan(project, "tiny", overrides={"seed": "x"})


def test_what_only_a_replaced_value_included_is_missed_by_its_job(
    project: Project, add_profile: Add, add_runbook: Add
) -> None:
    add_runbook("demo/need", parameters='model: str = ""\nsteps: int')
    add_profile(
        "jobs:\n  - runbook: demo/need\n    matrix: {model: [a]}\n"
        "    include: [{model: a, steps: 3}]"
    )
    with pytest.raises(UsageError, match="job demo-need-b: demo/need requires parameter 'steps'"):
        load_plan(project, "tiny", overrides={"model": "b"})
