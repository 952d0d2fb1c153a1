"""What a profile says of other jobs' outputs is verified before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from proofbook.errors import ProfileError, UsageError
from proofbook.project import Project
from proofbook.records import PlannedJob
from proofbook.runner.plan import load_plan

Add = Callable[..., Path]
Plan = Callable[..., dict[str, PlannedJob]]


@pytest.fixture(autouse=True)
def _runbooks(add_runbook: Add) -> None:
    add_runbook("demo/train", "checks.output('model', 1)", parameters="steps: int = 1")
    add_runbook("demo/any", "checks.output(name, 1)", parameters='base: str = ""')
    add_runbook(
        "demo/use",
        "checks.output('score', 1)",
        parameters='model: str = ""\nsteps: int = 0\nfiles: list[str] = []\nmore: dict = {}',
    )
    add_runbook("demo/must", parameters="model: str")


@pytest.fixture
def plan(project: Project, add_profile: Add) -> Plan:
    """Return a function that plans the jobs of a profile."""

    def load(
        jobs: str, only: tuple[str, ...] = (), overrides: Mapping[str, str] | None = None
    ) -> dict[str, PlannedJob]:
        add_profile(f"jobs:\n{jobs}")
        planned = load_plan(project, "tiny", only=only, overrides=overrides)
        return {job.id: job for job in planned.jobs}

    return load


TRAIN = "  - {runbook: demo/train, id: train}\n"
MODEL = "${{ jobs.train.outputs.model }}"
MATRIX = "  - {runbook: demo/any, id: gen, matrix: {base: [a, b]}}\n"


def use(model: str, id: str = "use") -> str:
    """Return the entry of a job with an expression."""
    return f"  - {{runbook: demo/use, id: {id}, parameters: {{model: '{model}'}}}}\n"


def test_an_output_implies_the_need_and_stays_an_expression(plan: Plan) -> None:
    jobs = plan(TRAIN + use(MODEL))
    assert jobs["use"].needs == ("train",)
    assert jobs["use"].parameters == {"model": MODEL}


def test_needs_and_outputs_are_needed_once_each(plan: Plan) -> None:
    jobs = plan(
        "  - {runbook: demo/train, id: a}\n  - {runbook: demo/train, id: b}\n"
        "  - runbook: demo/use\n    id: use\n    needs: [b]\n    parameters:\n"
        "      model: ${{ jobs.a.outputs.model }} and ${{ jobs.b.outputs.model }}\n"
        "      files: ['${{ jobs.a.outputs.model }}']\n"
        "      more: {x: {y: ['${{ jobs.b.outputs.model }}']}}\n"
        "      steps: ${{ jobs.a.outputs.model }}\n"
    )
    assert jobs["use"].needs == ("b", "a")


def test_an_output_may_be_a_value_of_a_matrix_or_of_an_include(plan: Plan) -> None:
    jobs = plan(
        f"{TRAIN}  - runbook: demo/use\n    id: use\n    matrix: {{model: [small, '{MODEL}']}}\n"
        f"    include: [{{model: small, steps: '{MODEL}'}}]\n"
    )
    assert list(jobs) == ["train", "use-small", "use-train-model"]
    assert jobs["use-train-model"].needs == jobs["use-small"].needs == ("train",)
    assert jobs["use-train-model"].parameters == {"model": MODEL}


def test_a_required_parameter_may_be_an_output(plan: Plan) -> None:
    jobs = plan(f"{TRAIN}  - {{runbook: demo/must, id: m, parameters: {{model: '{MODEL}'}}}}\n")
    assert jobs["m"].needs == ("train",)


def test_a_job_that_is_chosen_brings_those_whose_outputs_it_names(plan: Plan) -> None:
    chain = TRAIN + use(MODEL) + use("x ${{ jobs.use.outputs.score }}", "last")
    jobs = plan(f"{chain}  - {{runbook: demo/any, id: free}}\n", only=("last",))
    assert list(jobs) == ["train", "use", "last"]


def test_an_override_of_an_output_needs_its_maker_no_more(plan: Plan) -> None:
    jobs = plan(TRAIN + use(MODEL), only=("use",), overrides={"model": "mine"})
    assert list(jobs) == ["use"]
    assert jobs["use"].parameters == {"model": "mine"}


def test_an_override_may_name_an_output(plan: Plan, add_runbook: Add) -> None:
    add_runbook("demo/extra", parameters="size: int = 1\nmore: list = []")
    overrides = {"size": MODEL, "more": "['${{jobs.train.outputs.model}}']"}
    jobs = plan(TRAIN, only=("demo/extra",), overrides=overrides)
    assert list(jobs) == ["train", "demo-extra"]
    assert jobs["demo-extra"].needs == ("train",)
    assert jobs["demo-extra"].parameters == {"size": MODEL, "more": [MODEL]}


def test_a_reference_follows_a_job_whose_axis_is_replaced(plan: Plan) -> None:
    entries = MATRIX + use("x ${{ jobs.gen-b.outputs.y }}")
    jobs = plan(entries, overrides={"base": "/my/own"})
    assert jobs["use"].needs == ("gen-my-own",)
    assert jobs["use"].parameters == {"model": "x ${{ jobs.gen-my-own.outputs.y }}"}


def test_an_entry_of_one_job_is_that_job(plan: Plan) -> None:
    one = "  - {runbook: demo/any, id: gen, matrix: {base: [a]}}\n"
    jobs = plan(one + use("${{ jobs.gen.outputs.y }}"))
    assert jobs["use"].parameters == {"model": "${{ jobs.gen-a.outputs.y }}"}


def test_one_job_of_a_matrix_may_use_another(plan: Plan) -> None:
    jobs = plan(
        "  - runbook: demo/use\n    id: use\n    matrix: {steps: [1, 2]}\n"
        "    include: [{steps: 2, model: '${{ jobs.use-1.outputs.score }}'}]\n"
    )
    assert (jobs["use-1"].needs, jobs["use-2"].needs) == ((), ("use-1",))


@pytest.mark.parametrize(
    ("jobs", "line", "message"),
    [
        (use("${{ jobs.trian.outputs.model }}") + TRAIN, 2, "did you mean 'train'"),
        (TRAIN + use("${{ jobs.x.outputs.model }}"), 3, "there is no such job"),
        (MATRIX + use("${{ jobs.gen.outputs.y }}"), 3, "2 jobs; choose one of: gen-a, gen-b"),
        (
            TRAIN + use("${{ jobs.train.outputs.modle }}"),
            3,
            "demo/train makes no output 'modle'; did you mean 'model'?",
        ),
        (
            f"  - {{runbook: demo/must, id: m, parameters: {{model: a}}}}\n{use(MODEL)}".replace(
                "jobs.train", "jobs.m"
            ),
            3,
            "demo/must makes no output 'model'; it makes: none",
        ),
        (TRAIN + use("${{ job.train }}"), 3, "is not of the form"),
        (
            f"{TRAIN}  - runbook: demo/use\n    parameters:\n      steps: 1\n      files:\n"
            "        - a\n        - ${{ jobs.train.outputs.x }}\n",
            8,
            "makes no output 'x'",
        ),
        (
            f"{TRAIN}  - runbook: demo/use\n    matrix:\n      model:\n        - a\n"
            "        - ${{ jobs.nope.outputs.x }}\n",
            7,
            "names no job",
        ),
        (
            f"{TRAIN}  - runbook: demo/use\n    matrix: {{steps: [1]}}\n    include:\n"
            "      - {steps: 1}\n      - steps: 1\n        model: ${{ jobs.nope.outputs.x }}\n",
            8,
            "names no job",
        ),
        (
            f"{TRAIN}  - runbook: demo/use\n    parameters:\n      more:\n        '{MODEL}': 1\n",
            6,
            "is a key; only values",
        ),
        (
            "  - runbook: demo/use\n    id: a\n    parameters:\n"
            "      model: ${{ jobs.a.outputs.score }}\n",
            5,
            "in a circle: a",
        ),
        (
            "  - runbook: demo/use\n    id: a\n    needs: [c]\n"
            + use("${{ jobs.a.outputs.score }}", "b")
            + use("x${{ jobs.b.outputs.score }}", "c"),
            4,
            "in a circle: a, c, b",
        ),
        (
            "  - runbook: demo/use\n    id: a\n    parameters: {steps: 1}\n"
            "    matrix:\n      model:\n        - x\n        - ${{ jobs.b.outputs.score }}\n"
            + use("${{ jobs.a-b-score.outputs.score }}", "b"),
            8,
            "in a circle: a-b-score, b",
        ),
        (use(MODEL).replace("model:", "modle:"), 2, "did you mean 'model'"),
        (use(MODEL).replace("model:", "steps: x, model:") + TRAIN, 2, "'steps' must be int"),
    ],
)
def test_each_mistake_is_named_with_its_line(
    project: Project, plan: Plan, jobs: str, line: int, message: str
) -> None:
    with pytest.raises(ProfileError) as error:
        plan(jobs)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{project.parameters / 'tiny.yaml'}:{line}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("${{ jobs.nope.outputs.x }}", "-p model: .* names no job"),
        ("${{ jobs.train.outputs.x }}", "-p model: .* makes no output 'x'"),
        ("${{ x }}", "-p model: .* is not of the form"),
        ("${{ jobs.use.outputs.score }}", "-p model: jobs need each other in a circle: use"),
    ],
)
def test_a_wrong_override_is_one_line(plan: Plan, expression: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}") as error:
        plan(TRAIN + use("x"), overrides={"model": expression})
    assert "\n" not in str(error.value)


def test_an_added_runbook_does_not_need_itself(plan: Plan) -> None:
    overrides = {"model": "${{ jobs.demo-use.outputs.score }}"}
    with pytest.raises(UsageError, match=r"^-p model: jobs need each .* in a circle: demo-use$"):
        plan(TRAIN, only=("demo/use",), overrides=overrides)


def test_an_output_whose_name_is_built_cannot_be_verified(plan: Plan) -> None:
    jobs = plan(MATRIX + use("${{ jobs.gen-a.outputs.whatever }}"))
    assert jobs["use"].needs == ("gen-a",)


def test_many_jobs_of_a_matrix_are_named_in_part(plan: Plan) -> None:
    many = "  - {runbook: demo/train, id: t, matrix: {steps: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}}\n"
    with pytest.raises(ProfileError, match=r"names 10 jobs; choose one of: t-1, .* and 2 more"):
        plan(many + use("${{ jobs.t.outputs.model }}"))
