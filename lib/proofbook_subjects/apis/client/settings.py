"""The client's settings: small value classes, as httpx has them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Breaker", "Limits", "Price", "Retries", "Timeout"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many requests are sent at once, and how many may wait."""

    max_concurrency: int = 8
    """Requests in flight; a stream counts until it is closed."""
    max_queued: int = 10_000
    """Requests that wait for their turn; one more is refused at once."""

    def __post_init__(self) -> None:
        if self.max_concurrency < 1 or self.max_queued < 0:
            raise ValueError("max_concurrency is at least 1, and max_queued at least 0")


@dataclass(frozen=True, kw_only=True)
class Timeout:
    """Limits in seconds; None is no limit."""

    total: float | None = 600.0
    """Of the whole request: its turn, its retries, and a stream's last event."""
    queue: float | None = None
    """Of waiting for a turn."""
    connect: float | None = 10.0
    """Of opening a connection."""
    read: float | None = 120.0
    """Of the server's silence, before the answer and within it."""


@dataclass(frozen=True, kw_only=True)
class Retries:
    """When to send a request again: 408, 409, 429, 5xx and connection faults."""

    max_retries: int = 2
    """So many calls beyond the first, at most."""
    wait_initial: float = 0.5
    """Seconds before the first retry; they double with each, and half of them is random."""
    wait_max: float = 8.0
    """The longest wait of our own choice, in seconds."""
    max_retry_after: float = 120.0
    """A server that asks to wait longer gets no retry: the request fails at once."""

    def __post_init__(self) -> None:
        if self.max_retries < 0:
            raise ValueError(f"max_retries is at least 0, not {self.max_retries}")


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """When to leave a host alone."""

    failures: int = 10
    """Requests that failed in a row, retries included as one; 0 never opens the circuit."""
    recovery: float = 30.0
    """Seconds until one request is let through as a probe."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a million tokens of a model cost, in the user's currency. Never guessed."""

    input: float
    output: float
    cached_input: float | None = None
    """Of input that the server had in its cache; as ``input`` where it is not given."""
