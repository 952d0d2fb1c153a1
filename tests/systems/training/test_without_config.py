"""A trainer without a config: what is a key of one is asked for, and nothing breaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.training.config import TrainerConfig
from proofbook_systems.training.pipelines import plan_rates, why_no_plan
from proofbook_systems.training.subject import find_trainer
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.variants import possible_changes, vary

KEY, RATE = "training.lr_scheduler", "training.learning_rate"


@pytest.fixture
def bare(tmp_path: Path) -> Trainer:
    return Trainer(
        project=tmp_path, train=("python", "train.py"), resume=("python", "train.py"),
        config_file=None, config_keys={}, environment={}, steps=10, checkpoints="",
    )  # fmt: skip


@pytest.fixture
def configured(bare: Trainer, tmp_path: Path) -> Trainer:
    path = tmp_path / "config.yaml"
    path.write_text("training: {lr_scheduler: linear, learning_rate: 0.1}\nlr: {}\n")
    return replace(bare, config_file=path)


def plan(trainer: Trainer, schedule: str, peak: str) -> object:
    return plan_rates(trainer, schedule=schedule, peak=peak, warmup="", floor=0.0, total=10)


@pytest.mark.parametrize(
    ("schedule", "peak", "words"),
    [
        ("", RATE, "lr_schedule is not given"),
        (KEY, RATE, "give lr_schedule as constant, constant_with_warmup, linear or cosine"),
        ("polynomial", "0.1", "give lr_schedule as"),
        ("cosine", RATE, "give learning_rate as a number"),
    ],
)
def test_rates_that_nobody_promised_are_asked_for(
    bare: Trainer, schedule: str, peak: str, words: str
) -> None:
    assert plan(bare, schedule, peak) is None
    assert words.partition(" as ")[0] in why_no_plan(bare, schedule, peak)


def test_rates_that_are_given_need_no_config(bare: Trainer) -> None:
    found = plan_rates(bare, schedule="cosine", peak="2e-3", warmup="8", floor=0.1, total=80)
    assert found is not None
    assert (found.schedule, found.peak, found.warmup) == ("cosine", 2e-3, 8)


def test_a_config_that_lacks_its_key_is_a_mistake(configured: Trainer) -> None:
    assert plan(configured, KEY, RATE) is not None
    with pytest.raises(SubjectError, match="give one of constant"):
        plan(configured, "training.scheduler", RATE)


def test_changes_of_keys_without_a_config_are_told_and_not_made(bare: Trainer) -> None:
    changes = {"split": {"--accum=": "2"}, "half": {"training.use_amp": "true"}, "overflow": {}}
    tries, lacking = possible_changes(bare, {}, changes)
    assert tries == {"whole": {}, "split": {"--accum=": "2"}}
    assert list(lacking) == ["sixteen-bits"]
    assert "--use_amp" in lacking["sixteen-bits"]
    for settings in tries.values():
        assert vary(bare, settings, bare.project).config_file is None


def test_what_all_trials_have_must_be_possible_too(bare: Trainer, configured: Trainer) -> None:
    common, changes = {"model.dropout": "0"}, {"split": {"--accum=": "2"}}
    tries, lacking = possible_changes(bare, common, changes)
    assert (tries, list(lacking)) == ({}, ["passes-add-up"])
    assert possible_changes(configured, common, changes) == (
        {"whole": common, "split": {**common, **changes["split"]}},
        {},
    )


def trainer_of(project: Path, train: list[str], resume: list[str], config_file: str) -> Trainer:
    given = SimpleNamespace(
        project=str(project), config_file=config_file, train_command=train, resume_command=resume,
        steps=10, checkpoints="", checkpoint_files=[], config_keys={}, log_file="", log_pattern="",
        environment={},
    )  # fmt: skip
    return find_trainer(cast(TrainerConfig, given), project / "records")


def test_a_reference_resumption_gives_a_trainer_no_config_of_the_reference(tmp_path: Path) -> None:
    """Only the first command was given: the other one is still the reference's."""
    resume = ["{python}", "reference:butcher.py", "--config", "{config}"]
    found = trainer_of(tmp_path, ["python", "train.py"], resume[:1] + resume[2:], "reference:none")
    assert found.config_file is None
    own = tmp_path / "own.yaml"
    own.write_text("a: 1\n")
    with_own = trainer_of(tmp_path, ["python", "t.py"], ["python", "{config}"], str(own))
    assert with_own.config_file == own
