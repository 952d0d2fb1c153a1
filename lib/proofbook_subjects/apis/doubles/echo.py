"""What every double answers: the last message's words again, counted, and vectors for texts.

Knows no protocol.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["KEY", "MODEL", "SIZE", "Reply", "embed", "flatten", "identify", "reply_to", "token_ids"]

KEY = "test-key"
"""The only key that a double takes."""
MODEL = "double-small"
"""The only model that a double has."""
SIZE = 16
"""Numbers of a vector."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model would have said."""

    pieces: tuple[str, ...]
    """Its text word by word, each but the first with the blank before it."""
    cut: bool
    """Whether it was longer than was wanted."""
    input_tokens: int
    """Words of all that was said before."""

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.pieces)

    @property
    def output_tokens(self) -> int:
        """Its words."""
        return len(self.pieces)

    @property
    def total_tokens(self) -> int:
        """The words of both sides."""
        return self.input_tokens + self.output_tokens


def reply_to(texts: Sequence[str], limit: int | None = None) -> Reply:
    """Return the words of the last text, at most ``limit``."""
    words = texts[-1].split() if texts else []
    kept = words if limit is None else words[:limit]
    pieces = tuple(word if index == 0 else f" {word}" for index, word in enumerate(kept))
    counted = sum(len(text.split()) for text in texts)
    return Reply(pieces=pieces, cut=len(kept) < len(words), input_tokens=counted)


def flatten(content: object) -> str:
    """Return the text of a message's content: a text, or a list of parts of which some have one."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return " ".join(text for text in texts if isinstance(text, str))


def embed(text: str, size: int = SIZE) -> list[float]:
    """Return a vector of length 1: the same for the same text, another for another."""
    raw = [hashlib.sha256(f"{index} {text}".encode()).digest()[0] - 127.5 for index in range(size)]
    norm = math.sqrt(sum(value * value for value in raw))
    return [value / norm for value in raw]


def identify(prefix: str, *parts: object) -> str:
    """Return an identifier that is the same for the same parts."""
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()
    return f"{prefix}{digest[:24]}"


def token_ids(text: str) -> list[int]:
    """Return a number for each word."""
    return [int(hashlib.sha256(word.encode()).hexdigest()[:4], 16) for word in text.split()]
