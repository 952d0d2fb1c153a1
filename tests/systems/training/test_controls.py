"""What two trainings that were left alone say of each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from proofbook_systems.training.controls import Control, _of_steps
from proofbook_systems.training.roles import Role
from proofbook_systems.training.running import Ended
from proofbook_systems.training.steps import Recognised, Step
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.trees import Comparison, Row, Status

SAVED = ", and later weights are the same: it was changed while it was saved"


def control(*rows: tuple[str, Status, Role]) -> Control:
    compared = [
        Row(place=place, role=role, status=status, words="w by 0.1") for place, status, role in rows
    ]
    trainer = Trainer(train=(), resume=(), config_file=None, project=Path(), steps=30)
    ended = Ended(code=0, state="exited with code 0", steps=[], printed="", seconds=1.0)
    return Control(
        trainer=trainer, output=Path(), ended=ended, comparison=Comparison(rows=compared)
    )


TORN: tuple[str, Status, Role] = ("checkpoint-20/model.safetensors", "differs", "weights")


@pytest.mark.parametrize("later", ["checkpoint-30/model.safetensors", "model.safetensors"])
def test_a_checkpoint_that_alone_differs_was_changed_while_it_was_saved(later: str) -> None:
    said = control(TORN, (later, "same", "weights")).not_repeatable
    assert said == f"two uninterrupted trainings differ: {TORN[0]}: w by 0.1{SAVED}"


@pytest.mark.parametrize(
    "rows",
    [
        [("checkpoint-10/model.safetensors", "same", "weights")],
        [("checkpoint-30/model.safetensors", "same", "optimizer")],
        [("checkpoint-30/model.safetensors", "differs", "weights")],
        [("checkpoint-30/model.safetensors", "same", "weights"),
         ("model.safetensors", "differs", "weights")],
        [("last.pt", "same", "weights")],
    ],
    ids=["only earlier ones are the same", "nothing learnt is", "nothing is", "the model is not",
         "one that is none of a step"],
)  # fmt: skip
def test_other_trainings_that_differ_are_not_blamed_on_saving(
    rows: list[tuple[str, Status, Role]],
) -> None:
    said = control(TORN, *rows).not_repeatable
    assert said.startswith("two uninterrupted trainings differ") and SAVED not in said


def test_losses_that_a_clock_draws_say_nothing_of_repeating(tmp_path: Path) -> None:
    def ended(loss: float, *, is_drawn: bool) -> Ended:
        found = Recognised(name="bar", place="what it prints", is_drawn=is_drawn)
        steps = [Step(1, 0.5, None), Step(2, loss, None)]
        return Ended(code=0, state="ended", steps=steps, printed="", seconds=1.0, recognised=found)

    for is_drawn in (True, False):
        departures = _of_steps(ended(0.4, is_drawn=is_drawn), ended(0.5, is_drawn=is_drawn))
        trainer = Trainer(train=(), resume=(), config_file=None, project=tmp_path, steps=2)
        control = Control(
            trainer=trainer, output=tmp_path, ended=ended(0.5, is_drawn=is_drawn),
            departures=departures,
        )  # fmt: skip
        assert bool(control.not_repeatable) is not is_drawn
        assert control.is_repeatable("loss") is False
        assert control.is_repeatable("learning rate")
