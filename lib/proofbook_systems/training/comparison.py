"""Compare the steps of two trainings, and two files of theirs, to the bit.

Steps are compared by their number. Knows nothing about how the two came about.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from proofbook_systems.training.states import read_states
from proofbook_systems.training.steps import Step, numbering_of

__all__ = [
    "OTHER",
    "Departure",
    "compare_files",
    "compare_states",
    "compare_steps",
    "difference",
    "size_words",
    "stitch",
    "worst",
]


OTHER = 0.0
"""The size of a difference that has none: of texts."""


class Departure(NamedTuple):
    """Where two runs are not the same."""

    what: str
    """The sequence or the file."""
    where: str
    """The step or the key: of a sequence the first, of a file that with the largest difference."""
    by: float
    """Largest difference there; infinite where one has nothing to compare, NaN where one is NaN."""
    step: int | None = None
    keys: Mapping[str, float] = {}
    """Of a file: each key that differs, and by how much."""

    @property
    def words(self) -> str:
        """All of it in a sentence."""
        return f"{self.what} departs at {self.where}, {size_words(self.by)}"


def size_words(by: float) -> str:
    """Return the size of a difference in words."""
    if math.isnan(by):
        return "where one is NaN"
    if by == OTHER:
        return "is another value"
    return "has nothing to compare" if math.isinf(by) else f"by {by:.3g}"


def stitch(starts: Sequence[Sequence[Step]]) -> list[Step]:
    """Return the steps of a training that was started several times: a repeated one counts last."""
    whole: list[Step] = []
    for steps in starts:
        if steps:
            whole = [step for step in whole if step.number < steps[0].number]
            whole += steps
    return whole


def compare_steps(
    ours: Sequence[Step], theirs: Sequence[Step], untold: Collection[int] = frozenset()
) -> list[Departure]:
    """Return where step numbers, learning rates and losses depart, at most once each.

    Args:
        ours: Those that are named.
        theirs: Those that they should be like.
        untold: Numbers that ours may lack.
    """
    found = [_compare_numbers(ours, theirs, untold)]
    mine, other = ({step.number: step for step in steps} for steps in (ours, theirs))
    for label, name in (("learning rate", "lr"), ("loss", "loss")):
        for number in sorted(mine.keys() & other.keys()):
            a, b = getattr(mine[number], name), getattr(other[number], name)
            by = None if a is None or b is None else difference(a, b)
            if by is not None:
                found.append(Departure(label, f"step {number}", by, number))
                break
    return [departure for departure in found if departure is not None]


def compare_files(
    ours: Path, theirs: Path, ignored: Collection[str] = frozenset()
) -> Departure | None:
    """Return where two files with tensors and states depart, or None if they have the same content.

    Args:
        ours: The one that is named.
        theirs: The one that it should be like.
        ignored: Keys that are not compared.

    Raises:
        SubjectError: One of them cannot be read.
    """
    return compare_states(ours.name, read_states(ours), read_states(theirs), ignored)


def compare_states(
    what: str,
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    ignored: Collection[str] = frozenset(),
) -> Departure | None:
    """Return where two mappings of values depart; the key with the largest difference is named."""
    keys: dict[str, float] = {}
    for key in sorted((ours.keys() | theirs.keys()) - set(ignored)):
        if key not in ours or key not in theirs:
            keys[key] = math.inf
        elif (by := difference(ours[key], theirs[key])) is not None:
            keys[key] = by
    return worst(what, keys) if keys else None


def worst(what: str, keys: Mapping[str, float]) -> Departure:
    """Return the departure that names the key with the largest difference; NaN is the largest."""
    key = max(keys, key=lambda key: (math.isnan(keys[key]), keys[key]))
    return Departure(what, key, keys[key], keys=keys)


def difference(a: Any, b: Any) -> float | None:
    """Return by how much two values differ, or None if they are the same to the bit."""
    a, b = _as_array(a), _as_array(b)
    if not hasattr(a, "dtype") or not hasattr(b, "dtype"):
        return _distance(a, b)
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return math.inf
    if a.tobytes() == b.tobytes():
        return None
    if a.dtype.kind not in "fiubc":
        return math.inf
    import numpy as np

    if np.isnan(a).any() != np.isnan(b).any():
        return math.nan
    gaps = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float(np.nanmax(gaps, initial=0.0))


def _compare_numbers(
    ours: Sequence[Step], theirs: Sequence[Step], untold: Collection[int]
) -> Departure | None:
    mine, other = [step.number for step in ours], [step.number for step in theirs]
    if not mine or not other:
        return None if mine == other else Departure("step sequence", "step 1", math.inf, 0)
    stride = numbering_of(theirs).stride
    # The last step may be nearer to the one before it, so the last pair is left out.
    regular = all(b - a == stride for a, b in pairwise(other[:-1]))
    if regular:
        for a, b in pairwise(mine[:-1]):
            if b - a != stride and b not in other:
                return Departure("step sequence", f"step {b}", abs(b - a - stride), b)
        missing = sorted((set(other) ^ set(mine)) - ({*untold} - {*mine}))
        if missing:
            return Departure("step sequence", f"step {missing[0]}", math.inf, missing[0])
    if mine[-1] != other[-1]:
        last = min(mine[-1], other[-1]) + 1
        return Departure("step sequence", f"step {last}", math.inf, last)
    return None


def _as_array(value: Any) -> Any:
    """Return a tensor as an array, whatever its format; all else as it is."""
    import torch

    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach().cpu()
    if value.dtype in (torch.float32, torch.float64, torch.float16, torch.int64, torch.uint8):
        return value.numpy()
    # numpy has no bfloat16 and no float8; every one of their values is a float32.
    return value.float().numpy() if value.is_floating_point() else value.numpy()


def _distance(a: Any, b: Any) -> float | None:
    numbers = isinstance(a, int | float) and isinstance(b, int | float)
    if not numbers:
        return None if type(a) is type(b) and bool(a == b) else OTHER
    if math.isnan(a) or math.isnan(b):
        return None if math.isnan(a) and math.isnan(b) else math.nan
    return None if a == b else abs(a - b)
