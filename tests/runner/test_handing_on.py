"""Jobs of a run hand values and files on, and none starts with what is not there or not right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from running import BEGIN, Runner

pytestmark = pytest.mark.slow

Add = Callable[..., Path]
MAKE = (
    "from pathlib import Path\nPath('model').mkdir()\nPath('model/w.bin').write_bytes(b'12345')\n"
    "checks.output('model', Path('model'))\nchecks.output('best', {'step': 7, 'loss': [0.5]})\n"
    "checks.output('steps', 7)"
)
FINISH = "checks.expect('one', True)\nchecks.finish()"
USE = (
    "from pathlib import Path\nweights = Path(model, 'w.bin').read_bytes()\n"
    "checks.expect('model', weights, b'12345')\n"
    "checks.expect('best', best, {'step': 7, 'loss': [0.5]})\nchecks.expect('steps', steps, 7.0)\n"
    "checks.expect('note', note, 'at 7')"
)
PARAMETERS = 'model: str = ""\nbest: dict = {}\nsteps: float = 0.0\nnote: str = ""'
PROFILE = """
jobs:
  - runbook: demo/use
    id: use
    parameters:
      model: ${{ jobs.make.outputs.model }}
      best: ${{ jobs.make.outputs.best }}
      steps: ${{ jobs.make.outputs.steps }}
      note: at ${{ jobs.make.outputs.steps }}
  - {runbook: demo/make, id: make}
"""


@pytest.mark.exhaustive
def test_values_and_paths_reach_the_job_that_names_them(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    add_runbook("demo/make", BEGIN, MAKE, FINISH)
    add_runbook("demo/use", BEGIN, USE, FINISH, parameters=PARAMETERS)
    add_profile(PROFILE)
    ended = runner.run("demo/use")
    assert ended.code == 0, ended.output
    model = str(ended.folder / "jobs/make/work/model")
    assert ended.outcome("use")["resolved"] == {
        "model": model,
        "best": {"step": 7, "loss": [0.5]},
        "steps": 7.0,
        "note": "at 7",
    }
    info = json.loads((ended.folder / "run.json").read_text())
    planned = next(job for job in info["plan"] if job["id"] == "use")
    assert planned["parameters"]["model"] == "${{ jobs.make.outputs.model }}"
    assert planned["needs"] == ["make"]


@pytest.mark.exhaustive
def test_a_job_does_not_start_without_what_it_needs(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    add_runbook("demo/make", BEGIN, MAKE, FINISH)
    add_runbook(
        "demo/maybe",
        BEGIN,
        "if made: checks.output('late', 'text')\nif skipped: checks.skip('all', reason='no GPU')\n"
        "else: checks.expect('one', True)\nchecks.finish()",
        parameters="made: bool = True\nskipped: bool = False",
    )
    spoil = "from pathlib import Path\nPath(model, 'w.bin').write_bytes(b'54321')"
    add_runbook("demo/spoil", BEGIN, spoil, FINISH, parameters="model: str")
    add_runbook("demo/use", BEGIN, FINISH, parameters=PARAMETERS)
    entry = "  - {{runbook: demo/use, id: {}, needs: [{}], parameters: {{{}}}}}\n"
    model = "model: '${{ jobs.make.outputs.model }}'"
    add_profile(
        "jobs:\n  - {runbook: demo/make, id: make}\n"
        "  - {runbook: demo/maybe, id: without, parameters: {made: false}}\n"
        "  - {runbook: demo/maybe, id: skipped, parameters: {skipped: true}, allow_skips: [all]}\n"
        "  - {runbook: demo/maybe, id: text}\n"
        f"  - {{runbook: demo/spoil, id: spoil, parameters: {{{model}}}}}\n"
        + entry.format("a", "", "model: '${{ jobs.without.outputs.late }}'")
        + entry.format("b", "", "model: '${{ jobs.skipped.outputs.late }}'")
        + entry.format("c", "", "steps: '${{ jobs.text.outputs.late }}'")
        + entry.format("d", "spoil", model)
    )
    ended = runner.run()
    assert ended.code == 3, ended.output
    results = {name: ended.outcome(name) for name in "abcd"}
    assert {name: result["status"] for name, result in results.items()} == {
        "a": "skipped",
        "b": "skipped",
        "c": "error",
        "d": "skipped",
    }
    folder = ended.folder / "jobs/make/work/model"
    assert {name: result["cause"] for name, result in results.items()} == {
        "a": "needs output late of without, which was not made",
        "b": "needs output late of skipped, which was not made",
        "c": "parameter 'steps' must be float, found str 'text', "
        "from ${{ jobs.text.outputs.late }}",
        "d": f"needs output model of make, but {folder} has other bytes than were recorded",
    }
    assert not any(result["allowed"] for result in results.values())
    assert not any((ended.folder / "jobs" / name / "notebook.ipynb").exists() for name in "abcd")


@pytest.mark.exhaustive
def test_resume_hands_on_what_is_kept_and_makes_again_what_is_lost(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    add_runbook("demo/make", BEGIN, MAKE, FINISH)
    add_runbook("demo/use", BEGIN, "assert False", FINISH, parameters=PARAMETERS)
    add_profile(PROFILE)
    first = runner.run()
    assert first.outcome("use")["status"] == "error"
    made = first.outcome("make")["started"]

    add_runbook("demo/use", BEGIN, USE, FINISH, parameters=PARAMETERS)
    second = runner.run("--resume", "latest")
    assert second.code == 0, second.output
    assert second.outcome("make")["started"] == made
    used = second.outcome("use")["started"]

    add_runbook("demo/make", BEGIN, MAKE, "x = 1", FINISH)
    third = runner.run("--resume", "latest")
    assert third.code == 0, third.output
    made_again = third.outcome("make")["started"]
    assert made_again > made
    assert third.outcome("use")["started"] > used

    (third.folder / "jobs/make/work/model/w.bin").unlink()
    add_runbook("demo/use", BEGIN, "x = 1", USE, FINISH, parameters=PARAMETERS)
    fourth = runner.run("--resume", "latest")
    assert fourth.code == 0, fourth.output
    assert fourth.outcome("make")["started"] > made_again


def test_what_a_machine_lacks_is_the_reason_before_an_output_that_is_missing(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    add_runbook("demo/make", BEGIN, MAKE, FINISH)
    add_runbook("demo/use", BEGIN, USE, FINISH, parameters=PARAMETERS)
    lacks = "resources: {gpus: 99}, allow_skips: [hardware]"
    add_profile(
        f"jobs:\n  - {{runbook: demo/make, id: make, {lacks}}}\n"
        f"  - {{runbook: demo/use, id: use, {lacks}, "
        "parameters: {model: '${{ jobs.make.outputs.model }}'}}\n"
        "  - {runbook: demo/make, id: other}\n"
    )
    ended = runner.run()
    assert ended.code == 0, ended.output
    outcomes = [ended.outcome(name) for name in ("make", "use")]
    assert [(each["status"], each["allowed"]) for each in outcomes] == [("skipped", True)] * 2
