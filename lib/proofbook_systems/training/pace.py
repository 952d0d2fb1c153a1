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


class Pace(NamedTuple):
    """Seconds of a step, and the cores that it takes."""

    seconds: float
    """The median over parts of the training."""
    slowest: float
    """In the slowest part."""
    cores: float
    """That its processes kept busy."""


def find_pace(samples: Sequence[MemorySample], parts: int = 8) -> Pace | None:
    """Return how a training goes, without its beginning; None where there are too few samples."""
    last = max((sample.step for sample in samples), default=0)
    late = [sample for sample in samples if max(1, last * _WARM_UP) <= sample.step]
    changes = [b for a, b in itertools.pairwise(late) if b.step > a.step]
    if len(changes) < _FEWEST:
        return None
    each = max(1, len(changes) // parts)
    marks = [*changes[:-1:each], changes[-1]]
    paces = [(b.seconds - a.seconds) / (b.step - a.step) for a, b in itertools.pairwise(marks)]
    first, end = changes[0], changes[-1]
    cores = max(0.0, end.cpu - first.cpu) / (end.seconds - first.seconds)
    return Pace(median(paces), max(paces), cores)
