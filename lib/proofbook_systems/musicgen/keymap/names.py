"""Take names of tensors apart: wrappers, weight-norm spellings, words and numbers.

Knows no rule of any model.
"""

from __future__ import annotations

import functools
import re
from typing import Literal

__all__ = ["WRAPPERS", "Role", "canonical", "numbers", "pieces", "role", "words"]

WRAPPERS = frozenset(
    {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "mha"}
)
"""Tokens that wrapping a module adds to the names of what is in it."""

Role = Literal["magnitude", "direction", "weight", "bias", "other"]
"""What a tensor is to its layer; the first two are the halves of a weight-norm pair."""

_SPELLINGS = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}
_ENDS: tuple[tuple[tuple[str, ...], Role], ...] = (
    (("weight", "g"), "magnitude"),
    (("weight", "original0"), "magnitude"),
    (("weight", "v"), "direction"),
    (("weight", "original1"), "direction"),
    (("weight",), "weight"),
    (("bias",), "bias"),
)
_PIECE = re.compile(r"[^\W_]+")


@functools.lru_cache(maxsize=16_384)
def canonical(name: str) -> str:
    """Return ``name`` without wrappers, and with one spelling for a weight-norm pair."""
    name = ".".join(token for token in name.split(".") if token not in WRAPPERS)
    for spelling, short in _SPELLINGS.items():
        if name.endswith(spelling):
            return name.removesuffix(spelling) + short
    return name


@functools.lru_cache(maxsize=16_384)
def role(name: str) -> Role:
    """Return what the tensor is, as far as the end of its name says."""
    parts = words(name)
    return next((kind for end, kind in _ENDS if parts[-len(end) :] == end), "other")


def pieces(name: str) -> list[str]:
    """Return what is between separators, in lower case."""
    return _PIECE.findall(name.lower())


def words(name: str) -> tuple[str, ...]:
    """Return the pieces that are not numbers."""
    return tuple(piece for piece in pieces(name) if not piece.isdecimal())


def numbers(name: str) -> tuple[int, ...]:
    """Return the pieces that are numbers: layers, codebooks."""
    return tuple(int(piece) for piece in pieces(name) if piece.isdecimal())
