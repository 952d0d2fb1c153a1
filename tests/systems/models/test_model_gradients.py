"""A small step lowers the loss of a right model, however steep, and not that of a wrong one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from proofbook_systems.models.lifecycle import check_gradient


class Uphill(torch.autograd.Function):
    """The identity, whose gradient has the wrong sign."""

    @staticmethod
    def forward(ctx: Any, value: Any) -> Any:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return -grad


class Steep(torch.nn.Module):
    """Answers with scores of which one is masked, and which a weight moves far."""

    def __init__(self, power: float, *, uphill: bool = False) -> None:
        super().__init__()
        self.weight, self.power, self.uphill = torch.nn.Parameter(torch.ones(4)), power, uphill

    def forward(self, states: Any) -> dict[str, Any]:
        scores = torch.exp(states * self.weight * self.power)
        scores = Uphill.apply(scores) if self.uphill else scores
        scores = scores.clone()
        scores[0] = torch.finfo(scores.dtype).min
        return {"logits": scores}


@pytest.mark.parametrize(("power", "uphill", "words"), [
    (1.0, False, ""), (-1.0, False, ""), (1.0, True, "raises"), (-1.0, True, "raises"),
])  # fmt: skip
def test_masked_scores_take_no_part_in_a_step(power: float, uphill: bool, words: str) -> None:
    found, share = check_gradient(Steep(power, uphill=uphill), {"states": torch.ones(4)})
    assert words in found and bool(found) == uphill
    assert share == 1.0


def test_steep_slope_takes_a_smaller_step() -> None:
    class Valley(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.tensor([1.0001]))

        def forward(self, states: Any) -> Any:
            return 100 + 2e5 * (self.weight - 1) ** 2 * states

    assert check_gradient(Valley(), {"states": torch.ones(1)})[0] == ""


class Kept(torch.nn.Module):
    """Writes over what it keeps, unless it is trained, as a model with a cache does."""

    def __init__(self, *, always: bool = False) -> None:
        super().__init__()
        self.weight, self.always = torch.nn.Parameter(torch.ones(4)), always

    def forward(self, states: Any) -> dict[str, Any]:
        held = torch.exp(states * self.weight)
        if self.always or not self.training:
            held *= 2.0
        return {"logits": held}


def test_what_is_derived_only_in_training_is_trained() -> None:
    assert check_gradient(Kept(), {"states": torch.ones(4)})[0] == ""
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        check_gradient(Kept(always=True), {"states": torch.ones(4)})


class Stiff(torch.nn.Module):
    """A loss of which one part bends so soon that float32 sees only the way up."""

    def __init__(self, *, uphill: bool = False) -> None:
        super().__init__()
        self.weight, self.uphill = torch.nn.Parameter(torch.tensor([1e-4])), uphill

    def forward(self, states: Any) -> dict[str, Any]:
        bent = 1 + 1e4 * self.weight.square() + 0 * states
        return {"logits": Uphill.apply(bent) if self.uphill else bent}


@pytest.mark.parametrize("uphill", [False, True])
def test_step_that_is_too_short_for_float32_is_taken_in_float64(uphill: bool) -> None:
    found, _ = check_gradient(Stiff(uphill=uphill), {"states": torch.ones(1)})
    assert found.startswith("a small step raises the loss") is uphill
