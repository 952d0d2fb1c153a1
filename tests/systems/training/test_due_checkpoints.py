"""When checkpoints are due: as given, as the config says, or as a command generates it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from proofbook.errors import SubjectError
from proofbook_systems.training.controls import Control
from proofbook_systems.training.due_checkpoints import Due, find_due, saved_steps
from proofbook_systems.training.layouts import Checkpoint
from proofbook_systems.training.numbering import Numbering
from proofbook_systems.training.trainer import Trainer

NOTHING: dict[str, Any] = {
    "given": [], "every": "", "schedule": "", "command": [], "total": 50, "saves_last": True,
    "timeout": 60.0,
}  # fmt: skip


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    path = tmp_path / "c.yaml"
    path.write_text("training: {every: 20, schedule: [3, 9, 70], none: null}\n")
    return Trainer(train=("t",), resume=("t",), config_file=path, project=tmp_path, steps=50)


@pytest.mark.parametrize(
    ("asked", "steps", "source"),
    [
        ({"given": [5, 10]}, (5, 10, 50), "checkpoint_steps"),
        ({"given": [5], "saves_last": False}, (5,), "checkpoint_steps"),
        ({"every": "20"}, (20, 40, 50), "every 20 steps"),
        ({"every": "training.every"}, (20, 40, 50), "every 20 steps, as training.every says"),
        ({"schedule": "training.schedule"}, (3, 9, 50), "training.schedule of the config"),
        ({"every": "training.none", "schedule": "training.none"}, (), ""),
    ],
)
def test_steps_are_found_with_their_source(
    trainer: Trainer, asked: dict[str, Any], steps: tuple[int, ...], source: str
) -> None:
    assert find_due(trainer, **{**NOTHING, **asked}) == Due(steps=steps, source=source)


def test_a_command_that_generates_them_is_asked(trainer: Trainer) -> None:
    words = [sys.executable, "-c", "print('Model [1]'); print('schedule: (2, 8, 50)')"]
    assert find_due(trainer, **{**NOTHING, "command": words}).steps == (2, 8, 50)


@pytest.mark.parametrize("code", ["print('nothing')", "raise SystemExit(3)"])
def test_a_command_that_tells_no_steps_is_an_error(trainer: Trainer, code: str) -> None:
    with pytest.raises(SubjectError, match="schedule_command"):
        find_due(trainer, **{**NOTHING, "command": [sys.executable, "-c", code]})


def test_what_is_missing_and_what_nobody_asked_for_are_told_apart() -> None:
    due = Due(steps=(10, 20, 50), source="x")
    assert due.missing([10, 25, 50]) == [20]
    assert due.unasked([10, 25, 50]) == [25]


def printing(steps: object, *words: str) -> list[str]:
    return [sys.executable, "-c", f"print('schedule: {steps}')", *words]


@pytest.mark.parametrize(
    ("command", "faults"),
    [
        (printing([2, 8, 50], "{steps}"), ()),
        (printing([2, 8, 60]), ()),
        (printing([2, 8]), ()),
        (printing([2, 8], "{steps}"), ("it ends with step 8, and the training with step 50",)),
        (printing([2, 8, 8, 50]), ("step 8 comes after step 8",)),
        (printing([0, 8, 50]), ("step 0 is none of the training",)),
        (printing([8, 60], "{steps}"), ("step 60 is beyond the last, 50",)),
    ],
    ids=["sound", "of a longer one", "of a shorter one", "no last", "twice", "none", "beyond"],
)
def test_a_generated_schedule_is_of_its_training(
    trainer: Trainer, command: list[str], faults: tuple[str, ...]
) -> None:
    assert find_due(trainer, **{**NOTHING, "command": command}).faults == faults


def test_a_schedule_may_leave_out_a_last_step_that_is_not_saved(trainer: Trainer) -> None:
    asked = {**NOTHING, "command": printing([2, 8], "{steps}"), "saves_last": False}
    assert find_due(trainer, **asked).faults == ()


def test_a_reference_in_a_command_is_looked_up(trainer: Trainer) -> None:
    with pytest.raises(SubjectError, match="reference:no-such-program"):
        find_due(trainer, **{**NOTHING, "command": ["{python}", "reference:no-such-program"]})


def test_a_checkpoint_without_a_number_has_the_step_that_it_records(tmp_path: Path) -> None:
    """As Lightning's last.ckpt, which is no checkpoint that nobody asked for."""
    torch.save({"global_step": 60}, tmp_path / "last.ckpt")
    torch.save({"weights": torch.ones(2)}, tmp_path / "other.ckpt")
    left = [Checkpoint(-1, tmp_path / "last.ckpt"), Checkpoint(-1, tmp_path / "other.ckpt"),
            Checkpoint(56, tmp_path / "step=56.ckpt")]  # fmt: skip
    control = SimpleNamespace(saved=[-1, 52, 56], checkpoints=left)
    written = saved_steps(cast(Control, control))
    assert written == [52, 56, 60]
    due = Due(steps=(52, 56, 60), source="every 4 steps")
    assert (due.missing(written), due.unasked(written)) == ([], [])
    assert due.missing([52, 60]) == [56]
    assert due.words([52]) == "every 4 steps: [52, 56, 60]; there were [52]"


@pytest.mark.parametrize(
    ("first", "stride", "last", "updates"), [(0, 1, 59, 60), (1, 1, 60, 60), (0, 10, 50, 50)]
)
def test_a_training_that_counts_from_0_has_made_one_update_more(
    first: int, stride: int, last: int, updates: int
) -> None:
    assert Numbering(first, stride).updates(last) == updates
