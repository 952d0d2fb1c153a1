"""Whether a model can be trained: its gradients are finite, and the slope of what they lower."""

from __future__ import annotations

import copy
import math
from typing import Any, NamedTuple

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from proofbook_systems.models.comparing import NotApplicableError
from proofbook_systems.models.cuts import find_cut, is_whole, name_frozen
from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.reasons import describe
from proofbook_systems.models.references import in_float64, widen
from proofbook_systems.models.slopes import (
    Held,
    NoSlopeError,
    Slope,
    Weights,
    find_wrong_slope,
)
from proofbook_systems.models.widening import InFloat64

__all__ = ["Gradient", "check_gradient"]

_STEPS = (1e-3, 1e-4, 1e-5)
"""Shares of the loss that a step would take off a straight slope: a steep one takes the smaller."""
_MASKED = 1e30
"""What stands for minus infinity in a score that is masked, which no weight moves."""
_MOST_PLACES = 2
"""So many places that hold something fast are named."""

_Pairs = list[tuple[torch.nn.Parameter, torch.Tensor]]


class _Asked(NamedTuple):
    """What a loss says of gradients that was asked in float64."""

    wrong: Slope | None
    """The part whose gradients are not the slope; None where there is none."""
    cut: str
    """A weight that gets no gradient, and has a slope; empty where there is none."""
    held: tuple[str, ...]
    """Where a part of the slope is held fast."""


class Gradient(NamedTuple):
    """What was found of a model's gradients."""

    wrong: str
    """Empty where nothing is."""
    share: float
    """Of the weights, which they reach."""
    unasked: str = ""
    """Why a step was taken, which shows far less, and the loss not asked in float64."""
    underived: str = ""
    """Why the model was derived as it is trained: what it raised as it answers."""
    held: tuple[str, ...] = ()
    """Where the model holds fast a part of the slope, which gradients then leave out."""

    @property
    def by_slope(self) -> bool:
        """Whether the loss itself was asked in float64."""
        return not self.unasked


def check_gradient(model: Any, inputs: Inputs) -> Gradient:
    """Return what is wrong with a model's gradients, and which part of it they reach.

    In float64, they must be the slope of the loss in every part of the model, and reach each weight
    that the loss depends on. Where a model does
    not run in float64, or computes in another order a little to the side, a step must lower the
    loss. Some models keep what a derivation takes only while they are trained, as without a cache
    that they write over: what cannot be derived otherwise is derived so.

    Raises:
        NotApplicableError: No output can be derived.
    """
    trained, underived = copy.deepcopy(model), ""
    try:
        first = _derive(trained, inputs)
    except NotApplicableError:
        raise
    except Exception as error:  # noqa: BLE001 - what is raised while it is trained counts
        underived = describe(error)
        trained = copy.deepcopy(model).train()
        first = _derive(trained, inputs)
    pairs = [(p, p.grad) for p in trained.parameters() if p.grad is not None]
    if any(not torch.isfinite(grad).all() for _, grad in pairs):
        return Gradient("a gradient is not finite", 0.0, underived=underived)
    if not any(bool(grad.any()) for _, grad in pairs):
        return Gradient("every gradient is zero", 0.0, underived=underived)
    share = len(pairs) / max(1, len(list(trained.parameters())))
    trains = trained.training and not model.training
    try:  # of the model itself: one that was derived may keep what cannot be copied
        asked = _ask_loss(model, inputs, trains=trains)
    except NoSlopeError as error:
        after = _lowest_after(trained, inputs, pairs, first)
        raises = f"a small step raises the loss from {first:.6g} to {after:.6g}"
        return Gradient("" if after < first else raises, share, str(error), underived)
    if asked.wrong:
        told = _tell(asked.wrong) + _name_layout(model, inputs, trains=trains)
    else:
        told = _tell_cut(asked)
    return Gradient(told, share, underived=underived, held=asked.held)


def _name_layout(model: Any, inputs: Inputs, *, trains: bool) -> str:
    """Return that torch is to blame, where gradients are right once they are laid out plainly.

    Of a gradient of one sample whose channels lie last, torch's batch norm takes the stride along
    the batch for that of a whole sample (2.13, on the CPU).
    """
    if not any(isinstance(each, _BatchNorm) for each in model.modules()):
        return ""
    plain = copy.deepcopy(model)
    for each in plain.modules():
        if isinstance(each, _BatchNorm):
            each.register_forward_hook(_lay_out)
    try:
        asked = _ask_loss(plain, inputs, trains=trains)
    except NoSlopeError:
        return ""  # then nothing was seen to be right
    return "" if asked.wrong else "; torch derives its batch norm so: laid out plainly, it is right"


def _lay_out(_: Any, __: Any, made: torch.Tensor) -> None:
    if made.requires_grad:
        made.register_hook(torch.Tensor.contiguous)  # type: ignore[no-untyped-call]


def _tell(wrong: Slope) -> str:
    promised, found = f"{wrong.promised:.6g}", f"{wrong.found:.6g}"
    return f"the gradient of {wrong.part} promises a slope of {promised}, the loss has {found}"


def _tell_cut(asked: _Asked) -> str:
    if not asked.cut:
        return ""
    held = f": a number is held fast at {', '.join(asked.held[:_MOST_PLACES])}"
    words = f"no gradient reaches {asked.cut}, and the loss depends on it"
    return words + (held if asked.held else "")


