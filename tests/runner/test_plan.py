"""Whatever is wrong with a profile is one line with file and line number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from proofbook.errors import ProfileError, UsageError
from proofbook.project import Project
from proofbook.runner.plan import Plan, load_plan

Add = Callable[..., Path]
PARAMETERS = 'model: str = "small"\nduration: float = 2.0\nseed: int = 0\nhf_token: str = ""'


@pytest.fixture(autouse=True)
def _runbooks(add_runbook: Add) -> None:
    add_runbook("demo/one", "pass", parameters=PARAMETERS)
    add_runbook("demo/two", "pass", parameters="strict: bool")


def plan(project: Project, add_profile: Add, text: str) -> Plan:
    add_profile(text)
    return load_plan(project, "tiny")


def test_a_matrix_makes_a_job_of_each_combination(project: Project, add_profile: Add) -> None:
    found = plan(
        project,
        add_profile,
        """
defaults: {timeout: 2m, retries: 2}
jobs:
  - runbook: demo/one
    parameters: {seed: 7}
    matrix: {model: [small, medium], duration: [1, 30]}
    include:
      - {model: medium, seed: 8}
""",
    )
    assert [j.id for j in found.jobs] == [
        "demo-one-small-1",
        "demo-one-small-30",
        "demo-one-medium-1",
        "demo-one-medium-30",
    ]
    assert found.jobs[3].parameters == {"seed": 8, "model": "medium", "duration": 30}
    assert (found.jobs[0].timeout, found.jobs[0].retries) == (120, 2)


def test_needs_name_entries_runbooks_or_single_jobs(project: Project, add_profile: Add) -> None:
    found = plan(
        project,
        add_profile,
        """
jobs:
  - {runbook: demo/one, id: gen, matrix: {model: [a, b]}}
  - {runbook: demo/two, id: x, needs: [gen], parameters: {strict: true}}
  - {runbook: demo/two, id: y, needs: [gen-a], parameters: {strict: true}}
  - {runbook: demo/two, id: z, needs: [demo/one], parameters: {strict: true}}
""",
    )
    assert {j.id: j.needs for j in found.jobs} == {
        "gen-a": (),
        "gen-b": (),
        "x": ("gen-a", "gen-b"),
        "y": ("gen-a",),
        "z": ("gen-a", "gen-b"),
    }


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("jobs: [", 1, "not YAML"),
        ("just text", 1, "a profile is a mapping"),
        ("", 1, "a profile is a mapping"),
        ("jobs: []", 1, "at least 1 item"),
        ("job: []", 1, "unknown key 'job'; did you mean 'jobs'"),
        ("jobs:\n  - runbook: demo/one\n    matrixx: {}", 3, "did you mean 'matrix'"),
        ("jobs:\n  - runbook: demo/on\n", 2, "did you mean 'demo/one'"),
        ("jobs:\n  - runbook: ../../etc/x\n", 2, "outside of the project"),
        ("jobs:\n  - runbook: demo/one\n    timeout: soon", 3, "timeout"),
        ("jobs:\n  - runbook: demo/one\n    timeout: 0", 3, "greater than 0"),
        (
            "jobs:\n  - runbook: demo/one\n    parameters:\n      durations: 3",
            4,
            "no parameter 'durations'; did you mean 'duration'",
        ),
        (
            "jobs:\n  - runbook: demo/one\n    parameters:\n      seed: 1\n      duration: long",
            5,
            "'duration' must be float, found str 'long'",
        ),
        (
            "jobs:\n  - runbook: demo/one\n    matrix:\n      seed: [1, x]",
            4,
            "'seed' must be int",
        ),
        (
            "jobs:\n  - runbook: demo/one\n    matrix: {seed: [1]}\n    include:\n      - nope: 1",
            5,
            "no parameter 'nope'",
        ),
        ("jobs:\n  - runbook: demo/two\n", 2, "requires parameter 'strict'"),
        (
            "jobs:\n  - runbook: demo/one\n    parameters:\n      hf_token: abcdefghij",
            4,
            "looks like a secret",
        ),
        ("jobs:\n  - runbook: demo/one\n  - runbook: demo/one", 3, "two jobs are called"),
        ("jobs:\n  - runbook: demo/one\n    needs: [demo-onne]", 3, "did you mean 'demo-one'"),
        ("jobs:\n  - runbook: demo/one\n    needs: [demo-one]", 3, "in a circle: demo-one"),
        ("jobs:\n  - runbook: demo/one\n    id: a\n    id: b", 4, "given twice"),
        ("jobs:\n  - runbook: demo/one\n    id: ../up", 3, "id"),
    ],
)
def test_each_mistake_is_named_with_its_line(
    project: Project, add_profile: Add, text: str, line: int, message: str
) -> None:
    with pytest.raises(ProfileError) as error:
        plan(project, add_profile, text)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{project.parameters / 'tiny.yaml'}:{line}: ")
    assert "\n" not in str(error.value)


def test_a_circle_of_two_is_found(project: Project, add_profile: Add) -> None:
    text = """
jobs:
  - {runbook: demo/one, id: free}
  - {runbook: demo/one, id: a, needs: [b]}
  - {runbook: demo/one, id: b, needs: [a]}
"""
    with pytest.raises(ProfileError, match=r"tiny.yaml:4: .*circle: a, b"):
        plan(project, add_profile, text)


def test_a_broken_runbook_is_named(project: Project, add_profile: Add) -> None:
    project.runbook("demo/bad").write_text("{")
    with pytest.raises(ProfileError, match=r"tiny.yaml:1: .*demo/bad.ipynb: not JSON"):
        plan(project, add_profile, "jobs: [{runbook: demo/bad}]")


def test_an_unknown_profile_is_named(project: Project, add_profile: Add) -> None:
    add_profile("jobs: []", "tiny")
    with pytest.raises(UsageError, match="did you mean 'tiny'"):
        load_plan(project, "tinny")


TWO = """
jobs:
  - {runbook: demo/one, id: first}
  - {runbook: demo/one, id: second, needs: [first]}
  - {runbook: demo/two, parameters: {strict: true}}
"""


def test_only_keeps_what_is_named_and_what_it_needs(project: Project, add_profile: Add) -> None:
    add_profile(TWO)
    assert [j.id for j in load_plan(project, "tiny", only=["second"]).jobs] == ["first", "second"]
    assert [j.id for j in load_plan(project, "tiny", only=["demo/two"]).jobs] == ["demo-two"]


def test_a_runbook_outside_of_the_profile_can_be_run(
    project: Project, add_profile: Add, add_runbook: Add
) -> None:
    add_profile(TWO)
    add_runbook("demo/extra", parameters="x: int = 1")
    found = load_plan(project, "tiny", only=["runbooks/demo/extra.ipynb"], overrides={"x": "5"})
    assert [(j.id, j.parameters) for j in found.jobs] == [("demo-extra", {"x": 5})]


def test_overrides_are_typed_and_reach_every_job_that_has_them(
    project: Project, add_profile: Add
) -> None:
    add_profile(TWO)
    found = load_plan(project, "tiny", overrides={"duration": "5e-1", "model": "7"})
    assert found.jobs[0].parameters == {"duration": 0.5, "model": "7"}
    assert found.jobs[2].parameters == {"strict": True}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [({"duration": "x"}, "must be float"), ({"durations": "1"}, "did you mean 'duration'")],
)
def test_a_wrong_override_is_named(
    project: Project, add_profile: Add, overrides: dict[str, str], message: str
) -> None:
    add_profile(TWO)
    with pytest.raises(UsageError, match=message):
        load_plan(project, "tiny", overrides=overrides)
