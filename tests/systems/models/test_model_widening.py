"""Code that names float32 has a float64 reference all the same, and what it cuts short shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from proofbook_systems.models.outputs import call
from proofbook_systems.models.references import check_reference, in_float64, make_reference, widen
from proofbook_systems.models.widening import InFloat64

STATES = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))


class Named(torch.nn.Module):
    """Computes with a step in which the kind of number is named."""

    def __init__(self, step: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(1)
        self.weight, self.step = torch.nn.Parameter(torch.randn(4, 4, generator=draw)), step

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.step(states @ self.weight)


def masked(states: torch.Tensor) -> torch.Tensor:
    """Add the most negative number where a mask of whole numbers is zero."""
    mask = torch.tensor([1, 1, 1, 0])
    added = (1.0 - mask.float()) * torch.finfo(states.dtype).min
    return (states + added).softmax(-1)


STEPS = {
    "mask": masked,
    "matrix": lambda states: states @ torch.eye(4, dtype=torch.float32),
    "norm": lambda states: states.to(torch.float32).pow(2).mean(-1).to(states.dtype),
    "table": lambda states: states @ torch.tensor([[0.1] * 4] * 4),
    "default": lambda states: states @ (torch.arange(16) / 7).reshape(4, 4),
    "written": lambda states: torch.zeros(2, 4, dtype=torch.float32).copy_(states),
    "put": lambda states: torch.zeros(2, 4).index_put_((torch.tensor([0, 1]),), states),
    "drawn": lambda states: states + torch.randn(states.shape, dtype=torch.float32),
    "drawn-default": lambda states: states + torch.rand(states.shape) + torch.randn(1),
}


@pytest.mark.parametrize("name", STEPS)
def test_code_that_names_a_kind_of_number_is_answered_in_float64(name: str) -> None:
    model = Named(STEPS[name])
    ours = call(model, {"states": STATES})
    reference = make_reference(model, {"states": STATES}, ours)
    assert 0 < reference.rounding < 1e-5 and check_reference(reference) == ""
    with InFloat64():
        exact = call(in_float64(model), widen({"states": STATES}))
    assert exact["output"].dtype is torch.float64


def test_norm_that_names_float32_rounds_no_reference() -> None:
    norm = Named(lambda states: states.to(torch.float32).exp())
    with InFloat64():
        named = call(in_float64(norm), widen({"states": STATES}))["output"]
    plain = in_float64(norm)
    assert torch.equal(named, (STATES.double() @ plain.weight).exp())


@pytest.mark.parametrize("short", [torch.bfloat16, torch.float16])
def test_rounding_to_sixteen_bits_is_found_beside_a_named_kind(short: torch.dtype) -> None:
    model = Named(lambda states: states.float().to(short).float())
    inputs = {"states": STATES}
    found = check_reference(make_reference(model, inputs, call(model, inputs)))
    assert "rounded to 16" in found and "test_model_widening.py:" in found


def test_kind_of_a_number_is_what_it_was_after_an_error() -> None:
    def fail(states: Any) -> Any:
        raise ValueError("no such layer")

    with pytest.raises(ValueError, match="no such layer"), InFloat64():
        assert torch.zeros(1).dtype is torch.float64
        call(Named(fail), {"states": STATES})
    assert torch.zeros(1).dtype is torch.float32
