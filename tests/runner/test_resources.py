"""What a job declares that it occupies: in the profile, when planned, and while it runs."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from running import BEGIN, Runner

from proofbook.errors import ProfileError, RunFolderError
from proofbook.project import Project
from proofbook.records import RunInfo
from proofbook.resources import Resources
from proofbook.runner.capacity import Capacity
from proofbook.runner.executors.machine import machine_capacity
from proofbook.runner.feasibility import find_lacking, refuse_unrunnable
from proofbook.runner.plan import load_plan

Add = Callable[..., Path]
PASS = "checks.expect('one', True)\nchecks.finish()"
SMALL = Capacity(slots=2, cpus=2, memory_gb=8, gpu_problem="nvidia-smi is not on the PATH")
CARDS = """\
0, GPU-aaaa-1111, NVIDIA H100 80GB HBM3, 81559, 80994, 550.54.15
1, GPU-bbbb-2222, NVIDIA H100 80GB HBM3, 81559, 10000, 550.54.15
"""


@pytest.fixture(autouse=True)
def _runbooks(add_runbook: Add) -> None:
    add_runbook("demo/one", BEGIN, PASS, parameters="x: int = 1")
    add_runbook("demo/two", BEGIN, PASS)


@pytest.fixture
def smi(tmp_path: Path) -> str:
    """A folder with an nvidia-smi that lists two GPUs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "cards").write_text(CARDS)
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n/bin/cat {tmp_path / 'cards'}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(folder)


def test_a_job_declares_over_the_defaults(project: Project, add_profile: Add) -> None:
    add_profile(
        "defaults: {resources: {cpus: 2, memory_gb: 4}}\n"
        "jobs:\n"
        "  - {runbook: demo/one, matrix: {x: [1, 2]}, resources: {gpus: 0.5, cpus: 1}}\n"
        "  - {runbook: demo/two}\n"
    )
    resources = {job.id: job.resources for job in load_plan(project, "tiny").jobs}
    assert resources == {
        "demo-one-1": Resources(cpus=1, gpus=0.5, memory_gb=4),
        "demo-one-2": Resources(cpus=1, gpus=0.5, memory_gb=4),
        "demo-two": Resources(cpus=2, memory_gb=4),
    }


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("{gpu: 1}", "unknown key 'gpu'; did you mean 'gpus'?"),
        ("{gpus: 1.5}", "must be a whole number, or below 1 for a share, found 1.5"),
        ("{gpus: true}", "valid number"),
        ("{cpus: 0}", "greater than or equal to 1"),
        ("{cpus: 0.5}", "valid integer"),
        ("{memory_gb: .inf}", "finite"),
        ("2", "resources"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(
    declared: str, message: str, project: Project, add_profile: Add
) -> None:
    path = add_profile(f"jobs:\n  - runbook: demo/one\n    resources: {declared}\n")
    with pytest.raises(ProfileError) as caught:
        load_plan(project, "tiny")
    assert str(caught.value).startswith(f"{path}:3: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("declared", "line", "lack"),
    [
        ("gpus: 2", 7, "needs 2 gpus, found 0 (nvidia-smi is not on the PATH)"),
        ("memory_gb: 10000", 7, "needs 10000 memory_gb, found 8"),
        ("cpus: 64", 7, "needs 64 cpus, found 2"),
        ("memory_gb: 1", 2, "needs 3 cpus, found 2"),
    ],
)
def test_more_than_there_is_is_refused_where_it_is_declared(
    declared: str, line: int, lack: str, project: Project, add_profile: Add
) -> None:
    defaults = "{cpus: 3}" if line == 2 else "{}"
    path = add_profile(
        f"defaults:\n  resources: {defaults}\njobs:\n"
        "  - {runbook: demo/two, resources: {cpus: 1}}\n"
        f"  - runbook: demo/one\n    resources:\n      {declared}\n"
    )
    with pytest.raises(ProfileError) as caught:
        refuse_unrunnable(load_plan(project, "tiny"), SMALL)
    assert str(caught.value).startswith(f"{path}:{line}: job 'demo-one' {lack}; ")


def test_a_runbook_that_no_entry_names_has_the_defaults(project: Project, add_profile: Add) -> None:
    path = add_profile("defaults:\n  resources:\n    cpus: 9\njobs: [{runbook: demo/one}]")
    with pytest.raises(ProfileError, match="job 'demo-two' needs 9 cpus") as caught:
        refuse_unrunnable(load_plan(project, "tiny", only=["demo/two"]), SMALL)
    assert str(caught.value).startswith(f"{path}:3: ")


def test_a_run_that_was_planned_on_a_larger_machine_is_not_resumed(
    project: Project, add_profile: Add
) -> None:
    add_profile(
        "jobs:\n  - {runbook: demo/one, resources: {cpus: 3}, allow_skips: [hard*]}\n"
        "  - {runbook: demo/two, resources: {cpus: 3}}"
    )
    plan = load_plan(project, "tiny").jobs
    info = RunInfo(run_id="r1", profile="tiny", plan=plan)
    with pytest.raises(
        RunFolderError, match="r1 cannot be executed here: job 'demo-two' needs 3 cpus, found 2"
    ):
        find_lacking(info, SMALL)
    allowed = info.model_copy(update={"plan": plan[:1]})
    assert find_lacking(allowed, SMALL) == {"demo-one": "needs 3 cpus, found 2"}


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        (None, ("0", "1")),
        ("1", ("1",)),
        ("1,0", ("1", "0")),
        ("GPU-bbbb, 0", ("GPU-bbbb", "0")),
        ("0,GPU-aaaa-1111", ("GPU-aaaa-1111",)),
        ("0,7,1", ("0",)),
        ("", ()),
    ],
)
def test_gpus_are_named_as_the_runner_sees_them(
    setting: str | None, names: tuple[str, ...], smi: str
) -> None:
    environ = {"PATH": smi} | ({} if setting is None else {"CUDA_VISIBLE_DEVICES": setting})
    capacity = machine_capacity(3, with_gpus=True, environ=environ)
    assert capacity.gpus == names
    assert bool(capacity.gpu_problem) == (not names)
    assert capacity.slots == 3


