"""Does a changed setting change anything: bars, clocks, trainers that differ anyway."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.training.effects import find_effect, judge_change
from proofbook_systems.training.running import Ended, run_training
from proofbook_systems.training.steps import Recognised, Step
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.trials import Trials
from proofbook_systems.training.variants import vary

_LOG = Recognised(name="lines", place="log.jsonl")
_BAR = Recognised(name="progress bar", place="what it prints")
_DRAWN = replace(_BAR, is_drawn=True)
_TRAINER = """
import argparse, os, time
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=0.1)
p.add_argument("--batch", type=int, default=1)
p.add_argument("--width", type=int, default=8)
p.add_argument("--out")
p.add_argument("--seedless", action="store_true")
a = p.parse_args()
chance = int.from_bytes(os.urandom(4), "big") / 2**32 if a.seedless else 0.5
for step in range(1, 5):
    print(f"iter {step}: loss {3 - a.lr * step + chance:.6f}", flush=True)
"""


def _ended(steps: list[Step], recognised: Recognised = _LOG) -> Ended:
    return Ended(code=0, state="exited with code 0", steps=steps, recognised=recognised, printed="",
                 seconds=1.0)  # fmt: skip


def _losses(*losses: float | None, lr: float | None = None) -> list[Step]:
    return [Step(number, loss, lr) for number, loss in enumerate(losses, 1)]


def _trainer(folder: Path, *words: str) -> Trainer:
    program = folder / "trainer.py"
    program.write_text(_TRAINER)
    command = (sys.executable, "-S", str(program), "--out", "{output_dir}", *words)
    return Trainer(train=command, resume=command, config_file=None, project=folder, steps=0)


def test_other_loss_of_a_step_is_an_effect() -> None:
    effect = find_effect(_ended(_losses(3.0, 2.9)), _ended(_losses(3.0, 2.8, 2.7)))

    assert effect.words.startswith("loss departs at step 2, by 0.1")


def test_same_losses_show_no_effect() -> None:
    effect = find_effect(_ended(_losses(3.0, 2.9)), _ended(_losses(3.0, 2.9, 2.7)))

    assert effect == ("", "")


def test_losses_that_a_clock_draws_show_no_effect() -> None:
    before, after = _ended(_losses(3.0, 2.9), _DRAWN), _ended(_losses(3.0, 3.0, 2.9), _DRAWN)

    effect = find_effect(before, after)

    assert effect.words == ""
    assert "a clock draws the losses" in effect.why_unknown


def test_rates_beside_a_bar_that_a_clock_draws_are_compared() -> None:
    before, after = (_ended(_losses(3.0, 2.9, lr=lr), _DRAWN) for lr in (0.1, 0.2))

    assert find_effect(before, after).words.startswith("learning rate departs at step 1")


def test_steps_that_a_bar_left_out_show_no_effect() -> None:
    quick = _ended([Step(1, 3.0, None), Step(4, 2.7, None)], _BAR)

    assert find_effect(_ended(_losses(3.0, 2.9, 2.8, 2.7), _BAR), quick) == ("", "")


def test_steps_that_a_log_leaves_out_are_an_effect() -> None:
    seldom = _ended([Step(1, 3.0, None), Step(4, 2.7, None)])

    assert find_effect(_ended(_losses(3.0, 2.9, 2.8, 2.7)), seldom).words.startswith(
        "step sequence"
    )


def test_what_differs_without_the_change_is_no_effect() -> None:
    before, again = _ended(_losses(3.0, 2.9)), _ended(_losses(3.1, 2.9))

    effect = find_effect(before, _ended(_losses(3.2, 2.9)), again)

    assert effect.words == ""
    assert effect.why_unknown.startswith(
        "two unchanged trainings differ, too: loss departs at step 1"
    )


def test_rate_is_an_effect_where_losses_differ_anyway() -> None:
    before, again = _ended(_losses(3.0, lr=0.1)), _ended(_losses(3.1, lr=0.1))

    effect = find_effect(before, _ended(_losses(3.2, lr=0.2)), again)

    assert effect.words.startswith("learning rate departs")


def test_no_common_step_is_unknown() -> None:
    effect = find_effect(_ended([Step(1, 3.0, None)]), _ended([Step(7, 3.0, None)]))

    assert "no step is told by" in effect.why_unknown


def test_steps_without_values_are_unknown() -> None:
    effect = find_effect(_ended(_losses(None, None)), _ended(_losses(None, None)))

    assert effect.why_unknown == "no loss and no learning rate is told"


@pytest.mark.parametrize(("change", "shows"), [("--lr=", True), ("--width=", False)])
def test_option_of_a_command_line_is_changed(tmp_path: Path, change: str, shows: bool) -> None:
    trainer = _trainer(tmp_path)
    changed = run_training(vary(trainer, {change: "2"}, tmp_path), tmp_path / "model", 60)

    effect = judge_change(trainer, changed, tmp_path, 3, 60)

    assert (bool(effect.words), effect.why_unknown) == (shows, "")


def test_ignored_setting_of_a_trainer_without_a_seed_is_not_called_an_effect(
    tmp_path: Path,
) -> None:
    trainer = _trainer(tmp_path, "--seedless")
    changed = run_training(vary(trainer, {"--width=": "2"}, tmp_path), tmp_path / "model", 60)

    effect = judge_change(trainer, changed, tmp_path, 3, 60)

    assert effect.words == ""
    assert effect.why_unknown.endswith("give a seed")


def test_batch_is_tried_by_an_option(tmp_path: Path) -> None:
    trials = Trials(trainer=_trainer(tmp_path), key="--batch=", folder=tmp_path / "t", timeout=60)

    assert trials.fits(4)


def test_key_without_a_config_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(
        SubjectError, match="a change of lr needs; give an option of its command line"
    ):
        vary(_trainer(tmp_path), {"lr": "1"}, tmp_path)
