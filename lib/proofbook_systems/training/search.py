"""The largest size that fits, in few trials. Knows nothing about what a size is."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["find_largest"]


def find_largest(
    fits: Callable[[int], bool], first: int, limit: int, *, tolerance: float = 0.0
) -> int:
    """Return the largest size that fits: by doubling, then by halving what is between.

    Args:
        fits: Tries a size; every size below one that fits is taken to fit.
        first: The first to be tried.
        limit: The largest that is tried.
        tolerance: Part of the result by which it may be too small.

    Returns:
        0 where not even the first fits.
    """
    good, bad = 0, limit + 1
    size = min(first, limit)
    while size < bad:
        if fits(size):
            good, size = size, min(2 * size, limit) if size < limit else bad
        else:
            bad = size
    while good and bad <= limit and bad - good > max(1, tolerance * good):
        size = (good + bad) // 2
        if fits(size):
            good = size
        else:
            bad = size
    return good
