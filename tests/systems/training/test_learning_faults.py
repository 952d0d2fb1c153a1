"""Why a training does not learn is named; what is frozen on purpose is asked about, not blamed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from proofbook_systems.training.learning_faults import Learning, find_learning
from proofbook_systems.training.steps import Step

STEPS = (10, 20, 30)
Values = dict[str, torch.Tensor]
Change = Callable[[int, Values], None]


def values_at(step: int) -> Values:
    """Return the weights after a step: all of them change."""
    made = torch.Generator().manual_seed(step)
    return {
        "embed.weight": torch.randn(8, 4, generator=made),
        "layers.0.weight": torch.randn(4, 4, generator=made),
        "layers.1.weight": torch.randn(4, 4, generator=made),
        "norm.weight": torch.randn(4, generator=made),
        "attn.mask": torch.full((4, 4), -torch.inf).triu(1),
    }


def optimizer_of(values: Values, *, lr: float = 1e-3, without: Sequence[str] = (), **more: Any
                 ) -> dict[str, Any]:  # fmt: skip
    """Return Adam's state of the weights; those without a gradient have none."""
    first, second = more.get("moments", ("exp_avg", "exp_avg_sq"))
    foreign, scale = more.get("foreign", ()), more.get("scale", {})
    names = [name for name in values if "mask" not in name and name not in foreign]
    state = {
        place: {
            "step": torch.tensor(9.0), first: values[name] * scale.get(name, 1),
            second: values[name].square() * scale.get(name, 1),
        }
        for place, name in enumerate(names) if name not in without
    }  # fmt: skip
    group = {"lr": lr, "betas": (0.9, 0.999), "params": list(range(len(names)))}
    return {"state": state, "param_groups": [group]}


def train(
    folder: Path, change: Change = lambda step, values: None, *, lr: float = 1e-3,
    rates: Sequence[float | None] = (), losses: Sequence[float] = (),
    frozen: Sequence[str] = (), steps: Sequence[int] = STEPS, optimizer: bool = True, **more: Any,
) -> Learning:  # fmt: skip
    """Write the checkpoints of a training, and judge it."""
    for step in steps:
        values = values_at(step)
        change(step, values)
        place = folder / f"checkpoint-{step}"
        place.mkdir()
        save_file(values, place / "model.safetensors")
        if optimizer:
            torch.save(optimizer_of(values_at(step), lr=lr, **more), place / "optimizer.pt")
    told = losses or [4 - step / 10 for step in range(1, 31)]
    rated = rates or [None] * len(told)
    written = [Step(number, loss, rate)
               for number, (loss, rate) in enumerate(zip(told, rated, strict=True), 1)]  # fmt: skip
    return find_learning(written, folder, "", frozen)


def keep(*names: str) -> Change:
    """Return a change that leaves these weights as they were in the beginning."""

    def change(step: int, values: Values) -> None:
        values.update({name: values_at(0)[name] for name in names or values})

    return change


def test_a_right_training_is_not_blamed(tmp_path: Path) -> None:
    right = train(tmp_path)
    assert (right.finding, right.question, right.why_unknown) == ("", "", "")
    assert right.words == "4 of 5 weights change over checkpoint 10, checkpoint 20, checkpoint 30"


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        ({"rates": [0.0] * 30, "lr": 0.0}, "the learning rate is 0 in all 30 steps that tell it"),
        ({"lr": 0.0}, "the learning rate in their optimizers is 0"),
        ({"without": list(values_at(0))}, "no gradient has reached the parameters that it has"),
        ({"scale": dict.fromkeys(values_at(0), 0)}, "moments are all 0"),
        ({}, "it has a copy of them"),
        ({"optimizer": False}, "no update reaches them"),
    ],
)
def test_a_training_that_changes_nothing_is_named_with_its_cause(
    tmp_path: Path, more: dict[str, Any], cause: str
) -> None:
    found = train(tmp_path, keep(), **more).finding
    assert found.startswith("all 5 weights are the same in checkpoint 10 and checkpoint 30")
    assert cause in found


def test_weights_whose_updates_go_to_a_copy_are_named(tmp_path: Path) -> None:
    found = train(tmp_path, keep("layers.1.weight")).finding
    assert found.startswith("layers.1.weight never changes, and the optimizer makes updates there")


def test_weights_that_no_gradient_reaches_are_named(tmp_path: Path) -> None:
    found = train(tmp_path, keep("embed.weight"), scale={"embed.weight": 0}).finding
    assert "reached 1 of the 4 parameters" in found
    assert "embed.weight: they are cut off from the loss" in found


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"foreign": ["embed.weight"]}, "the optimizer does not have them"),
        ({"without": ["embed.weight"]}, "1 of the 4 parameters in the optimizer never had a"),
    ],
)
def test_a_frozen_embedding_is_asked_about_and_not_blamed(
    tmp_path: Path, more: dict[str, Any], told: str
) -> None:
    learning = train(tmp_path, keep("embed.weight"), **more)
    assert learning.finding == ""
    assert learning.question.startswith("embed.weight never changes, and ")
    assert told in learning.question


@pytest.mark.parametrize(
    ("frozen", "finding"),
    [
        (["embed.*"], ""),
        (["layers.*"], "layers.0.weight, layers.1.weight should be frozen, and change"),
        (["vae/*"], "embed.weight never changes: not declared as frozen"),
        (["embed.*", "vae/*"], "frozen names vae/*, which no weight is called"),
    ],
)
def test_what_is_declared_as_frozen_is_held_to_it(
    tmp_path: Path, frozen: list[str], finding: str
) -> None:
    learning = train(tmp_path, keep("embed.weight"), foreign=["embed.weight"], frozen=frozen)
    assert (learning.finding, learning.question) == (finding, "")


