"""Whether the numbers that a model computes with can be right: weights, and tables beside them.

Names the tensor. Looks at what was loaded or drawn, before anything is computed with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.outputs import Outputs, call, measure_distance

__all__ = ["Alike", "check_tensors", "find_alike", "name_broken"]

_WIDE = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""Kinds of numbers that can be asked whether they are finite."""
_NOISE = 0.1
"""How far the numbers of a table are changed at most, to see whether they are read."""


class Alike(NamedTuple):
    """A tensor whose numbers are all alike."""

    name: str
    value: float
    is_matrix: bool
    """Whether it is long in more than one dimension: a fresh bias is zero, and a norm's weight one,
    and a table of one row is a bias."""


def check_tensors(model: Any, inputs: Inputs, ours: Outputs, *, real: bool) -> str:
    """Return which tensor of a model cannot be right; empty where each can.

    A number that is none; of trained weights, a matrix whose numbers are all alike; and a table
    that is not saved, whose numbers are all alike though the answer depends on them: nothing will
    ever fill it.

    Args:
        model: The model.
        inputs: What it was given.
        ours: Its answer.
        real: Whether its weights were trained.
    """
    if broken := name_broken(model):
        return broken
    if real and (alike := [each for each in find_alike(model) if each.is_matrix]):
        more = f", and so {len(alike) - 1} more matrices" if len(alike) > 1 else ""
        return f"all numbers of {alike[0].name} are {alike[0].value:g}{more}"
    for name, table in _unsaved_tables(model):
        if _is_alike(table) and _matters(table, model, inputs, ours):
            value = float(table.flatten()[0])
            return f"all numbers of {name} are {value:g}: it is not saved, and the answer reads it"
    return ""


def find_alike(model: Any) -> list[Alike]:
    """Return the weights whose numbers are all alike."""
    weights = [(name, each.detach()) for name, each in model.named_parameters()]
    return [
        Alike(name, float(each.flatten()[0]), sum(size > 1 for size in each.shape) > 1)
        for name, each in weights
        if each.dtype in _WIDE and _is_alike(each)
    ]


def name_broken(model: Any) -> str:
    """Return which weight or table has a number that is none; empty where all have numbers.

    A table may hold infinity, as a mask does; a weight may not.
    """
    broken = [
        (name, bad, each.numel())
        for name, each in model.named_parameters()
        if each.dtype in _WIDE and (bad := int((~torch.isfinite(each)).sum()))
    ]
    broken += [
        (name, bad, each.numel())
        for name, each in model.named_buffers()
        if each.dtype in _WIDE and (bad := int(torch.isnan(each).sum()))
    ]
    if not broken:
        return ""
    name, bad, size = broken[0]
    more = f", and so have {len(broken) - 1} more tensors" if len(broken) > 1 else ""
    return f"{name} has {bad} of {size} numbers that are not finite{more}"


def _unsaved_tables(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    for place, module in model.named_modules():
        for name, buffer in module.named_buffers(recurse=False):
            if name in module._non_persistent_buffers_set and buffer.dtype in _WIDE:
                yield f"{place}.{name}" if place else name, buffer


def _is_alike(value: torch.Tensor) -> bool:
    return value.numel() > 1 and bool((value == value.flatten()[0]).all())


def _matters(table: torch.Tensor, model: Any, inputs: Inputs, ours: Outputs) -> bool:
    """Say whether other numbers in a table change an answer."""
    kept, noise = table.clone(), torch.Generator().manual_seed(0)
    table.add_(torch.rand(table.shape, generator=noise).to(table.dtype) * _NOISE)
    try:
        return measure_distance(ours, call(model, inputs)).share > 0
    finally:
        table.copy_(kept)
