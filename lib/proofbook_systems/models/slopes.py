"""Whether gradients are the slopes of a loss, which the loss itself tells a little to each side.

Computed in float64, along one direction in which every weight moves: of a part whose gradient is
wrong, the loss tells another slope than the gradients promise. What a model holds fast on purpose
(``detach``, ``no_grad``) is held fast while the loss is asked, too: a gradient that leaves it out
is right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch.overrides import TorchFunctionMode

from proofbook_systems.models.reasons import find_caller

__all__ = ["Asked", "Held", "NoSlopeError", "Slope", "Weights", "find_wrong_slope"]

_STEPS = ((1e-7, 0.02), (1e-8, 1.0), (1e-9, 1.0))
"""How far each weight is moved, as a share of its size, and the share of a bend that the slope at
its middle may be off then: the shorter ones tell bends and edges from breaks."""
_BREAK = 10.0
"""How many times a bend a slope may be off until no shorter step is asked."""
_COARSE = 2.0
"""How many times what rounding allows a slope must be off to be asked with a shorter step."""
_ROUNDING = 2e-15
"""How exactly a loss is known, as a share: a few roundings of float64."""
_EXACT = 1e-8
"""How far a right slope may lie from the gradients', as a share of all that they promise."""
_STRAIGHT = 1e-6
"""The same, of a loss that was asked to one side alone."""

Weights = Sequence[tuple[str, torch.nn.Parameter]]
_FAST = (torch.Tensor.detach, torch.Tensor.data.__get__)  # type: ignore[attr-defined]
"""What holds a number fast."""


class Held(TorchFunctionMode):
    """Notes what a model holds fast, in its order, or gives it out again.

    Asked for its gradients, a model may hold a part of its computing fast. Where the loss is asked
    instead, that part has to stay what it was.
    """

    def __init__(self, kept: list[torch.Tensor] | None = None) -> None:
        super().__init__()
        self.kept: list[torch.Tensor] = [] if kept is None else kept
        self.places: dict[str, None] = {}
        """Files and lines of the model's code that hold something fast, in their order."""
        self._gives, self._place, self._off = kept is not None, 0, False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch._C._set_grad_enabled:
            # Within a function of its own, nothing is derived anyway, and nothing held fast so.
            self._off = not args[0] and (self._off or torch.is_grad_enabled())
            return func(*args, **kwargs)
        made = func(*args, **kwargs)
        # Of a function of its own, torch puts back the mode without a word.
        held = (self._off and not torch.is_grad_enabled()) or func in _FAST
        if not held or not _is_fraction(made) or any(made is each for each in args):
            return made
        return self._hold(made)

    def _hold(self, made: torch.Tensor) -> torch.Tensor:
        if not self._gives:
            self.kept.append(made.clone())
            self.places.setdefault(find_caller(__file__))
            return made
        self._place += 1
        before = self.kept[self._place - 1] if self._place <= len(self.kept) else None
        if before is None or before.shape != made.shape:
            raise NoSlopeError("a little to the side, the model computes in another order")
        return before.clone()


class NoSlopeError(Exception):
    """A loss that cannot be asked for its slope: a model does not run in float64, or computes
    otherwise a little to the side."""


def _is_fraction(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


class Slope(NamedTuple):
    """What a part's gradients promise, and what the loss does."""

    part: str
    promised: float
    found: float


@dataclass
class Asked:
    """A loss that can be asked to each side of where its gradients were taken."""

    loss: Callable[[], float]
    """Computes the loss, with all that is held fast."""
    weights: Weights
    first: float
    still: Mapping[str, int]
    """Rows of tables that no training moves, by the name of the table."""
    directions: list[torch.Tensor] = field(default_factory=list)
    promised: list[float] = field(default_factory=list)

    def draw(self, seed: int = 0) -> None:
        """Draw in which direction each weight moves: half along its gradient, half anywhere."""
        noise = torch.Generator().manual_seed(seed)
        for name, weight in self.weights:
            assert weight.grad is not None
            drawn = torch.randn(weight.shape, generator=noise, dtype=weight.dtype)
            along = weight.grad / weight.grad.square().mean().sqrt().clamp(min=1e-300)
            sign = 1.0 if torch.rand((), generator=noise) < 0.5 else -1.0
            size = weight.detach().square().mean().sqrt().clamp(min=1e-3)
            direction = size * (sign * along + drawn)
            if name in self.still:
                direction[self.still[name]] = 0
            self.directions.append(direction)
            self.promised.append(float((direction * weight.grad).sum()))

    def slope(self, places: range, step: float) -> tuple[float, float]:
        """Return the slope of the loss where some weights move, and how much it bends there."""
        after, before = self.moved(places, step), self.moved(places, -step)
        return (after - before) / (2 * step), abs(after - 2 * self.first + before) / step

    def moved(self, places: range, step: float) -> float:
        """Return the loss where some weights have moved so far; they are put back."""
        kept = [self.weights[place][1].detach().clone() for place in places]
        with torch.no_grad():
            for place in places:
                self.weights[place][1].add_(self.directions[place], alpha=step)
        try:
            return self.loss()
        finally:
            with torch.no_grad():
                for place, value in zip(places, kept, strict=True):
                    self.weights[place][1].copy_(value)

    def is_right(self, places: range) -> tuple[bool, float]:
        """Say whether the loss has the slope that is promised, and which one it has."""
        promised = sum(self.promised[place] for place in places)
        whole = sum(abs(self.promised[place]) for place in places)
        # To one side is enough, where it is as good as no bend would have it.
        first = _STEPS[0][0]
        found = (self.moved(places, first) - self.first) / first
        if abs(found - promised) <= _STRAIGHT * whole:
            return True, found
        for (step, share), allowed, next_ in zip(
            _STEPS, self._allowed(whole), (*self._allowed(whole)[1:], math.inf), strict=True
        ):
            found, bend = self.slope(places, step)
            off = abs(found - promised)
            if off <= allowed + share * bend:
                return True, found
            straight = off > allowed + _BREAK * bend  # no bend explains so much
            # Edges on both sides look straight, too: a shorter step tells, where it is not too
            # coarse to tell anything.
            if off <= _COARSE * next_ and (straight or step != first):
                break
        return False, found

    def _allowed(self, whole: float) -> list[float]:
        """Return how far a right slope may be off for rounding, at each step."""
        return [_EXACT * whole + _ROUNDING * abs(self.first) / step for step, _ in _STEPS]


def find_wrong_slope(
    loss: Callable[[], float], weights: Weights, first: float, still: Mapping[str, int]
) -> Slope | None:
    """Return the last part whose gradients are not the slope of a loss; None where all are.

    Args:
        loss: Computes the loss in float64, with what is held fast where gradients were taken.
        weights: Names and weights of float64, each with its gradient; they are moved, and put back.
        first: The loss where they are.
        still: Rows that stand for padding, which no gradient moves, by the name of their table.
    """
    asked = Asked(loss=loss, weights=weights, first=first, still=still)
    asked.draw()
    places = range(len(weights))
    right, found = asked.is_right(places)
    if right:
        return None
    while len(places) > 1:
        # A fault is told by all parts before it: the last of them is the nearest. Slopes add up,
        # so that where the second half is right the first one is wrong.
        first_half, second_half = places[: len(places) // 2], places[len(places) // 2 :]
        right, there = asked.is_right(second_half)
        places, found = (first_half, found - there) if right else (second_half, there)
    return Slope(weights[places[0]][0], asked.promised[places[0]], found)
