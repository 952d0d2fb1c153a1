"""Random numbers that follow from a seed and a number, and from nothing that came before.

That is what makes a resumed training exact: no state is carried from step to step, so none can be
lost, whatever was interrupted and however many processes prepare the data.
"""

from __future__ import annotations

import numpy as np

__all__ = ["derive_seed", "generator_for", "permutation"]


def derive_seed(*parts: int | str) -> int:
    """Return a 63-bit seed that follows from the parts."""
    words = [int.from_bytes(part.encode()) if isinstance(part, str) else part for part in parts]
    state = np.random.SeedSequence(words).generate_state(1, np.uint64)
    return int(state[0]) >> 1


def generator_for(*parts: int | str) -> np.random.Generator:
    """Return a generator that follows from the parts."""
    return np.random.default_rng(derive_seed(*parts))


def permutation(count: int, *parts: int | str) -> list[int]:
    """Return the numbers below ``count`` in an order that follows from the parts."""
    return [int(number) for number in generator_for(*parts).permutation(count)]