def _ask_loss(model: Any, inputs: Inputs, *, trains: bool) -> _Asked:
    """Return what the loss says in float64 of a model's gradients, part by part.

    Raises:
        NoSlopeError: The model does not run in float64, or its loss has no slope.
    """
    with InFloat64():
        exact, wide, loss, holding = _derive_exactly(model, inputs, trains=trains)
        weights, first = _weights(exact), float(loss.detach())
        still = _find_padding(exact, weights)

        def ask_freely() -> float:
            with torch.no_grad():
                return float(_loss_aside(exact, wide).detach())

        def ask_held() -> float:
            with Held(holding.kept):
                again = _loss_aside(exact, wide)
            return float(again.detach())  # which would be held fast as well

        # Where nothing was held fast, nothing has to be watched, and nothing to be derived.
        ask = ask_held if holding.kept else ask_freely
        if wrong := find_wrong_slope(ask, weights, first, still):
            return _Asked(wrong, "", ())
        whole = not holding.kept or is_whole(ask_freely, weights, first, still)
        held = () if whole else tuple(holding.places)

        def name_frozen_of(silent: Weights) -> set[str]:
            return name_frozen(exact, lambda: _loss(exact, wide), silent)

        cut = find_cut(ask_freely, weights, first, still, name_frozen_of)
        return _Asked(None, cut, held)


def _derive_exactly(
    model: Any, inputs: Inputs, *, trains: bool
) -> tuple[Any, Inputs, torch.Tensor, Held]:
    """Return a model in float64 that is derived, its inputs, its loss, and what it held fast.

    Raises:
        NoSlopeError: What the model raises in float64.
    """
    holding = Held()
    try:
        exact, wide = in_float64(model), widen(inputs)
        exact.zero_grad()
        if trains:
            exact.train()
        with holding:
            loss = _loss(exact, wide)
        if loss is not None:
            loss.backward()  # type: ignore[no-untyped-call]
    except Exception as error:
        raise NoSlopeError(f"it does not run in float64: {describe(error)}") from error
    if loss is None:
        raise NoSlopeError("in float64, no output can be derived")
    return exact, wide, loss, holding


def _loss_aside(model: Any, inputs: Inputs) -> torch.Tensor:
    """Return the loss of a model whose weights were moved.

    Raises:
        NoSlopeError: What the model raises there.
    """
    try:
        loss = _loss(model, inputs)
    except NoSlopeError:
        raise
    except Exception as error:
        raise NoSlopeError(f"it raises a little to the side: {describe(error)}") from error
    if loss is None:
        raise NoSlopeError("a little to the side, no output can be derived")
    return loss


def _find_padding(model: Any, weights: list[tuple[str, torch.nn.Parameter]]) -> dict[str, int]:
    """Return which row of a table stands for padding: no gradient reaches it."""
    rows = {
        id(each.weight): each.padding_idx
        for each in model.modules()
        if isinstance(each, torch.nn.Embedding) and each.padding_idx is not None
    }
    return {name: rows[id(weight)] for name, weight in weights if id(weight) in rows}


def _weights(model: Any) -> list[tuple[str, torch.nn.Parameter]]:
    """Return the weights that are trained; one without a gradient promises no slope at all."""
    trained = [
        (name, weight)
        for name, weight in model.named_parameters()
        if weight.requires_grad and weight.is_floating_point() and weight.numel()
    ]
    for _, weight in trained:
        weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
    return trained


def _lowest_after(model: Any, inputs: Inputs, pairs: _Pairs, first: float) -> float:
    """Return the loss after the first step that lowers it, or after the last one.

    The longest may leave it as it is, as far as rounding tells.
    """
    norm = sum(float(grad.double().square().sum()) for _, grad in pairs)
    kept = [parameter.detach().clone() for parameter, _ in pairs]
    after = math.inf
    for step in _STEPS:
        after = _loss_after(model, inputs, pairs, kept, step * abs(first) / norm)
        if step == _STEPS[0] and first <= after <= first * (1 + 1e-6):
            return math.nextafter(first, -math.inf)
        if after < first:
            break
    with torch.no_grad():
        for (parameter, _), value in zip(pairs, kept, strict=True):
            parameter.copy_(value)
    return after


def _derive(model: Any, inputs: Inputs) -> float:
    """Return the loss, and derive it for every weight.

    Raises:
        NotApplicableError: No output can be derived.
    """
    loss = _loss(model, inputs)
    if loss is None or not loss.requires_grad:
        raise NotApplicableError("no output can be derived")
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())


def _loss_after(
    model: Any, inputs: Inputs, pairs: _Pairs, kept: list[torch.Tensor], step: float
) -> float:
    """Return the loss after a step against the gradient."""
    with torch.no_grad():
        for (parameter, grad), value in zip(pairs, kept, strict=True):
            parameter.copy_(value - grad * step)
        after = _loss(model, inputs)
    assert after is not None
    return float(after)


def _loss(model: Any, inputs: Inputs) -> torch.Tensor | None:
    torch.manual_seed(0)
    answer = model(
        **{n: v.clone() if isinstance(v, torch.Tensor) else v for n, v in inputs.items()}
    )
    noise = torch.Generator().manual_seed(0)
    parts = [_part(v.clamp(-1e4, 1e4), noise) for v in _derivable(answer)]
    return torch.stack(parts).sum() if parts else None


def _part(value: torch.Tensor, noise: torch.Generator) -> torch.Tensor:
    """Return how far an output lies from noise: its own size may be one, whatever the weights."""
    target = torch.randn(value.shape, generator=noise).to(value.dtype)
    return (value - target).square().mean()


def _derivable(answer: Any) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    values = answer.values() if isinstance(answer, dict) else answer
    values = [values] if isinstance(values, torch.Tensor) else list(values)
    for each in values:
        if isinstance(each, torch.Tensor) and each.is_floating_point():
            moved = torch.isfinite(each) & (each.abs() < _MASKED)
            found.append(torch.where(moved, each, torch.zeros_like(each)))
        elif isinstance(each, (list, tuple)):
            found += _derivable([e for e in each if isinstance(e, (torch.Tensor, list, tuple))])
    return found
