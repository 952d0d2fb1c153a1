"""What the client takes from outside: time, sleep and randomness, to be replaced in tests."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

__all__ = ["Outside"]


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Clocks, sleep and randomness."""

    clock: Callable[[], float] = time.monotonic
    """Seconds, for durations."""
    wall_clock: Callable[[], float] = time.time
    """Seconds since 1970, for dates."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: random.Random = field(default_factory=random.Random)
