"""Weights and tables that cannot be right are named by their tensor."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from proofbook_systems.models.outputs import call
from proofbook_systems.models.tensors import check_tensors, find_alike, name_broken

STATES = {"states": torch.linspace(-1, 1, 8).reshape(2, 4)}


class Model(torch.nn.Module):
    """Has weights, a bias of zeros, and tables that are not saved: one is read, and one is not."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.outer = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
        self.type_table = torch.nn.Parameter(torch.zeros(1, 4))
        self.register_buffer("places", torch.linspace(0, 1, 4), persistent=False)
        self.register_buffer("unread", torch.zeros(4), persistent=False)
        self.register_buffer("mask", torch.full((4, 4), -torch.inf).triu(1), persistent=False)
        self.register_buffer("count", torch.zeros(4))

    def forward(self, states: Any) -> dict[str, Any]:
        made = self.inner(states) + self.places + self.type_table + self.count
        return {"logits": self.outer(torch.tanh(made))}


def _reason(model: Any, *, real: bool = True) -> str:
    return check_tensors(model, STATES, call(model, STATES), real=real)


def test_right_model_is_left_in_peace_and_unchanged() -> None:
    model = Model()
    with torch.no_grad():
        model.inner.bias.zero_()
    before = {name: value.clone() for name, value in model.named_buffers()}
    assert _reason(model) == ""
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
    assert [each.name for each in find_alike(model)] == ["type_table", "inner.bias"]


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weight_that_is_no_number_is_named(value: float) -> None:
    model = Model()
    with torch.no_grad():
        model.outer.weight[1, 2] = value
        model.outer.bias[0] = value
    assert _reason(model, real=False) == (
        "outer.weight has 1 of 16 numbers that are not finite, and so have 1 more tensors"
    )


def test_table_may_hold_infinity_and_no_less_than_a_number() -> None:
    model = Model()
    assert name_broken(model) == ""
    model.places[1] = torch.nan
    assert name_broken(model) == "places has 1 of 4 numbers that are not finite"


@pytest.mark.parametrize(("value", "words"), [(0.0, "0"), (0.25, "0.25")])
def test_matrix_of_trained_weights_that_is_all_alike_is_named(value: float, words: str) -> None:
    model = Model()
    with torch.no_grad():
        model.inner.weight.fill_(value)
    assert _reason(model) == f"all numbers of inner.weight are {words}"
    assert _reason(model, real=False) == ""


@pytest.mark.parametrize(("value", "words"), [(0.0, "0"), (1.0, "1")])
def test_table_that_is_not_saved_and_all_alike_is_named_where_it_is_read(
    value: float, words: str
) -> None:
    model = Model()
    model.places.fill_(value)
    found = "all numbers of places are {}: it is not saved, and the answer reads it"
    assert _reason(model, real=False) == found.format(words)
