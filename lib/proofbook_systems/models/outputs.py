"""What a model answers, as a flat table of tensors, and how far two answers lie apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, NamedTuple

import torch

__all__ = [
    "Distance",
    "Outputs",
    "call",
    "equal",
    "first_sample",
    "flatten",
    "is_blank",
    "is_bundle",
    "map_tensors",
    "measure_distance",
    "name_hollow",
]

Outputs = dict[str, torch.Tensor]

_CACHES = ("cache", "past_key_values", "mems", "state", "past_buckets_states", "padding_cache")


class Distance(NamedTuple):
    """How far two answers lie apart."""

    share: float
    """The largest difference, as a share of the largest number; inf where nothing compares."""
    where: str
    """The output that it was found in, and what is odd about it."""


def flatten(answer: Any) -> Outputs:
    """Return the tensors of an answer by their path; caches are left out."""
    return dict(_walk(answer, ""))


def _walk(value: Any, path: str) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        if value.numel():
            yield path or "output", value.detach()
    elif isinstance(value, Mapping):
        for name, each in value.items():
            if str(name) not in _CACHES:
                yield from _walk(each, f"{path}.{name}" if path else str(name))
    elif isinstance(value, (list, tuple)):
        for index, each in enumerate(value):
            yield from _walk(each, f"{path}[{index}]" if path else f"[{index}]")
    elif hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        yield from _walk({n: getattr(value, n) for n in value.__dataclass_fields__}, path)


def call(model: Callable[..., Any], inputs: Mapping[str, Any], seed: int = 0) -> Outputs:
    """Return what a model answers; chance in it begins at ``seed``."""
    torch.manual_seed(seed)
    with torch.no_grad():
        return flatten(model(**{n: map_tensors(v, torch.clone) for n, v in inputs.items()}))


def map_tensors(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Return a value whose tensors are changed, those in its lists and mappings as well."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map_tensors(each, change) for each in value)
    if isinstance(value, dict):
        return {name: map_tensors(each, change) for name, each in value.items()}
    if is_bundle(value):
        return type(value)(**{n: map_tensors(each, change) for n, each in vars(value).items()})
    return value


def is_bundle(value: Any) -> bool:
    """Say whether a value is an object of fields, as a model may want several inputs at once."""
    return is_dataclass(value) and not isinstance(value, (type, dict))


def equal(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Say whether two tensors hold the same numbers; NaN is equal to NaN alone."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return False
    return bool(((ours == theirs) | (ours.isnan() & theirs.isnan())).all())


def name_hollow(outputs: Outputs) -> list[str]:
    """Return the outputs of fractions without one finite number: nothing compares with them."""
    fractions = {name: value for name, value in outputs.items() if _is_fraction(value)}
    return [name for name, value in fractions.items() if not bool(torch.isfinite(value).any())]


def is_blank(outputs: Outputs) -> bool:
    """Say whether all outputs of fractions are zeros."""
    fractions = [value for value in outputs.values() if _is_fraction(value)]
    return bool(fractions) and not any(bool(value.any()) for value in fractions)


def measure_distance(ours: Outputs, theirs: Outputs) -> Distance:
    """Return the largest distance between two answers, over their outputs of numbers.

    Whole numbers and truth values count as numbers only where no output has a fraction: they come
    of choices, which a rounding can turn over.
    """
    if ours.keys() != theirs.keys():
        return Distance(float("inf"), f"outputs {sorted(ours)} and {sorted(theirs)}")
    fractions = [name for name, value in ours.items() if _is_fraction(value)]
    worst = Distance(0.0, "")
    for name in fractions or list(ours):
        worst = max(worst, _distance(name, ours[name], theirs[name]), key=lambda d: d.share)
    return worst


def _is_fraction(value: torch.Tensor) -> bool:
    return value.is_floating_point() or value.is_complex()


def _distance(name: str, ours: torch.Tensor, theirs: torch.Tensor) -> Distance:
    if ours.shape != theirs.shape:
        return Distance(float("inf"), f"{name}: {tuple(ours.shape)} and {tuple(theirs.shape)}")
    left, right = _numbers(ours), _numbers(theirs)
    finite = torch.isfinite(left)
    if not torch.equal(finite, torch.isfinite(right)):
        return Distance(float("inf"), f"{name}: not finite in different places")
    # A mask's most negative number is finite, and would make every other difference vanish.
    finite &= (left.abs() < 1e30) & (right.abs() < 1e30)
    left, right = left[finite], right[finite]
    if not left.numel():
        return Distance(0.0, name)
    scale = max(float(left.abs().max()), float(right.abs().max()), 1e-30)
    return Distance(float((left - right).abs().max()) / scale, name)


def _numbers(value: torch.Tensor) -> torch.Tensor:
    return torch.view_as_real(value).double() if value.is_complex() else value.double()


def _every_other(value: torch.Tensor, place: int) -> torch.Tensor:
    return value.index_select(place, torch.arange(0, value.shape[place], 2))


def _nearness(alone: torch.Tensor, value: torch.Tensor) -> float:
    return _distance("", alone, value).share if alone.shape == value.shape else 0.0


def first_sample(batch: Outputs, single: Outputs) -> Outputs:
    """Return what a batch answers to its first sample, in the form of the single answer.

    The batch lies wherever a size is twice the single's; two outputs of one size have no batch.
    Of an answer in several rows, as of a model that answers with and without its condition, those
    of one sample lie together or apart: what is nearer to the single answer is taken.
    """
    made: Outputs = {}
    for name, value in batch.items():
        alone = single.get(name)
        if alone is None or alone.dim() != value.dim():
            made[name] = value
            continue
        for place, (size, wanted) in enumerate(zip(value.shape, alone.shape, strict=True)):
            if size == 2 * wanted:
                together, apart = value.narrow(place, 0, wanted), _every_other(value, place)
                value = min(together, apart, key=lambda each: _nearness(alone, each))
        made[name] = value
    return made
