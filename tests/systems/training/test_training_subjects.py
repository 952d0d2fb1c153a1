"""A changed configuration is trained as it stands; subjects that are not there are one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from proofbook.configs import TimeBounded
from proofbook.errors import SubjectError
from proofbook.notebooks import read_runbook
from proofbook_systems.training.config import (
    RUNBOOKS,
    MemoryConfig,
    ThroughputConfig,
    TrainerConfig,
)
from proofbook_systems.training.subject import find_command, find_trained, find_trainer
from proofbook_systems.training.trainer import Trainer

TOY = Path(__file__).with_name("toy_trainer.py")


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., TrainerConfig]:
    """Return a function that makes a runbook's parameters, with a config that exists."""
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump({"learning_rate": 0.1, "kept": True}))
    words = [sys.executable, str(TOY), "{output_dir}", "{steps}", "{config}"]
    usual = {
        "config_file": str(tmp_path / "toy.yaml"), "project": "", "train_command": words,
        "resume_command": words, "config_keys": {}, "environment": {}, "steps": 3,
        "checkpoints": "checkpoint-*", "checkpoint_files": [], "log_file": "", "log_pattern": "",
        "timeout": 9.0, "output_dir": "",
    }  # fmt: skip
    return lambda **changes: TrainerConfig.model_validate({**usual, **changes})


@pytest.mark.parametrize(
    ("runbook", "given", "starts"),
    [
        ("train", {}, 1),
        ("resume", {"interruptions": ["SIGKILL in 80 %"], "probes": 0}, 3 + 4 * 2),
        ("resume", {"interruptions": ["SIGKILL in 80 %"], "probes": 5}, 3 + 4 * 2 + 9),
        ("resume", {"interruptions": ["SIGKILL in 8"], "probes": 0, "trained": "/a"}, 2 + 4 * 2),
        ("checkpoints", {}, 1),
        ("checkpoints", {"trained": "/a"}, 0),
        ("configurations", {}, 3),
        ("configurations", {"compared_steps": 0}, 1),
        ("memory", {"first_batch": 1, "largest_batch": 8, "cycles": 1}, 2 + 3 + 3 + 4 * 2),
        ("memory", {"first_batch": 8, "largest_batch": 8, "cycles": 1, "limit_above_batch": 8},
         2 + 0 + 3 + 6 + 4 * 2),
        ("throughput", {}, 1),
        ("throughput", {"record": "/a"}, 0),
    ],
)  # fmt: skip
def test_a_job_may_take_as_long_as_all_its_starts(
    runbook: str, given: dict[str, Any], starts: int
) -> None:
    path = Path(__file__).parents[3] / "runbooks" / "training" / f"{runbook}.ipynb"
    usual = {name: each.default for name, each in read_runbook(path).parameters.items()}
    model = RUNBOOKS[runbook].model_validate({**usual, **given, "timeout": 1000.0})
    assert isinstance(model, TimeBounded)
    assert 1000 * starts < model.longest_seconds() < 1000 * (starts + 1)


@pytest.mark.exhaustive
def test_a_changed_configuration_is_trained(run_toy: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump({"learning_rate": 0.1, "kept": True}))
    usual = {"checkpoint_files": ["model.safetensors"], "changes": {"learning_rate": "5e-6"}}
    done = run_toy("configurations", **usual)
    assert done.red == []
    work = tmp_path / "job" / "work"
    changed = yaml.safe_load((work / "toy_changed.yaml").read_text())
    assert changed == {"learning_rate": 5e-6, "kept": True}
    (work / "model" / "model_index.json").unlink()
    usual["final_files"] = ["model_index.json"]
    assert run_toy("configurations", "modelless", **usual).red == ["model-is-there"]


@pytest.mark.exhaustive
def test_a_change_that_is_ignored_is_told(run_toy: Callable[..., Any]) -> None:
    later = run_toy("configurations", changes={"resolution": "64"}, compared_steps=0)
    assert (later.red, "change-has-an-effect" in later.checks) == ([], False)
    done = run_toy("configurations", changes={"resolution": "64"})
    assert done.red == ["change-has-an-effect"]
    why = done.checks["change-has-an-effect"].why
    assert why == "with resolution=64 the first 3 steps are the same"


def test_a_project_is_that_of_the_config_unless_another_is_given(
    configure: Callable[..., TrainerConfig], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    assert find_trainer(configure(), tmp_path).project == tmp_path
    other = str(tmp_path / "other")
    assert find_trainer(configure(project=other), tmp_path).project == tmp_path / "other"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"config_file": "gone.yaml"},
            r"^config_file gone\.yaml does not exist; give the trainer'",
        ),
        ({"project": "none"}, r"^project none does not exist; give the folder "),
        (
            {"config_file": "reference:none"},
            r"^there is no reference:none for training.config_file",
        ),
        (
            {"train_command": ["reference:none"]},
            r"^there is no reference:none for training.command",
        ),
    ],
)
def test_subjects_that_are_not_there_are_one_line(
    configure: Callable[..., TrainerConfig], tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SubjectError, match=problem):
        find_trainer(configure(**changes), tmp_path)


def test_a_training_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        SubjectError, match=r"^trained \S+none does not exist; give the output fold"
    ):
        find_trained(str(tmp_path / "none"))
    assert find_trained(str(tmp_path)) == tmp_path
    assert find_command(["{python}", "x"]) == ("{python}", "x")


def test_a_config_that_is_not_a_mapping_is_one_line(
    configure: Callable[..., TrainerConfig], tmp_path: Path
) -> None:
    (tmp_path / "toy.yaml").write_text("- 1\n")
    with pytest.raises(SubjectError, match="is not a mapping of keys to values"):
        find_trainer(configure(), tmp_path).with_changes({}, tmp_path)


def test_a_key_with_dots_leads_to_its_section(tmp_path: Path) -> None:
    """A config that has keys with dots keeps them, and one without the section gets the key."""
    config = tmp_path / "c.yaml"
    config.write_text("training:\n  steps: 5\n  rate: 1\noptimizer.lr: 2\n")
    command = ("{python}", "t.py", "{config}", "{output_dir}")
    trainer = Trainer(train=command, resume=command, config_file=config, project=tmp_path, steps=0)
    changes = {"training.rate": "3", "training.new.x": "6", "optimizer.lr": "4", "other.key": "5"}
    changed = trainer.with_changes(changes, tmp_path / "changed").config_file
    assert changed is not None
    assert yaml.safe_load(changed.read_text()) == {
        "training": {"steps": 5, "rate": 3, "new": {"x": 6}},
        "optimizer.lr": 4, "other.key": 5}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "steps", "refused"),
    [
        (MemoryConfig, 0, False),
        (MemoryConfig, 1, True),
        (MemoryConfig, 2, False),
        (ThroughputConfig, 0, False),
        (ThroughputConfig, 3, True),
        (ThroughputConfig, -1, True),
    ],
)
def test_steps_may_be_left_to_the_trainer_and_are_otherwise_enough(
    config: type[TrainerConfig], steps: int, refused: bool
) -> None:
    with pytest.raises(ValidationError) as raised:
        config.model_validate({"steps": steps})
    assert any(each["loc"] == ("steps",) for each in raised.value.errors()) is refused
