"""One request under load, and the times that its user feels.

The terms are those of the field: time to first token (TTFT), inter-token latency (ITL), time per
output token after the first (TPOT), end-to-end latency. A *token* is what the server's usage
counts; where it counts none, each piece of a stream is taken for one, and that is told.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Sample"]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One request. Times are seconds on one clock, from the moment that it was due.

    ``due`` is when it should have been sent: a request that waited for its turn in an open loop has
    waited for its user too (else slow servers would hide their queues: coordinated omission).
    """

    due: float
    ended: float
    pieces: tuple[float, ...] = ()
    """When each piece of the stream arrived; empty where the answer came whole."""
    output_tokens: int | None = None
    """As the server counts; None where it does not."""
    text: str = ""
    marker: str = ""
    """What this request alone asked to be repeated."""
    fault: str = ""
    """Why there is no answer; empty where there is one."""

    @property
    def latency(self) -> float:
        """Seconds from due to ended."""
        return self.ended - self.due

    @property
    def ttft(self) -> float | None:
        """Seconds to the first token; None where nothing was streamed."""
        return self.pieces[0] - self.due if self.pieces else None

    @property
    def gaps(self) -> tuple[float, ...]:
        """Inter-token latencies, in seconds."""
        return tuple(b - a for a, b in zip(self.pieces, self.pieces[1:], strict=False))

    @property
    def tokens(self) -> int:
        """Output tokens: the server's count, or the pieces."""
        return len(self.pieces) if self.output_tokens is None else self.output_tokens

    @property
    def tpot(self) -> float | None:
        """Seconds per output token after the first; None for one token, or no stream."""
        if not self.pieces or self.tokens < 2:
            return None
        return (self.pieces[-1] - self.pieces[0]) / (self.tokens - 1)

    @property
    def has_own_answer(self) -> bool:
        """Say whether the answer repeats what this request asked for."""
        return self.marker.lower() in self.text.lower()
