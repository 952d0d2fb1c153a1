"""A model's float64 reference: what rounding alone does to its answers, which is the tolerance."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import torch

from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.outputs import Outputs, call, map_tensors, measure_distance
from proofbook_systems.models.widening import InFloat64

__all__ = [
    "EXACT",
    "LEAST",
    "Reference",
    "check_reference",
    "in_float64",
    "make_reference",
    "turns_choice",
    "widen",
]

EXACT = 1e-9
"""How far two right answers in float64 may lie apart."""
_SLACK = 30.0
"""How many times further than the reference's own rounding two right answers may lie apart."""
_EPSILON = 2.0**-23
_OTHER_ORDER = 16 * _EPSILON
"""Another order of adding, as another batch size has, even where the reference saw no rounding."""
LEAST = _SLACK * _EPSILON + _OTHER_ORDER
"""The least that any reference allows."""
_CONDITION = 200.0
"""How many times further than a rounding of the weights float32 may lie from float64."""
_TURNS = 8
"""How many such roundings are tried until one turns a choice over."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The same model in float64: what rounding alone does to its answers."""

    rounding: float
    """Distance of float32 from float64."""
    condition: float
    """Distance that rounding the weights alone makes, in float64."""
    sixteen_bits: str = ""
    """Where a number is rounded to 16 bits on its way, which float64 does not undo."""

    @property
    def tolerance(self) -> float:
        """How far two right answers in float32 may lie apart."""
        return _SLACK * max(self.rounding, self.condition, _EPSILON) + _OTHER_ORDER


def make_reference(model: Any, inputs: Inputs, ours: Outputs) -> Reference:
    """Measure what rounding does to a model's answer.

    Raises:
        Exception: The model does not run in float64.
    """
    exact, wide = in_float64(model), widen(inputs)
    computing = InFloat64()
    with computing:
        there = call(exact, wide)
        _jitter(exact)
        moved = call(exact, wide)
    return Reference(
        rounding=measure_distance(ours, there).share,
        condition=measure_distance(there, moved).share,
        sixteen_bits=computing.sixteen_bits,
    )


def check_reference(reference: Reference) -> str:
    """Return how float32 departs from float64 by more than rounding; empty where it does not."""
    if reference.sixteen_bits:
        return f"a number of 32 bits is rounded to 16 on its way ({reference.sixteen_bits})"
    allowed = _CONDITION * max(reference.condition, _EPSILON)
    if reference.rounding <= allowed and math.isfinite(allowed):
        return ""
    return f"float32 is {reference.rounding:.1e} from float64; rounding explains {allowed:.1e}"


def turns_choice(model: Any, inputs: Inputs, reference: Reference) -> bool:
    """Say whether roundings as large as float32's explain another answer: they turn a choice over.

    Weights are changed by what float32 may lie off; that must move the answer about as far.
    """
    exact, wide = in_float64(model), widen(inputs)
    with InFloat64():
        there = call(exact, wide)
        for seed in range(_TURNS):
            changed = copy.deepcopy(exact)
            _jitter(changed, seed, _CONDITION / 2)
            if measure_distance(there, call(changed, wide)).share * 2 >= reference.rounding:
                return True
    return False


def in_float64(model: Any) -> Any:
    """Return a copy of a model that computes in float64."""
    exact = copy.deepcopy(model).double()
    if hasattr(exact, "set_experts_implementation"):
        exact.set_experts_implementation("eager")  # grouped multiplication has no float64
        for module in exact.modules():  # layers with sizes of their own have copies of it
            if config := vars(module).get("config"):
                config._experts_implementation = "eager"
    return exact


def widen(inputs: Inputs) -> Inputs:
    """Return inputs whose fractions are float64."""

    def wide(value: torch.Tensor) -> torch.Tensor:
        return value.double() if value.is_floating_point() else value

    return {name: map_tensors(value, wide) for name, value in inputs.items()}


def _jitter(model: Any, seed: int = 3, times: float = 1.0) -> None:
    """Change each weight by as much as a rounding to float32 would, or a few ``times`` as much."""
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.is_floating_point():
                sign = torch.rand(parameter.shape, generator=noise).sub(0.5).to(parameter.dtype)
                parameter.mul_(1 + sign * _EPSILON * times)
