"""Randomness in the data: masks and noise, which follow from the item's number alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["IGNORED", "Item", "Transform", "add_noise", "mask_tokens"]

IGNORED = -100
"""A label that counts for nothing, as PyTorch's cross-entropy has it."""


@dataclass(kw_only=True)
class Item:
    """One chunk on its way into a batch; arrays of shape (length,)."""

    input_ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    """:data:`IGNORED` where nothing is to be predicted."""


Transform = Callable[[Item, np.random.Generator], Item]
"""It must draw all its random numbers from the generator that it is given."""


def add_noise(share: float, vocab_size: int, keep: Sequence[int]) -> Transform:
    """Return what replaces a share of the input tokens by random ones; labels stay as they are."""
    kept = np.asarray(sorted(keep), dtype=np.int64)

    def noisy(item: Item, chance: np.random.Generator) -> Item:
        ids = item.input_ids
        hit = (chance.random(ids.size) < share) & ~np.isin(ids, kept)
        item.input_ids = np.where(hit, chance.integers(vocab_size, size=ids.size), ids)
        return item

    return noisy


def mask_tokens(share: float, mask_id: int, vocab_size: int, special: Sequence[int]) -> Transform:
    """Return BERT's masking: of the chosen share, 80 % masked, 10 % random, 10 % as they are.

    At least one token of each item that has any is chosen, so that there is always something to
    learn.
    """
    kept = np.asarray(sorted(special), dtype=np.int64)

    def masked(item: Item, chance: np.random.Generator) -> Item:
        ids = item.input_ids
        draw = np.where(np.isin(ids, kept) | (item.labels == IGNORED), 2.0, chance.random(ids.size))
        chosen = (draw < share) | ((draw == draw.min()) & (draw < 2))
        fate = chance.random(ids.size)
        random_ids = chance.integers(vocab_size, size=ids.size)
        changed: Any = np.where(fate < 0.8, mask_id, np.where(fate < 0.9, random_ids, ids))
        item.labels = np.where(chosen, ids, IGNORED)
        item.input_ids = np.where(chosen, changed, ids)
        return item

    return masked