def test_a_base_beside_adapters_is_frozen_on_purpose(tmp_path: Path) -> None:
    def change(step: int, values: Values) -> None:
        keep()(step, values)
        values["layers.0.lora_A"] = torch.full((4, 2), float(step))

    learning = train(tmp_path, change, optimizer=False)
    assert (learning.finding, learning.question) == ("", "")


def test_the_first_tensor_that_is_not_finite_and_its_step_are_named(tmp_path: Path) -> None:
    def change(step: int, values: Values) -> None:
        if step > STEPS[0]:
            values["norm.weight"][1] = torch.nan

    losses = [3.0] * 12 + [float("nan")] * 18
    assert train(tmp_path, change, losses=losses).finding == (
        "the loss is nan from step 13 on; norm.weight of checkpoint 20 is not finite, and all of "
        "checkpoint 10 are finite"
    )


@pytest.mark.parametrize("kept", [STEPS, (20, 30)])
def test_a_scheduler_at_zero_is_named(tmp_path: Path, kept: tuple[int, ...]) -> None:
    def change(step: int, values: Values) -> None:
        values.update(values_at(min(step, 20)))

    rates = [1e-3] * 14 + [0.0] * 16
    found = train(tmp_path, change, rates=rates, lr=0.0, steps=kept).finding
    assert found.startswith("the learning rate is 0 from step 15 to the last one, 30")


@pytest.mark.parametrize(
    "rates",
    [[0.0] * 2 + [1e-3] * 28, [1e-3] * 29 + [0.0], [1e-3] * 22 + [0.0] * 8, [0.0] * 30],
)
def test_a_warm_up_from_zero_few_digits_and_a_group_that_rests_are_right(
    tmp_path: Path, rates: list[float]
) -> None:
    assert train(tmp_path, rates=rates, steps=(0, *STEPS), lr=0.0).finding == ""


def test_a_state_of_another_form_says_nothing_of_gradients(tmp_path: Path) -> None:
    def change(step: int, values: Values) -> None:
        keep("norm.weight")(step, values)

    learning = train(tmp_path, change, moments=("state1", "state2"))
    assert learning.finding == ""
    assert learning.question == "norm.weight never changes: frozen on purpose?"


def test_weights_that_stop_changing_are_named(tmp_path: Path) -> None:
    def change(step: int, values: Values) -> None:
        values.update(values_at(min(step, 20)))

    assert train(tmp_path, change).finding == (
        "the weights of checkpoint 30 are those of checkpoint 20, and the ones before differ: "
        "nothing is learnt since step 20"
    )


@pytest.mark.parametrize(
    ("losses", "since"),
    [
        ([4 + step / 10 for step in range(30)], "from its beginning, to 6.9 from 4"),
        ([abs(step - 9) / 5 + 1 for step in range(30)], "since step 10, to 5 from 1"),
    ],
)
def test_a_loss_that_rises_is_named(tmp_path: Path, losses: list[float], since: str) -> None:
    learning = train(tmp_path, losses=losses)
    assert learning.finding == ""
    assert learning.explain("nothing shows").startswith(f"the loss rises {since} (slope ")


def test_a_training_that_leaves_no_weights_tells_nothing(tmp_path: Path) -> None:
    learning = train(tmp_path, steps=())
    assert (learning.finding, learning.question) == ("", "")
    assert learning.why_unknown.startswith("weights of nothing were read")


def test_copies_and_a_final_model_of_the_last_step_are_no_second_state(tmp_path: Path) -> None:
    train(tmp_path, steps=(30,))
    for name in ("epoch-1.safetensors", "final.safetensors"):
        save_file(values_at(30), tmp_path / name)
    steps = [Step(number, 4 - number / 10, None) for number in range(30)]  # counted from 0
    learning = find_learning(steps, tmp_path, "", [])
    assert (learning.finding, learning.question) == ("", "")
    assert learning.why_unknown.startswith("weights of checkpoint ")


def test_one_checkpoint_alone_tells_nothing(tmp_path: Path) -> None:
    learning = train(tmp_path, steps=(30,))
    assert (learning.finding, learning.question) == ("", "")
    assert learning.why_unknown == (
        "weights of checkpoint 30 were read, and two states of them are needed"
    )


def test_a_small_update_that_16_bits_round_away_is_not_blamed_on_a_copy(tmp_path: Path) -> None:
    def change(step: int, values: Values) -> None:
        keep("norm.weight")(step, values)
        values.update({name: value.bfloat16() for name, value in values.items()})

    learning = train(tmp_path, change)
    assert learning.finding == ""
    assert learning.question.startswith("norm.weight never changes")


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e5m2, torch.float16])
def test_weights_of_few_bits_are_read(tmp_path: Path, kind: torch.dtype) -> None:
    def change(step: int, values: Values) -> None:
        del values["attn.mask"]
        values["norm.weight"][0] = torch.nan if step > 20 else 0
        values.update({name: value.to(kind) for name, value in values.items()})

    learning = train(tmp_path, change, optimizer=False)
    assert learning.finding == (
        "norm.weight of checkpoint 30 is not finite, and all of checkpoint 20 are finite"
    )
