"""Pause Python's cyclic garbage collector while very many objects are made that all stay.

A report of thousands of jobs, or a plan of them, is a million objects. The collector searches them
again and again and finds nothing: a quarter of the time of such a report, half of the time of such
a plan, and more for each job the more there are.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_paused"]


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the collector, if it is running, until the block or the decorated function ends."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
