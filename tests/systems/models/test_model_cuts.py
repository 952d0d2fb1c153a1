"""A gradient that never arrives is found by what the loss does; what is frozen is not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from proofbook_systems.models.gradients import check_gradient

STATES = {"states": torch.linspace(-1, 1, 8).reshape(2, 4)}


class Block(torch.nn.Module):
    """A residual block whose branch can be cut off: of what reaches it, or of what leaves it."""

    def __init__(self, cut: str) -> None:
        super().__init__()
        self.inner, self.outer, self.cut = torch.nn.Linear(4, 6), torch.nn.Linear(6, 4), cut

    def forward(self, states: Any) -> Any:
        given = states.detach() if self.cut == "before" else states
        branch = self.outer(torch.nn.functional.gelu(self.inner(given)))
        if self.cut == "no_grad":
            with torch.no_grad():
                branch = self.outer(torch.nn.functional.gelu(self.inner(given)))
        return states + (branch.detach() if self.cut == "after" else branch)


class Stack(torch.nn.Module):
    """Blocks of which the third one may be cut, and weights that nothing reads."""

    def __init__(self, cut: str = "") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.blocks = torch.nn.ModuleList(Block(cut if n == 2 else "") for n in range(4))
        self.unused = torch.nn.Linear(4, 4)

    def forward(self, states: Any) -> dict[str, Any]:
        for block in self.blocks:
            states = block(states)
        return {"logits": states}


@pytest.mark.parametrize("cut", ["after", "no_grad"])
def test_branch_that_no_gradient_enters_is_named(cut: str) -> None:
    found = check_gradient(Stack(cut), STATES)
    assert found.wrong.startswith("no gradient reaches blocks.2.")
    assert "the loss depends on it: a number is held fast at test_model_cuts.py:" in found.wrong
    assert found.by_slope


def test_gradient_that_arrives_another_way_is_told_as_a_part() -> None:
    found = check_gradient(Stack("before"), STATES)
    assert found.wrong == "" and found.held[0].startswith("test_model_cuts.py:")
    assert check_gradient(Stack(), STATES).held == ()


def test_weights_that_the_loss_does_not_depend_on_need_no_gradient() -> None:
    found = check_gradient(Stack(), STATES)
    assert (found.wrong, found.by_slope) == ("", True) and found.share < 1


class Seeing(torch.nn.Module):
    """Reads what a tower has made of an image, and does not derive it."""

    def __init__(self, *, underived: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tower, self.head, self.underived = Stack(), torch.nn.Linear(4, 4), underived

    def forward(self, states: Any) -> dict[str, Any]:
        with torch.set_grad_enabled(not self.underived):
            seen = self.tower(states)["logits"]
        return {"logits": self.head(seen if self.underived else seen.detach())}


def test_module_that_only_runs_without_gradients_is_frozen_on_purpose_and_told() -> None:
    found = check_gradient(Seeing(underived=True), STATES)
    assert (found.wrong, found.by_slope) == ("", True)
    assert found.held


def test_what_is_cut_off_otherwise_is_not_frozen() -> None:
    found = check_gradient(Seeing(underived=False), STATES)
    assert found.wrong.startswith("no gradient reaches tower.blocks.")


class Placed(torch.nn.Module):
    """Looks up a table's weight without deriving it, and never runs the table."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head, self.places = torch.nn.Linear(4, 4), torch.nn.Embedding(2, 4)

    def forward(self, states: Any) -> dict[str, Any]:
        with torch.no_grad():
            places = self.places.weight[torch.arange(len(states))] * 1.0
        return {"logits": self.head(states + places)}


def test_weight_that_is_read_without_gradients_is_not_frozen_by_that() -> None:
    found = check_gradient(Placed(), STATES)
    assert found.wrong.startswith("no gradient reaches places.weight, and the loss depends on it")


class Choosing(torch.nn.Module):
    """Chooses one of two answers by a weight, which has no slope, near where the choice turns."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.chooses = torch.nn.Parameter(torch.full((1,), 1e-12))

    def forward(self, states: Any) -> dict[str, Any]:
        chosen = torch.where(self.chooses.detach() > 0, states, 3 - states)
        return {"logits": chosen * self.scale}


def test_choice_that_turns_over_is_a_step_and_no_slope() -> None:
    assert check_gradient(Choosing(), STATES).wrong == ""
