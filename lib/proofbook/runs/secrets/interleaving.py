"""In which orders pieces of several sources may belong together.

What a kernel sends and what its children print arrive by ways of their own: what came in between
may be there by chance.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

__all__ = ["orders"]


def orders(sources: Sequence[str]) -> Iterator[list[int]]:
    """Yield the indices of the pieces of every set of sources: each alone first, all at last.

    Args:
        sources: Where each piece has come from, as they arrived.
    """
    names = sorted(set(sources))
    for number in range(1, len(names) + 1):
        for chosen in itertools.combinations(names, number):
            yield [index for index, source in enumerate(sources) if source in chosen]
