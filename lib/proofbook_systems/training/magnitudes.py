"""How large departures are, against what a training changes by itself.

Knows nothing about causes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from proofbook_systems.training.evidence import Evidence
from proofbook_systems.training.roles import Role
from proofbook_systems.training.steps import Step

__all__ = [
    "common_factor",
    "departs_hardly",
    "has_same_data",
    "mean_loss",
    "noise",
    "one_tensor",
    "rate_shift",
    "relative_size",
]

_HARDLY = 1e-4
"""Part of the loss by which only weights that are almost the same change it."""
_LITTLE = 0.25
"""Part of what the loss changes from step to step below which the data must be the same."""
_TINY = 1e-4
"""The same, where it is not known whether the data are restored."""
_ALIKE = 2e-3
"""Part by which factors between rates differ that are told with four digits."""
_FEWEST = 2
_ONE_LAYER = 20.0
"""How many times the median difference one tensor's must be to be called the cause."""


def noise(evidence: Evidence) -> float:
    """Return how much the loss changes from one step to the next by the data alone: the median."""
    losses = [step.loss for step in evidence.control.ended.steps if step.loss is not None]
    changes = sorted(abs(b - a) for a, b in pairwise(losses))
    return changes[len(changes) // 2] if changes else 0.0


def has_same_data(evidence: Evidence) -> bool:
    """Say whether the first loss departs by so little that the data are the same."""
    number = evidence.departs("loss")
    if number is None or "random numbers" in evidence.states:
        return False
    gap = evidence.gap(number)
    if gap <= _TINY * noise(evidence):
        return True
    kept = evidence.saved & {"random numbers", "order of the data"}
    return bool(kept or evidence.coarse) and gap <= _LITTLE * noise(evidence)


def mean_loss(steps: Mapping[int, Step], numbers: Sequence[int]) -> float | None:
    """Return the mean loss of some steps; None where one of them does not tell it."""
    losses = [steps[n].loss for n in numbers if n in steps]
    told = [loss for loss in losses if loss is not None]
    return sum(told) / len(told) if told and len(told) == len(losses) else None


def relative_size(evidence: Evidence, role: Role) -> float:
    """Return the largest difference of a role as a part of its largest value; 0 where none is."""
    sizes = [by for by in evidence.states.get(role, {}).values() if math.isfinite(by)]
    if not sizes:
        return 0.0
    values = [_largest_value(evidence.theirs[key]) for key in evidence.states[role]]
    largest = max(values, default=0.0)
    return max(sizes) / largest if largest else math.inf


def _largest_value(value: Any) -> float:
    if hasattr(value, "numel") and value.numel():
        return float(value.abs().max())
    return abs(float(value)) if isinstance(value, int | float) else 0.0


def one_tensor(evidence: Evidence) -> str | None:
    """Return the weight that departs far more than the others; None where none does."""
    sizes = sorted((by, key) for key, by in evidence.states.get("weights", {}).items() if by > 0)
    if len(sizes) < 3 or not math.isfinite(sizes[-1][0]):
        return None
    return sizes[-1][1] if sizes[-1][0] > _ONE_LAYER * sizes[len(sizes) // 2][0] else None


def common_factor(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return how many times as large our values are; None where that varies, or nothing else does.

    Args:
        pairs: Ours and theirs: rates update by update, or gradients part by part.
    """
    known = [(ours, theirs) for ours, theirs in pairs if ours > 0 and theirs > 0]
    if len({theirs for _, theirs in known}) < _FEWEST or len(known) < len(pairs):
        return None
    factors = [ours / theirs for ours, theirs in known]
    return factors[0] if max(factors) - min(factors) <= _ALIKE * min(factors) else None


def rate_shift(evidence: Evidence, number: int) -> int | None:
    """Return by how many steps the learning rates are behind those of the control."""
    rates, told = {n: step.lr for n, step in evidence.control.steps.items()}, evidence.told
    compared = [n for n in sorted(told) if n >= number and told[n].lr is not None][:4]
    nearest = sorted(range(-number, number), key=lambda n: (n != evidence.resumed_at, abs(n)))
    for shift in nearest:
        if shift and all(rates.get(n - shift) == told[n].lr for n in compared):
            return shift
    return None


def departs_hardly(evidence: Evidence) -> bool:
    """Whether the first loss departs by less than other data, or other random numbers, make it."""
    number = evidence.departs("loss")
    if number is None or not evidence.loss_departs_at_once:
        return False
    return evidence.gap(number) <= _HARDLY * abs(evidence.control.steps[number].loss or 0)
