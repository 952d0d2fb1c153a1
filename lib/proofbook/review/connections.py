"""Connections of the review server: one on which nobody asks for anything keeps nobody out.

uvicorn counts every open connection towards its limit and waits for a first request for ever, so a
hundred sockets that say nothing, or half a header, would close the desk. Here a connection has so
many seconds for each request to begin and to be whole up to its body, and where too many are open
the one that has waited longest for a request is closed. Follows ``H11Protocol`` of uvicorn.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import uvicorn

__all__ = ["limit_connections"]


class _Connection(H11Protocol):
    """One connection, closed when no request comes."""

    most: int
    """How many may be open before those that wait are closed."""
    patience: float
    """Seconds for a request to come."""
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        if len(self.connections) >= self.most:
            self._make_room()
        super().connection_made(transport)
        self._wait()

    def on_response_complete(self) -> None:
        # First: the next request may be there, and begins in what is called below.
        self._wait()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def give_up(self) -> None:
        """Close the connection where no request has come."""
        if self.is_idle:
            self.transport.abort()

    def _wait(self) -> None:
        self._stop_waiting()
        self._waiting = self.loop.call_later(self.patience, self.give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()

    def _make_room(self) -> None:
        waiting = [each for each in self.connections if isinstance(each, _Connection)]
        idle = [each for each in waiting if each.is_idle and each._waiting is not None]
        for each in sorted(idle, key=_since)[:1]:
            each.transport.abort()
            self.connections.discard(each)


def _since(connection: _Connection) -> float:
    assert connection._waiting is not None  # only those that wait are compared
    return connection._waiting.when()


def limit_connections(config: uvicorn.Config, most: int, seconds: float) -> uvicorn.Config:
    """Return the configuration with connections that are closed when no request comes.

    Args:
        config: Of the server; it answers at most ``limit_concurrency`` requests at once.
        most: How many connections may be open before those that wait are closed.
        seconds: How long one may take to send the beginning of a request, up to its body.
    """
    limited = {"most": most, "patience": seconds}
    config.http = type("Connection", (_Connection,), limited)
    return config
