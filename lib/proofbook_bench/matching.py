"""Match names of tensors with difflib, as scripts do: every pair of equal shape."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

__all__ = ["Accuracy", "accuracy", "match_with_difflib"]

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
