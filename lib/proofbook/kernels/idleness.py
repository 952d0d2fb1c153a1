"""How long a forkserver has had nothing to do, and when it therefore ends."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Idleness"]


class Idleness:
    """Counts the time without a kernel, from its own making on; without a limit there is no end."""

    def __init__(self, limit: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        """Seconds without a kernel."""
        self._clock = clock
        self._since = clock()

    def note(self, kernels: int) -> None:
        """Take in how many kernels there are now."""
        if kernels:
            self._since = self._clock()

    def ends_in(self, kernels: int) -> float | None:
        """Return the seconds until the limit is reached, at least 0; None while it cannot be."""
        if self.limit is None or kernels:
            return None
        return max(0.0, self._since + self.limit - self._clock())
