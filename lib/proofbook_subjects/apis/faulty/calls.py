"""The log of calls: who called when, with how many in flight, and how each call ended.

Times are of ``time.monotonic()``, which on one machine all processes share. Holds no key.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

__all__ = ["Call", "CallLog"]


@dataclass(kw_only=True)
class Call:
    """One request, or one connection that got no further."""

    number: int
    started: float
    in_flight: int
    """With this one, when it started."""
    ended: float | None = None
    method: str = ""
    path: str = ""
    model: str = ""
    streamed: bool = False
    key: str = "none"
    """``right``, ``wrong``, ``none``; or ``unknown``, where a server behind this one decides."""
    token: str = ""
    """Hash of the key, wherever the call carries it: tells a new one from the one before."""
    body: str = ""
    """Hash of what was asked, which tells a repetition from another request."""
    fault: str = ""
    status: int | None = None
    wait_told: float | None = None
    """Seconds to wait before the next call, as the answer's headers say."""
    parts: int = 0
    """Parts of the body that were sent."""
    how: str = ""
    """``answered``, ``fault``, ``client gone``; empty while it is open."""
    _leave: Callable[[], None] = field(default=lambda: None, repr=False)

    def leave(self) -> None:
        """Count the call as in flight no more: its last bytes are about to be sent.

        After them is too late: the client may begin its next call before this process goes on.
        """
        if self.ended is None:
            self.ended = time.monotonic()
            self._leave()


class CallLog:
    """All calls since the last reset."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._open: set[int] = set()
        self._begun = 0
        self._peak = 0

    def begin(self) -> Call:
        """Note a call that starts now."""
        self._begun += 1
        number = self._begun
        call = Call(number=number, started=time.monotonic(), in_flight=len(self._open) + 1)
        call._leave = lambda: self._open.discard(number)
        self.calls.append(call)
        self._open.add(number)
        self._peak = max(self._peak, len(self._open))
        return call

    def end(self, call: Call, how: str) -> None:
        """Note how a call ended, now."""
        call.leave()
        call.how = how

    def reset(self) -> None:
        """Forget all calls; those that are open stay in flight."""
        self.calls = []
        self._peak = len(self._open)

    def summary(self) -> dict[str, int]:
        """Return how many calls there were, the most at once, and how many are open."""
        return {"calls": len(self.calls), "peak": self._peak, "open": len(self._open)}

    def listed(self) -> list[dict[str, Any]]:
        """Return every call as JSON takes it."""
        return [
            {each.name: getattr(call, each.name) for each in fields(call) if each.name[0] != "_"}
            for call in self.calls
        ]
