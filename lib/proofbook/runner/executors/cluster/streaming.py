"""Streams from one machine to another that hold a few pieces at a time, however much passes.

Ray would let who yields run ahead of who reads, and keep in its object store all that lies between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

__all__ = ["PIECE", "STREAM", "read_ahead"]

PIECE = 16 * 2**20
"""Bytes of one piece of a file, at most."""
_WINDOW = 4
STREAM = {
    "num_returns": "streaming",
    "_generator_backpressure_num_objects": _WINDOW,
}
"""Options of a function that yields, which waits while so many of its objects are not read yet."""


def read_ahead(references: Any) -> Iterator[Any]:
    """Yield the objects of a stream, the next few of which are under way meanwhile.

    Raises:
        ray.exceptions.RayError: What yields them has failed, or its machine is gone.
    """
    import ray

    coming: deque[Any] = deque()
    for reference in references:
        ray.wait([reference], timeout=0)  # begins to fetch it
        coming.append(reference)
        if len(coming) == _WINDOW:
            yield ray.get(coming.popleft())
    while coming:
        yield ray.get(coming.popleft())
