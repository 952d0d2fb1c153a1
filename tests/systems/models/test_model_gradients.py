"""Gradients are the slope of the loss of a right model, however steep, and not of a wrong one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from proofbook_systems.models import gradients
from proofbook_systems.models.gradients import check_gradient


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
    (1.0, False, ""), (-1.0, False, ""), (1.0, True, "promises"), (-1.0, True, "promises"),
])  # fmt: skip
def test_masked_scores_take_no_part_in_a_step(power: float, uphill: bool, words: str) -> None:
    found, share, *_ = check_gradient(Steep(power, uphill=uphill), {"states": torch.ones(4)})
    assert words in found and bool(found) == uphill
    assert share == 1.0


def test_slope_of_a_steep_loss_is_right() -> None:
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
    found = check_gradient(Kept().eval(), {"states": torch.ones(4)})
    assert found.wrong == "" and "modified by an inplace" in found.underived
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
def test_slope_that_bends_too_soon_for_float32_is_asked_in_float64(uphill: bool) -> None:
    found, *_ = check_gradient(Stiff(uphill=uphill), {"states": torch.ones(1)})
    assert found.startswith("the gradient of weight promises a slope of") is uphill


class Deep(torch.nn.Module):
    """Several layers, of which one has a wrong gradient: of another sign or size, or none."""

    def __init__(self, wrong: Any = None, *, held: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.ModuleList(torch.nn.Linear(4, 4) for _ in range(5))
        self.wrong, self.held = wrong, held

    def forward(self, states: Any) -> dict[str, Any]:
        for place, layer in enumerate(self.layers):
            used = self.wrong.apply(layer.weight) if self.wrong and place == 3 else layer.weight
            made = torch.nn.functional.linear(states, used, layer.bias)
            states = torch.nn.functional.gelu(made) + (states.detach() if self.held else states)
            if (
                self.held
            ):  # as where the nearest code is taken, and the gradient goes straight through
                states = states + (states.round() - states).detach()
        with torch.no_grad():
            shift = states.mean() if self.held else 0.0
        return {"logits": states - shift}


class Half(Uphill):
    """The identity, whose gradient is a little too small."""

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return 0.999 * grad


class Cut(Uphill):
    """The identity, without a gradient."""

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return None


STATES = {"states": torch.linspace(-1, 1, 8).reshape(2, 4)}


@pytest.mark.parametrize("wrong", [Uphill, Half, Cut])
def test_part_of_which_the_gradient_is_wrong_is_named(wrong: Any) -> None:
    found, *_ = check_gradient(Deep(wrong), STATES)
    assert found.startswith("the gradient of layers.3.weight promises a slope of")


@pytest.mark.parametrize("held", [False, True])
def test_what_is_held_fast_on_purpose_is_no_fault(held: bool) -> None:
    assert check_gradient(Deep(held=held), STATES)[0] == ""


class Bent(torch.nn.Module):
    """Has a weight just where its slope breaks off."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.sizes = (
            torch.nn.Parameter(torch.zeros(4)),
            torch.nn.Parameter(torch.ones(4)),
        )

    def forward(self, states: Any) -> dict[str, Any]:
        return {"logits": torch.relu(self.weight * states) + self.sizes * states}


def test_weight_on_an_edge_has_a_slope_of_one_side() -> None:
    found = check_gradient(Bent(), {"states": torch.ones(4)})
    assert (found.wrong, found.by_slope) == ("", True)


class Edged(torch.nn.Module):
    """Has an edge on each side of a weight, nearer than the first step, which bend alike."""

    def __init__(self, *, uphill: bool) -> None:
        super().__init__()
        self.weight, self.uphill = torch.nn.Parameter(torch.ones(1)), uphill

    def forward(self, states: Any) -> dict[str, Any]:
        moved = self.weight - 1
        beyond = torch.relu(moved - self.distance) - torch.relu(-moved - self.distance)
        scores = 100 * states * (moved + 2 * beyond) + 3
        return {"logits": Uphill.apply(scores) if self.uphill else scores}

    distance = 2e-8


@pytest.mark.parametrize("distance", [2e-7, 2e-8, 3e-9, 0.0])
@pytest.mark.parametrize("uphill", [False, True])
def test_edges_on_both_sides_of_a_weight_are_no_wrong_gradient(
    distance: float, uphill: bool
) -> None:
    model = Edged(uphill=uphill)
    model.distance = distance
    found, *_ = check_gradient(model, {"states": torch.ones(1)})
    assert bool(found) is (uphill or not distance)


class Jumping(torch.nn.Module):
    """Computes in another order as soon as a weight moves, and has the wrong gradient, or not."""

    def __init__(self, *, uphill: bool) -> None:
        super().__init__()
        self.weight, self.uphill = torch.nn.Parameter(torch.ones(4)), uphill

    def forward(self, states: Any) -> dict[str, Any]:
        scores = torch.exp(states * self.weight)
        scores = Uphill.apply(scores) if self.uphill else scores
        for _ in range(1 if bool((self.weight == 1).all()) else 2):
            scores = scores + scores.detach() * 0
        return {"logits": scores}


@pytest.mark.parametrize("uphill", [False, True])
def test_loss_without_a_slope_is_judged_by_a_step(uphill: bool) -> None:
    found = check_gradient(Jumping(uphill=uphill), {"states": torch.ones(4)})
    assert found.wrong.startswith("a small step raises the loss") is uphill
    assert found.unasked == "a little to the side, the model computes in another order"


