"""Compare an interrupted training with an uninterrupted one: which sequence departs first, where.

Values are compared bit for bit. Knows nothing about how the two came about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from proofbook_systems.training.checkpoints import read_states
from proofbook_systems.training.steps import Step

__all__ = ["Departure", "compare_files", "compare_steps", "stitch"]


class Departure(NamedTuple):
    """The first place at which two runs are not the same."""

    what: str
    """The sequence or the file."""
    where: str
    """The step or the key."""
    by: float
    """Largest difference there; infinite where one has nothing to compare."""

    @property
    def words(self) -> str:
        """All of it in a sentence."""
        size = "has nothing to compare" if math.isinf(self.by) else f"by {self.by:.3g}"
        return f"{self.what} departs at {self.where}, {size}"


def stitch(starts: Sequence[Sequence[Step]]) -> list[Step]:
    """Return the steps of a training that was started several times: a repeated one counts last."""
    whole: list[Step] = []
    for steps in starts:
        if steps:
            whole = [step for step in whole if step.number < steps[0].number]
            whole += steps
    return whole


def compare_steps(ours: Sequence[Step], theirs: Sequence[Step]) -> list[Departure]:
    """Return where the sequences of step numbers, learning rates and losses depart."""
    departures = []
    for name in ("number", "lr", "loss"):
        label = {"number": "step sequence", "lr": "learning rate", "loss": "loss"}[name]
        pairs = zip(ours, theirs, strict=False)
        for index, (mine, other) in enumerate(pairs):
            a, b = getattr(mine, name), getattr(other, name)
            if not _same_number(a, b):
                departures.append(Departure(label, f"step {index + 1}", _distance(a, b)))
                break
        else:
            if len(ours) != len(theirs):
                shorter = min(len(ours), len(theirs))
                departures.append(Departure(label, f"step {shorter + 1}", math.inf))
    return departures


def compare_files(ours: Path, theirs: Path) -> Departure | None:
    """Return where two files with tensors and states depart, or None if they have the same content.

    Raises:
        SubjectError: One of them cannot be read.
    """
    mine, other = read_states(ours), read_states(theirs)
    for key in sorted(mine.keys() | other.keys()):
        if key not in mine or key not in other:
            return Departure(ours.name, key, math.inf)
        by = _difference(mine[key], other[key])
        if by is not None:
            return Departure(ours.name, key, by)
    return None


def _difference(a: Any, b: Any) -> float | None:
    """Return by how much two values differ, or None if they are the same to the bit."""
    a, b = _as_array(a), _as_array(b)
    if not hasattr(a, "dtype") or not hasattr(b, "dtype"):
        same = _same_number(a, b) if isinstance(a, float) and isinstance(b, float) else a == b
        return None if bool(same) else _distance(a, b)
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return math.inf
    if a.tobytes() == b.tobytes():
        return None
    import numpy as np

    gaps = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float(np.nanmax(gaps, initial=0.0))


def _as_array(value: Any) -> Any:
    """Return a tensor as an array, whatever its format; all else as it is."""
    import torch

    if not isinstance(value, torch.Tensor):
        return value
    # numpy has no bfloat16; every one of its values is a float32.
    return (value.float() if value.dtype == torch.bfloat16 else value).cpu().numpy()


def _same_number(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return a == b or (math.isnan(a) and math.isnan(b))


def _distance(a: Any, b: Any) -> float:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return abs(a - b)
    return math.inf
