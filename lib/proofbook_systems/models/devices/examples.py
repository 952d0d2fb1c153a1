"""What a device is asked: inputs to trace, others of the same shape, and inputs of another shape.

The answers are the CPU's, computed before anything is exported.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch

from proofbook_systems.models import references
from proofbook_systems.models.devices.exported import complete
from proofbook_systems.models.inputs import Inputs, join
from proofbook_systems.models.outputs import Outputs, call, measure_distance, name_hollow

__all__ = ["Example", "Examples", "make_examples", "round_to"]

_LONGER = 3
_TEXT = {"input_ids", "attention_mask", "token_type_ids"}
_LABELS = ("labels", "future_values")
"""Inputs that make a model return a loss, which no exporter takes."""


_ROUNDED_SLACK = 4.0
"""How many times further than the CPU's own rounding a device's may move an answer."""
_WIDEST = 0.5


@dataclass(frozen=True, kw_only=True)
class Example:
    """Inputs, and what the model answers on the CPU."""

    inputs: Inputs
    fed: Inputs
    """The same, with what cannot be traced computed from them."""
    answer: Outputs


@dataclass(frozen=True, kw_only=True)
class Examples:
    """What one device is asked."""

    traced: Example
    other: Example
    """Of the same shape, with other values."""
    second: Example | None
    """Of another shape; None where there is none that the model takes."""
    tolerance: Callable[[], float]
    """How far two right answers may lie apart: worked out when it is first asked for."""
    random: bool
    """Whether the answer is drawn at random: another device draws otherwise."""

    def explains(self, share: float) -> bool:
        """Say whether rounding explains a distance, without a reference where any one would."""
        return share <= references.LEAST or share <= self.tolerance()


def make_examples(
    model: Any, one: Inputs, two: Inputs, tolerance: float, *, dynamic: bool
) -> Examples:
    """Return examples of two samples.

    Where shapes may change, a batch of both samples is traced, with a longer text where there is
    only text: a size of one would be taken for a constant. The single sample has the second shape.
    """
    _leave_out_loss(model)
    one, two = (_without_labels(model, each) for each in (one, two))
    single = _ask(model, one)
    pair = _make_pair(model, one, two, single) if dynamic else None
    traced = pair or single
    turned = _lengthened(join([two, one]), traced.inputs) if pair else two
    other = _ask(model, turned)
    return Examples(
        traced=traced,
        other=other,
        second=single if pair else None,
        tolerance=_tolerance_of(model, traced, tolerance),
        random=measure_distance(traced.answer, call(model, traced.inputs, seed=1)).share > 0,
    )


def _ask(model: Any, inputs: Inputs) -> Example:
    return Example(inputs=inputs, fed=complete(model, inputs), answer=call(model, inputs))


def round_to(asked: Examples, model: Any, precision: str) -> Examples:
    """Return examples for a device that rounds: how far the CPU's answer moves by such a rounding.

    Raises:
        ValueError: Rounding alone moves the answer too far for any comparison.
    """
    dtype = getattr(torch, precision)
    rounded = copy.deepcopy(model).to(dtype)
    inputs = {
        name: value.to(dtype)
        if isinstance(value, torch.Tensor) and value.is_floating_point()
        else value
        for name, value in asked.traced.inputs.items()
    }
    moved = measure_distance(asked.traced.answer, call(rounded, inputs)).share
    tolerance = _ROUNDED_SLACK * max(moved, torch.finfo(dtype).eps)
    if tolerance > _WIDEST:
        raise ValueError(f"rounding to {precision} alone moves the answer by {moved:.1e}")
    return replace(asked, tolerance=lambda: tolerance)


def _leave_out_loss(model: Any) -> None:
    """Let a model answer without a loss where its configuration asks for one, as exporters want."""
    if getattr(getattr(model, "config", None), "return_loss", False):
        model.config.return_loss = False


def _without_labels(model: Any, inputs: Inputs) -> Inputs:
    rest = {name: value for name, value in inputs.items() if name not in _LABELS}
    if len(rest) == len(inputs):
        return inputs
    try:
        call(model, rest)
    except Exception:  # noqa: BLE001 - then it needs them, and the exporter says so
        return inputs
    return rest


def _make_pair(model: Any, one: Inputs, two: Inputs, single: Example) -> Example | None:
    """Return both samples as one batch; None where the model does not take two."""
    pair = join([one, two])
    longer = _try_pair(model, _lengthened(pair), single) if set(pair) <= _TEXT else None
    return longer or _try_pair(model, pair, single)


def _try_pair(model: Any, inputs: Inputs, single: Example) -> Example | None:
    try:
        made = _ask(model, inputs)
    except Exception:  # noqa: BLE001 - its own checks say why
        return None
    useful = made.answer and not name_hollow(made.answer)
    return made if useful and _sizes(made.answer) != _sizes(single.answer) else None


def _sizes(outputs: Outputs) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in outputs.items()}


def _lengthened(inputs: Inputs, like: Inputs | None = None) -> Inputs:
    """Return a text with its first words again at its end, where ``like`` has them too."""
    ids = inputs.get("input_ids")
    if ids is None or not set(inputs) <= _TEXT:
        return inputs
    if like is not None and like["input_ids"].shape == ids.shape:
        return inputs
    return {name: torch.cat([value, value[:, :_LONGER]], 1) for name, value in inputs.items()}


def _tolerance_of(model: Any, example: Example, otherwise: float) -> Callable[[], float]:
    """Return what works out how far rounding moves an answer, of the model as it is now.

    Exporters change the model that they are given. Most answers lie so near that nobody asks.
    """
    try:
        kept = copy.deepcopy(model)
    except Exception:  # noqa: BLE001 - nor could it be copied to run in float64
        return lambda: otherwise

    @cache
    def work_out() -> float:
        try:
            return references.make_reference(kept, example.inputs, example.answer).tolerance
        except Exception:  # noqa: BLE001 - it does not run in float64: its own check says why
            return otherwise

    return work_out
