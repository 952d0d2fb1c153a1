"""The training runbooks are green on a sound trainer, and each check goes red on a broken one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.slow

TOY = Path(__file__).parents[1] / "training" / "toy_trainer.py"
FILES = ["model.safetensors", "optimizer.safetensors"]


@pytest.fixture
def run(run_cells: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Return a function that runs a runbook on the toy trainer, with faults."""
    config = tmp_path / "toy.yaml"
    config.write_text(yaml.safe_dump({"anything": 1}))

    def go(runbook: str, *faults: str, steps: int = 24, **parameters: Any) -> Any:
        words = [sys.executable, str(TOY), "{output_dir}", "{steps}"]
        given = {
            "config": str(config), "train_command": [*words, *faults], "steps": steps,
            "resume_command": [*words, "--resume", *faults], "checkpoint_files": FILES,
            "log_file": "log.jsonl", "timeout": 20.0, **parameters,
        }  # fmt: skip
        return run_cells(f"dreambooth/{runbook}", **given)

    return go


TRAIN = {"validation_every": 0, "class_images": 0, "steps": 40, "memory_growth": 5.0}


def test_a_sound_training_is_green(run: Callable[..., Any]) -> None:
    found = run("train", **TRAIN)
    assert found.error is None
    assert found.red == []


@pytest.mark.parametrize(
    ("faults", "parameters", "red"),
    [
        (["flat"], {}, ["loss-falls"]),
        (["leak"], {}, ["no-memory-growth"]),
        (["lazy"], {}, ["checkpoints-when-due"]),
        (["modelless"], {}, ["model-is-there", "model-info"]),
        ([], {"checkpoint_files": [*FILES, "scaler.pt"]}, ["checkpoints-have-their-files"]),
        ([], {"validation_every": 20}, ["validations-when-due"]),
        ([], {"class_images": 4}, ["class-images"]),
        ([], {"gpu": True}, ["gpu-used"]),
        ([], {"log_file": "none.jsonl", "resume_command": ["x"]}, []),
    ],
)
def test_a_broken_training_is_red(
    run: Callable[..., Any], faults: list[str], parameters: dict[str, Any], red: list[str]
) -> None:
    assert run("train", *faults, **{**TRAIN, **parameters}).red == red


def test_a_training_that_fails_has_the_checklists_advice(run: Callable[..., Any]) -> None:
    words = "import sys; print('CUDA out of memory'); sys.exit(1)"
    found = run("train", **{**TRAIN, "train_command": [sys.executable, "-c", words]})
    assert found.red == ["ends-well"]
    assert "gradient_checkpointing: true" in found.checks["ends-well"].why


def test_a_trainer_that_says_nothing_is_one_line(run: Callable[..., Any]) -> None:
    found = run("train", "mute", **{**TRAIN, "timeout": 0.5})
    assert str(found.error).startswith("the trainer said nothing for 0.5 s, last at step 0; see")


PLAN = {"interruptions": ["SIGINT after 7", "SIGKILL after 16"]}


def test_an_exact_resumption_is_green(run: Callable[..., Any]) -> None:
    found = run("resume", **PLAN)
    assert found.error is None
    assert found.red == []
    assert found.checks["same-loss"].actual == "the same"


def test_a_resumption_that_drifts_is_named_where_it_departs(run: Callable[..., Any]) -> None:
    found = run("resume", "drift", **PLAN)
    assert set(found.red) >= {"same-loss", "same-checkpoint-20-model.safetensors"}
    assert str(found.checks["same-loss"].actual).startswith("loss departs at step ")
    assert found.checks["same-learning-rate"].status == "passed"


@pytest.mark.parametrize(
    ("faults", "red"),
    [
        (["forgetful"], {"cycle-1-lost", "cycle-2-lost"}),
        (["impolite"], {"cycle-1-ends-as-asked"}),
        (["litter", "slow-save"], {"no-half-checkpoint"}),
    ],
)
def test_a_resumption_that_goes_wrong_is_red(
    run: Callable[..., Any], faults: list[str], red: set[str]
) -> None:
    plan = ["SIGKILL in 10", "SIGINT after 16"] if "litter" in faults else PLAN["interruptions"]
    found = run("resume", *faults, interruptions=plan)
    assert red <= set(found.red)


def test_sound_checkpoints_are_green_and_all_corruptions_are_found(run: Callable[..., Any]) -> None:
    found = run("checkpoints", smallest=0.0001)
    assert found.error is None
    assert found.red == []


def test_a_trainer_that_writes_no_hashes_cannot_have_all_corruptions_found(
    run: Callable[..., Any],
) -> None:
    found = run("checkpoints", "unsealed", smallest=0.0001)
    assert found.red == ["corruptions-found"]
    assert "model.safetensors zeroed" in str(found.checks["corruptions-found"].actual)
    skipped = run("checkpoints", "unsealed", smallest=0.0001, corruptions=0)
    assert skipped.red == []
    assert skipped.checks["corruptions-found"].status == "skipped"


def test_checkpoints_that_are_not_as_they_should_be_are_red(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    assert "some-are-there" in run("checkpoints", "lazy", steps=5).red
    sizes = run("checkpoints", smallest=5.0).red
    assert sizes == ["checkpoint-10-size", "checkpoint-20-size"]
    whole = run("checkpoints", smallest=0.0, checkpoint_files=[*FILES, "scheduler.bin"])
    assert whole.red == ["checkpoint-10-sound", "checkpoint-20-sound"]
