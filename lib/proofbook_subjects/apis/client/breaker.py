"""A circuit breaker a host: closed, open after failures in a row, half-open for one probe.

A request counts once, whatever it took: its retries are not failures of their own. Knows nothing
about what a failure is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from proofbook_subjects.apis.client.errors import (
    ApiError,
    CircuitOpenError,
    ProtocolError,
    StatusError,
)
from proofbook_subjects.apis.client.settings import Breaker

__all__ = ["Circuit"]


class Circuit:
    """The circuit to one host."""

    def __init__(self, settings: Breaker, clock: Callable[[], float], host: str) -> None:
        self._settings, self._clock, self._host = settings, clock, host
        self._failures = 0
        self._opened: float | None = None
        self._probing = False

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        """``half-open``: the time of recovery is over, and the next request is a probe."""
        if self._opened is None:
            return "closed"
        return "half-open" if self._left() <= 0 else "open"

    def refuse_if_open(self) -> None:
        """Raise CircuitOpenError where a request would have to wait for the recovery."""
        if self._opened is not None and self._left() > 0:
            raise self._refusal()

    def admit(self) -> bool:
        """Let a request through, or not; return whether it is the probe.

        Raises:
            CircuitOpenError: The circuit is open, or its probe is under way.
        """
        if self._opened is None:
            return False
        if self._left() > 0 or self._probing:
            raise self._refusal()
        self._probing = True
        return True

    def judge(self, error: BaseException, *, probe: bool) -> None:
        """Count what a request ended with: each request once."""
        if isinstance(error, ApiError) and error.faulty_host:
            self.failed(probe=probe)
        elif isinstance(error, StatusError | ProtocolError):
            self.succeeded()  # the host answers
        else:
            self.undecided(probe=probe)

    def succeeded(self) -> None:
        """Count an answer: the circuit is closed."""
        self._failures, self._opened, self._probing = 0, None, False

    def failed(self, *, probe: bool) -> None:
        """Count a failure; one of the probe's opens the circuit again."""
        self._failures += 1
        if probe:
            self._probing = False
        if probe or (0 < self._settings.failures <= self._failures and self._opened is None):
            self._opened = self._clock()

    def undecided(self, *, probe: bool) -> None:
        """Count nothing: the request was cancelled. Another may be the probe."""
        if probe:
            self._probing = False

    def _refusal(self) -> CircuitOpenError:
        left = max(0.0, self._left())
        return CircuitOpenError(
            f"{self._host} failed {self._failures} times in a row and is left alone: "
            f"the next request may go in {left:.1f} s",
            retry_after=left,
        )

    def _left(self) -> float:
        assert self._opened is not None
        return self._opened + self._settings.recovery - self._clock()
