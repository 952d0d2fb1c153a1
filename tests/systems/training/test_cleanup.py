"""Which checkpoints stay where a trainer removes some."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from proofbook_systems.training.cleanup import keeps_oldest, why_left_out
from proofbook_systems.training.controls import Control
from proofbook_systems.training.diagnosis import _last_save_lost
from proofbook_systems.training.running import Ended
from proofbook_systems.training.saving import Change
from proofbook_systems.training.trainer import Trainer


def control(folder: Path, written: list[int], left: list[int]) -> Control:
    """Return a training that wrote some checkpoints, and left some of them."""
    for step in left:
        (folder / f"checkpoint-{step}").mkdir()
        (folder / f"checkpoint-{step}" / "model.safetensors").write_bytes(b"weights")
    changes = [Change(step, "closed", f"checkpoint-{step}/model.safetensors") for step in written]
    trainer = Trainer(train=(), resume=(), config_file=None, project=folder, steps=40)
    ended = Ended(code=0, state="exited with code 0", steps=[], printed="", seconds=1.0)
    return Control(trainer=trainer, output=folder, ended=ended, changes=changes)


def test_a_cleanup_that_keeps_the_oldest_is_named(tmp_path: Path) -> None:
    assert keeps_oldest(control(tmp_path, [10, 20, 30, 40], [10, 20])) == (
        "checkpoints 10, 20 stay, and 2 later ones up to 40 were removed: a crash costs all steps "
        "since 20"
    )


@pytest.mark.parametrize(
    ("written", "left"),
    [([10, 20, 30], [10, 20, 30]), ([10, 20, 30], [20, 30]), ([10, 20, 30], [20]), ([10], [10]),
     ([], [])],
    ids=["all stay", "the newest stay", "the best stays", "one", "none"],
)  # fmt: skip
def test_other_checkpoints_may_stay(tmp_path: Path, written: list[int], left: list[int]) -> None:
    assert keeps_oldest(control(tmp_path, written, left)) == ""


def test_a_file_without_a_number_may_hold_the_newest(tmp_path: Path) -> None:
    seen = control(tmp_path, [10, 20, 30, 40], [10])
    torch.save({"step": 40}, tmp_path / "last.pt")
    assert keeps_oldest(seen) == ""
    torch.save({"step": 10}, tmp_path / "last.pt")
    assert "checkpoints 10 stay" in keeps_oldest(seen)


@pytest.mark.parametrize(
    ("record", "is_best"),
    [({"best_model_checkpoint": "out/checkpoint-10"}, True), ({"best": {"step": 10}}, True),
     ({"best_model_checkpoint": None, "best_metric": 0.5, "step": 10}, False),
     ({"best_step": 30}, False)],
)  # fmt: skip
def test_the_oldest_may_be_the_best(
    record: dict[str, object], is_best: bool, tmp_path: Path
) -> None:
    seen = control(tmp_path, [10, 20, 30, 40], [10])
    (tmp_path / "trainer_state.json").write_text(json.dumps(record))
    assert (keeps_oldest(seen) == "") == is_best


@pytest.mark.parametrize(
    ("states", "every", "words"),
    [
        ({"callbacks": {"best_k_models": {"a.ckpt": 1.0}}}, 0, "best_k_models is recorded"),
        ({"best_val_loss": torch.tensor(1.5)}, 0, "there was none at 20, 40"),
        ({"best_val_loss": torch.tensor(1.5)}, 10, ""),
        ({"best_model_checkpoint": None}, 0, ""),
        ({"step": 40}, 0, ""),
    ],
)
def test_who_keeps_the_best_may_leave_saves_out(
    states: dict[str, Any], every: int, words: str, tmp_path: Path
) -> None:
    """As Lightning's save_top_k and nanoGPT do, unless a distance is given."""
    torch.save(states, tmp_path / "ckpt.pt")
    said = why_left_out([20, 40], every, tmp_path)
    assert words in said
    assert bool(said) == bool(words)
    assert why_left_out([], every, tmp_path) == ""


@pytest.mark.parametrize(
    ("left", "words"),
    [([20, 30], "checkpoint 40, the last one, was not written after resuming, and "),
     ([30, 40], ""), ([40, 50], "")],
)  # fmt: skip
def test_a_last_save_that_a_resumption_lacks_is_named(
    left: list[int], words: str, tmp_path: Path
) -> None:
    for name in ("alone", "out"):
        (tmp_path / name).mkdir()
    alone = control(tmp_path / "alone", [30, 40], [30, 40])
    control(tmp_path / "out", left, left)
    assert _last_save_lost(alone, tmp_path / "out") == words
