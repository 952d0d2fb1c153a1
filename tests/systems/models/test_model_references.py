"""The float64 reference: random draws, inputs inside others, experts of single layers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from proofbook_systems.models.comparing import check_batch, check_determinism
from proofbook_systems.models.outputs import call
from proofbook_systems.models.references import (
    check_reference,
    in_float64,
    make_reference,
    turns_choice,
)


class Noisy(torch.nn.Module):
    """Adds noise of its own to what it hears, as a sampling autoencoder does."""

    def __init__(self, *, lossy: bool = False) -> None:
        super().__init__()
        self.scale, self.lossy = torch.nn.Parameter(torch.ones(8)), lossy

    def forward(self, states: Any) -> torch.Tensor:
        heard = states[0]["inner"] * self.scale
        heard = heard + torch.randn_like(heard) + torch.zeros_like(heard).uniform_()
        heard = heard * torch.rand(heard.shape, dtype=heard.dtype)
        chosen = torch.bernoulli(torch.full_like(heard, 0.5))
        if self.lossy and heard.dtype == torch.float32:
            heard = heard.bfloat16().float()
        return heard + chosen


def judge(model: Noisy) -> str:
    drawn = torch.randn(1, 8, generator=torch.Generator().manual_seed(0))
    inputs = {"states": [{"inner": drawn}]}
    return check_reference(make_reference(model, inputs, call(model, inputs)))


def test_model_that_draws_at_random_has_a_reference() -> None:
    assert judge(Noisy()) == ""


def test_rounding_to_sixteen_bits_beside_random_draws_is_found() -> None:
    assert judge(Noisy(lossy=True)).startswith("float32 is ")


def test_layers_with_a_copy_of_the_configuration_leave_grouped_experts() -> None:
    class Layered(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.config = SimpleNamespace(_experts_implementation="grouped_mm")
            self.layer = torch.nn.Module()
            self.layer.config = SimpleNamespace(_experts_implementation="grouped_mm")

        def set_experts_implementation(self, name: str) -> None:
            self.config._experts_implementation = name

    model = Layered()
    exact = in_float64(model)
    assert exact.layer.config._experts_implementation == "eager"
    assert model.layer.config._experts_implementation == "grouped_mm"


@pytest.mark.parametrize(("mixes", "words"), [(False, ""), (True, "beside")])
def test_a_loss_is_about_all_samples_whatever_its_shape(mixes: bool, words: str) -> None:
    class Codec(torch.nn.Module):
        def forward(self, states: Any) -> dict[str, Any]:
            heard = states - states.mean(0) if mixes else states
            loss = states.square().mean().expand(len(states))
            return {"loss": loss, "audio_values": heard}

    one, other = ({"states": torch.full((1, 4), value)} for value in (1.0, 3.0))
    found = check_batch(Codec(), one, other, call(Codec(), one), 1e-5)
    assert found.partition(" ")[0] == words


@pytest.mark.parametrize("short", [torch.bfloat16, torch.float16])
def test_number_that_is_rounded_to_sixteen_bits_in_both_is_found(short: torch.dtype) -> None:
    class Norm(torch.nn.Module):
        def forward(self, states: Any) -> torch.Tensor:
            return states.to(short).to(states.dtype)

    inputs = {"states": torch.full((1, 4), 1.0)}
    found = check_reference(make_reference(Norm(), inputs, call(Norm(), inputs)))
    assert "rounded to 16" in found and "test_model_references.py:" in found


def test_upcast_and_whole_numbers_are_no_rounding() -> None:
    class Norm(torch.nn.Module):
        def forward(self, states: Any, places: Any) -> torch.Tensor:
            return states.to(torch.float32).to(states.dtype) + places.to(torch.bfloat16)

    inputs = {"states": torch.ones(1, 4), "places": torch.tensor([1, 2, 3, 4])}
    assert check_reference(make_reference(Norm(), inputs, call(Norm(), inputs))) == ""


@pytest.mark.parametrize("way", ["always", "module", "none", "zero"])
def test_dropout_outside_of_training_is_told_by_its_name(way: str) -> None:
    class Dropping(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop = torch.nn.Dropout(0.25)

        def forward(self, states: Any) -> torch.Tensor:
            if way == "module":
                return self.drop(states)
            share = 0.0 if way == "zero" else 0.25
            return torch.nn.functional.dropout(states, share, training=way != "none")

    model, inputs = Dropping(), {"states": torch.ones(1, 8)}
    model.train(way == "module")  # a part that eval() did not reach
    found = check_determinism(model, inputs, call(model, inputs))
    wrong = "drops 0.25 of its numbers at random, and is not trained"
    assert found == (wrong if way in ("always", "module") else "")


def test_attention_that_could_drop_is_computed_in_float64() -> None:
    class Attending(torch.nn.Module):
        def forward(self, states: Any) -> torch.Tensor:
            heads = states[None]
            made: torch.Tensor = torch.nn.functional.scaled_dot_product_attention(
                heads, heads, heads
            )
            return made

    draw = torch.Generator().manual_seed(0)
    inputs = {"states": torch.randn(1, 2, 5, 8, generator=draw)[0]}
    reference = make_reference(Attending(), inputs, call(Attending(), inputs))
    assert 0 < reference.rounding < 1e-6


class Choosing(torch.nn.Module):
    """Answers with what is larger than an edge; in float32, numbers are a little too large."""

    def __init__(self, *, off: float) -> None:
        super().__init__()
        self.scale, self.off = torch.nn.Parameter(torch.ones(1)), off

    def forward(self, states: Any) -> torch.Tensor:
        total = states * self.scale
        if states.dtype == torch.float32:
            total = total * (1 + self.off)
        return (total > 1 + self.off / 2).to(states.dtype)


@pytest.mark.parametrize(("off", "explained"), [(2.0**-21, True), (2.0**-7, False)])
def test_choice_that_a_rounding_turns_over_is_no_fault(off: float, explained: bool) -> None:
    model, inputs = Choosing(off=off), {"states": torch.ones(1, 4)}
    reference = make_reference(model, inputs, call(model, inputs))
    assert check_reference(reference).startswith("float32 is 1.0e+00 from float64")
    assert turns_choice(model, inputs, reference) is explained
