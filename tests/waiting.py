"""Wait for an event, and never for the clock: a busy machine is no failure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

HANG = 300.0
"""Seconds after which something that should have happened is taken to hang; far from any that a
machine under load needs."""
LONG = 60.0
"""Seconds within which something right has begun, even beside much else."""
WHOLE_SESSION = 24 * 3600.0
"""Seconds that no run of all tests takes: for what one test starts and a much later one uses."""


def wait_for(happened: Callable[[], object], seconds: float = HANG) -> None:
    """Return as soon as it has happened; fail where it does not happen at all."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"it did not happen in {seconds:g} s"
        time.sleep(0.02)


def growing(first: float) -> Iterator[float]:
    """Yield bounds, each ten times the last: for one that a test has to wait out.

    What must have happened before it may take longer on a busy machine than what is quick to wait
    for: then the test tries again with the next one.
    """
    bound = first
    while bound < LONG:
        yield bound
        bound *= 10
    yield max(first, LONG)
