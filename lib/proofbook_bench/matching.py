"""Match names of tensors with difflib, as scripts do: every pair of equal shape."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

from proofbook_systems.musicgen.keymap import Part, TensorSpec
from proofbook_systems.musicgen.keymap.names import canonical
from proofbook_systems.musicgen.keymap.rules import targets_of

__all__ = ["Accuracy", "accuracy", "match_with_difflib", "specs_of", "targets_for"]

Shapes = Mapping[str, tuple[int, ...]]


class Accuracy(NamedTuple):
    """How good a matching is."""

    found: float
    """Share of all names that got their key."""
    wrong: int
    """Names that got another's key."""


def match_with_difflib(names: Shapes, keys: Shapes) -> dict[str, str]:
    """Return for each name the free key of equal shape that is most alike, best pairs first."""
    pairs = sorted(
        (
            (SequenceMatcher(None, name, key).ratio(), name, key)
            for name, shape in names.items()
            for key, other in keys.items()
            if shape == other
        ),
        reverse=True,
    )
    matched: dict[str, str] = {}
    taken: set[str] = set()
    for _, name, key in pairs:
        if name not in matched and key not in taken:
            matched[name] = key
            taken.add(key)
    return matched


def accuracy(matched: Mapping[str, str], right: Mapping[str, str]) -> Accuracy:
    """Compare a matching with the right one."""
    found = sum(matched.get(name) == key for name, key in right.items())
    wrong = sum(right.get(name) != key for name, key in matched.items())
    return Accuracy(found / len(right), wrong)


def specs_of(shapes: Shapes) -> dict[str, TensorSpec]:
    """Return names and shapes as the key mapping takes them, in single precision."""
    return {name: TensorSpec(shape, "float32") for name, shape in shapes.items()}


def targets_for(part: Part, keys: Mapping[str, TensorSpec]) -> dict[str, TensorSpec]:
    """Return the parameters that these keys feed by the rules."""
    targets: dict[str, TensorSpec] = {}
    for key, spec in keys.items():
        names = targets_of(part, canonical(key))
        shape = (spec.shape[0] // len(names), *spec.shape[1:])
        targets |= {_newer(name): TensorSpec(shape, spec.dtype) for name in names}
    return targets


def _newer(target: str) -> str:
    """Return a parameter's name in torch's newer spelling of weight norm."""
    stem, leaf = target.rsplit(".", 1)
    half = {"weight_g": "original0", "weight_v": "original1"}.get(leaf)
    return f"{stem}.parametrizations.weight.{half}" if half else target
