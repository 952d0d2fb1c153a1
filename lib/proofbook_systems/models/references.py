"""A model's float64 reference: what rounding alone does to its answers, which is the tolerance.

What is drawn at random is drawn in float32 in both, as a draw in float64 is another one.
"""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.outputs import Outputs, call, map_tensors, measure_distance

__all__ = [
    "EXACT",
    "DrawnInFloat32",
    "Reference",
    "check_reference",
    "in_float64",
    "make_reference",
    "widen",
]

EXACT = 1e-9
"""How far two right answers in float64 may lie apart."""
_SLACK = 30.0
"""How many times further than the reference's own rounding two right answers may lie apart."""
_EPSILON = 2.0**-23
_OTHER_ORDER = 16 * _EPSILON
"""Another order of adding, as another batch size has, even where the reference saw no rounding."""
_DRAWS = (
    "bernoulli", "bernoulli_", "exponential_", "multinomial", "normal", "normal_", "poisson",
    "rand", "rand_like", "randn", "randn_like", "uniform", "uniform_",
)  # fmt: skip
"""What torch calls the operations that draw at random."""
_SHORT = (torch.bfloat16, torch.float16)
_LONG = (torch.float32, torch.float64)
_CONDITION = 200.0
"""How many times further than a rounding of the weights float32 may lie from float64."""


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
    drawing = DrawnInFloat32()
    with drawing:
        there = call(exact, wide)
        _jitter(exact)
        moved = call(exact, wide)
    return Reference(
        rounding=measure_distance(ours, there).share,
        condition=measure_distance(there, moved).share,
        sixteen_bits=drawing.sixteen_bits,
    )


def check_reference(reference: Reference) -> str:
    """Return how float32 departs from float64 by more than rounding; empty where it does not."""
    if reference.sixteen_bits:
        return f"a number of 32 bits is rounded to 16 on its way ({reference.sixteen_bits})"
    allowed = _CONDITION * max(reference.condition, _EPSILON)
    if reference.rounding <= allowed and math.isfinite(allowed):
        return ""
    return f"float32 is {reference.rounding:.1e} from float64; rounding explains {allowed:.1e}"


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


class DrawnInFloat32(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Draws at random in float32 what is asked for in float64, and notes what is cut to 16 bits."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sixteen_bits = ""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if kwargs.get("dtype") in _SHORT and _is_long(args) and not self.sixteen_bits:
            self.sixteen_bits = _find_caller()
        if func.overloadpacket.__name__ not in _DRAWS:  # an attention that could drop computes
            return func(*args, **kwargs)
        drawn = func(*tree_map(_narrow, args), **tree_map(_narrow, kwargs))
        if func._schema.is_mutable:  # it has filled its first argument's copy
            return args[0].copy_(drawn) if _is_wide(args[0]) else drawn
        wide = kwargs.get("dtype") is torch.float64 or any(_is_wide(each) for each in args)
        return drawn.double() if wide and drawn.dtype is torch.float32 else drawn


def _is_long(args: Sequence[Any]) -> bool:
    """Say whether a fraction is given that has more than 16 bits."""
    return bool(args) and isinstance(args[0], torch.Tensor) and args[0].dtype in _LONG


def _find_caller() -> str:
    """Return the file and line outside of torch that asked for the operation."""
    frame = sys._getframe(1)
    while frame.f_back and (
        frame.f_code.co_filename == __file__
        or "torch" in frame.f_globals.get("__name__", "").split(".")[:1]
    ):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def _is_wide(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype is torch.float64


def _narrow(value: Any) -> Any:
    if value is torch.float64:
        return torch.float32
    return value.float() if _is_wide(value) else value


def _jitter(model: Any) -> None:
    """Change each weight by as much as a rounding to float32 would."""
    noise = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.is_floating_point():
                sign = torch.rand(parameter.shape, generator=noise).sub(0.5).to(parameter.dtype)
                parameter.mul_(1 + sign * _EPSILON)