@pytest.mark.slow
def test_nothing_is_started_where_a_job_needs_more_than_there_is(
    project: Project, add_profile: Add, runner: Runner
) -> None:
    path = add_profile(
        "jobs:\n  - {runbook: demo/one}\n  - {runbook: demo/two, resources: {cpus: 999}}"
    )
    ended = runner.run()
    assert ended.code == 2
    assert ended.output.count("\n") == 1
    assert f"{path}:3: job 'demo-two' needs 999 cpus" in ended.output
    assert list(project.outputs.iterdir()) == []


@pytest.mark.exhaustive
@pytest.mark.slow
def test_where_the_skip_is_allowed_it_is_named_and_the_rest_runs(
    add_profile: Add, runner: Runner
) -> None:
    add_profile(
        "jobs:\n  - {runbook: demo/one, id: big, resources: {memory_gb: 10000},"
        " allow_skips: [hardware]}\n  - {runbook: demo/two, id: after, needs: [big]}\n"
    )
    ended = runner.run()
    assert ended.code == 0, ended.output
    big = ended.outcome("big")
    assert (big["status"], big["allowed"]) == ("skipped", True)
    assert "needs 10000 memory_gb, found" in big["cause"]
    assert [check["name"] for check in ended.reported("big")["checks"]] == ["hardware"]
    assert ended.outcome("after")["status"] == "passed"


@pytest.mark.exhaustive
@pytest.mark.slow
def test_gpu_jobs_never_share_a_card_unless_they_declare_it(
    project: Project, add_runbook: Add, add_profile: Add, runner: Runner, smi: str
) -> None:
    seen = project.root / "seen"
    seen.mkdir()
    look = (
        "import os\nfrom pathlib import Path\n"
        f"card, seen = os.environ.get('CUDA_VISIBLE_DEVICES'), Path({str(seen)!r})\n"
        "held = seen / f'card-{card}'\nif whole: held.touch(exist_ok=False)"
    )
    leave = "import time; time.sleep(0.2)\nif whole: held.unlink()"
    note = "(seen / os.environ['PROOFBOOK_JOB']).write_text(repr(card))"
    add_runbook("demo/gpu", BEGIN, look, leave, note, PASS, parameters="whole: bool\nx: int = 0")
    add_profile(
        "jobs:\n"
        "  - {runbook: demo/gpu, id: whole, parameters: {whole: true}, matrix: {x: [1, 2, 3, 4]},"
        " resources: {gpus: 1}}\n"
        "  - {runbook: demo/gpu, id: share, parameters: {whole: false}, matrix: {x: [1, 2]},"
        " resources: {gpus: 0.5}}\n"
        "  - {runbook: demo/gpu, id: none, parameters: {whole: false}}\n"
    )
    runner.environment["PATH"] = f"{smi}:{os.environ['PATH']}"
    ended = runner.run("-j", "8")
    assert ended.code == 0, ended.output
    cards = {path.name: path.read_text() for path in seen.iterdir()}
    assert set(cards.values()) == {"'0'", "'1'", "''"}
    assert cards["none"] == "''"
    assert {cards[f"whole-{x}"] for x in range(1, 5)} == {"'0'", "'1'"}