class Single(torch.nn.Module):
    """Runs in float32 alone, or only where no weight was moved."""

    def __init__(self, *, aside: bool, uphill: bool) -> None:
        super().__init__()
        self.weight, self.aside, self.uphill = torch.nn.Parameter(torch.ones(4)), aside, uphill

    def forward(self, states: Any) -> dict[str, Any]:
        moved = self.aside and not bool((self.weight == 1).all())
        if self.weight.dtype == torch.float64 and (moved or not self.aside):
            raise RuntimeError("expected a table of float32")
        scores = torch.exp(states * self.weight)
        return {"logits": Uphill.apply(scores) if self.uphill else scores}


@pytest.mark.parametrize("uphill", [False, True])
@pytest.mark.parametrize(("aside", "words"), [
    (False, "it does not run in float64: RuntimeError: expected a table of float32"),
    (True, "it raises a little to the side: RuntimeError: expected a table of float32"),
])  # fmt: skip
def test_why_a_step_alone_is_taken_is_told(aside: bool, uphill: bool, words: str) -> None:
    found = check_gradient(Single(aside=aside, uphill=uphill), {"states": torch.ones(4)})
    assert found.unasked.startswith(words) and not found.by_slope
    assert found.wrong.startswith("a small step raises the loss") is uphill


def test_an_error_of_the_check_itself_is_no_reason_for_a_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("the check is broken")

    monkeypatch.setattr(gradients, "find_wrong_slope", broken)
    with pytest.raises(ZeroDivisionError, match="the check is broken"):
        check_gradient(Deep(), STATES)


class Turned(Uphill):
    """The identity, whose gradient has its channels last, and a stride of its own along samples."""

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        strides = (8 if len(grad) == 1 else 128, 1, 32, 8)
        return torch.empty_strided(grad.shape, strides, dtype=grad.dtype).copy_(grad)


class Flat(torch.nn.Module):
    """Normalises an image, and reads it place by place, so that channels lie last in gradients."""

    def __init__(self, *, uphill: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = torch.nn.Conv2d(3, 8, 1), torch.nn.BatchNorm2d(8)
        self.read, self.uphill = torch.nn.Linear(8, 2), uphill

    def forward(self, pixels: Any) -> dict[str, Any]:
        made = Turned.apply(self.norm(self.conv(pixels))).flatten(2).transpose(1, 2)
        return {"logits": self.read(Uphill.apply(made) if self.uphill else made)}


@pytest.mark.parametrize(("samples", "uphill"), [(1, False), (2, False), (1, True), (2, True)])
def test_gradient_that_torch_has_wrong_is_no_fault_of_the_model(samples: int, uphill: bool) -> None:
    model, pixels = Flat(uphill=uphill).eval(), torch.randn(samples, 3, 4, 4)
    found, *_ = check_gradient(model, {"pixels": pixels})
    norm = torch.nn.BatchNorm2d(8).eval()
    grad = torch.empty_strided((1, 8, 4, 4), (8, 1, 32, 8)).normal_()
    derived = torch.autograd.grad(norm(torch.ones(1, 8, 4, 4)), norm.bias, grad)[0]
    wrong = not torch.allclose(derived, grad.sum((0, 2, 3)), atol=1e-4)  # a release may mend it
    assert bool(found) is (uphill or (wrong and samples == 1))
    assert ("laid out plainly, it is right" in found) is (wrong and samples == 1 and not uphill)


class Keeping(torch.nn.Module):
    """Keeps a state that it has derived, which cannot be copied."""

    def __init__(self, *, uphill: bool = False) -> None:
        super().__init__()
        self.weight, self.uphill, self.state = torch.nn.Parameter(torch.ones(4)), uphill, None

    def forward(self, states: Any) -> dict[str, Any]:
        self.state = torch.exp(states * self.weight)
        return {"logits": Uphill.apply(self.state) if self.uphill else self.state}


@pytest.mark.parametrize("uphill", [False, True])
def test_model_that_keeps_what_it_derived_is_asked_as_it_was(uphill: bool) -> None:
    found, *_ = check_gradient(Keeping(uphill=uphill), {"states": torch.ones(4)})
    assert ("promises a slope" in found) is uphill


class Padded(torch.nn.Module):
    """Reads words of which one stands for padding: its row is read, and never trained."""

    def __init__(self, *, uphill: bool = False) -> None:
        super().__init__()
        self.words, self.uphill = torch.nn.Embedding(4, 3, padding_idx=1), uphill
        with torch.no_grad():
            self.words.weight.fill_(0.5)

    def forward(self, words: Any) -> dict[str, Any]:
        made = self.words(words)
        return {"logits": Uphill.apply(made) if self.uphill else made}


@pytest.mark.parametrize("uphill", [False, True])
def test_row_that_stands_for_padding_is_not_moved(uphill: bool) -> None:
    found, *_ = check_gradient(Padded(uphill=uphill), {"words": torch.tensor([[1, 2, 3]])})
    assert ("the gradient of words.weight" in found) is uphill


class Quiet(Uphill):
    """The identity, which derives nothing while it computes, and says so."""

    @staticmethod
    def forward(ctx: Any, value: Any) -> Any:
        with torch.no_grad():
            return value.clone()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad


def test_what_follows_a_function_of_its_own_is_not_held_fast() -> None:
    assert check_gradient(Deep(Quiet), STATES)[0].startswith("the gradient of layers.3") is False
