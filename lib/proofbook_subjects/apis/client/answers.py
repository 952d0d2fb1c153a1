"""What a call returns: text, vectors, objects; tokens, cost and times under their usual names."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["Answer", "Delta", "Embeddings", "Inference", "StoredObject", "Timing", "Usage"]


class Usage(NamedTuple):
    """Tokens, as the server counted them."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    """The part of the input that came from the server's cache."""


class Delta(NamedTuple):
    """One piece of a streamed text."""

    text: str
    at: float
    """When it was handed on, on the client's clock."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When things happened, in seconds of the client's clock."""

    called: float
    """The call."""
    sent: float
    """The attempt that was answered was sent: its turn had come, earlier attempts had failed."""
    ended: float
    """The answer was whole."""
    attempts: int = 1
    deltas: tuple[float, ...] = ()
    """Each piece of a stream."""

    @property
    def seconds(self) -> float:
        """Of the whole call."""
        return self.ended - self.called

    @property
    def waited(self) -> float:
        """Before the attempt that was answered: for a turn, and for earlier attempts."""
        return self.sent - self.called

    @property
    def time_to_first_token(self) -> float | None:
        """TTFT: from sending to the first piece; None where nothing was streamed."""
        return self.deltas[0] - self.sent if self.deltas else None

    @property
    def inter_token_latencies(self) -> tuple[float, ...]:
        """ITL: the gaps between pieces."""
        return tuple(b - a for a, b in zip(self.deltas, self.deltas[1:], strict=False))

    @property
    def inter_token_latency(self) -> float | None:
        """The median gap between pieces."""
        gaps = self.inter_token_latencies
        return statistics.median(gaps) if gaps else None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A text that a model has written."""

    text: str
    model: str
    finish_reason: str | None
    usage: Usage | None
    """None where the server did not say."""
    cost: float | None
    """From the caller's prices; None without a price or without usage."""
    timing: Timing
    raw: Any = None
    """The answer as it came; of a stream, None."""

    @property
    def time_per_output_token(self) -> float | None:
        """TPOT: seconds from the first piece to the last, for each token after the first."""
        times = self.timing.deltas
        if self.usage is None or self.usage.output_tokens < 2 or len(times) < 2:
            return None
        return (times[-1] - times[0]) / (self.usage.output_tokens - 1)

    @property
    def tokens_per_second(self) -> float | None:
        """Output tokens for each second since the answered attempt was sent."""
        spent = self.timing.ended - self.timing.sent
        return self.usage.output_tokens / spent if self.usage and spent > 0 else None


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """One vector a text, in the order of the texts."""

    vectors: tuple[tuple[float, ...], ...]
    model: str
    usage: Usage | None
    cost: float | None
    timing: Timing
    raw: Any = None


@dataclass(frozen=True, kw_only=True)
class Inference:
    """Output tensors by name, or the predictions, as the server gave them."""

    outputs: Any
    model: str
    timing: Timing
    raw: Any = None


class StoredObject(NamedTuple):
    """One object of a bucket."""

    key: str
    size: int
    etag: str
