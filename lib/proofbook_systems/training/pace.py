"""How fast a training goes once it is under way, and how evenly."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from proofbook_systems.training.running import MemorySample

__all__ = ["Pace", "find_pace"]

_WARM_UP = 0.3
"""Part of the steps that is left out."""
_FEWEST = 3
_APART = 0.1
"""Seconds by which a write may be noted after it."""


class Pace(NamedTuple):
    """Seconds of a step, and the cores that it takes."""

    seconds: float
    """The median over parts of the training."""
    slowest: float
    """In the slowest part."""
    cores: float
    """That its processes kept busy, or were ready for while other programs had them."""


def find_pace(
    samples: Sequence[MemorySample], parts: int = 8, *, writes: Sequence[float] = ()
) -> Pace | None:
    """Return how a training goes, without its beginning; None where there are too few samples.

    Args:
        samples: Readings of the training.
        parts: Into how many it is divided.
        writes: Seconds at which it wrote files: saving and validation are no part of its pace.
    """
    last = max((sample.step for sample in samples), default=0)
    late = [sample for sample in samples if max(1, last * _WARM_UP) <= sample.step]
    changes = [b for a, b in itertools.pairwise(late) if b.step > a.step]
    pairs = [
        (a, b) for a, b in itertools.pairwise(changes)
        if not any(a.seconds - _APART < at <= b.seconds for at in writes)
    ]  # fmt: skip
    if len(pairs) < _FEWEST - 1:
        return None
    each = max(1, len(pairs) // parts)
    groups = [pairs[start : start + each] for start in range(0, len(pairs) - each + 1, each)]
    paces = [_seconds(group) / sum(b.step - a.step for a, b in group) for group in groups]
    used = sum(b.cpu - a.cpu + max(0.0, b.queued - a.queued) for a, b in pairs)
    cores = max(0.0, used) / _seconds(pairs)
    return Pace(median(paces), max(paces), cores)


def _seconds(pairs: Sequence[tuple[MemorySample, MemorySample]]) -> float:
    return sum(b.seconds - a.seconds for a, b in pairs)
