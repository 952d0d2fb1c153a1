"""What an answer is before it is sent, and before something goes wrong with it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = [
    "KEY",
    "MODEL",
    "Answer",
    "Asked",
    "Dialect",
    "embed",
    "json_answer",
    "stream_answer",
    "words_of",
]

KEY = "test-key"
MODEL = "double-small"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By lower-case names."""
    body: bytes
    raw: bytes
    """All of its bytes."""

    def document(self) -> dict[str, Any]:
        """Return the JSON object that was sent; an empty one where it is none."""
        try:
            document = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return document if isinstance(document, dict) else {}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A status, headers without framing, and the parts of the body."""

    status: int
    headers: Sequence[tuple[str, str]]
    parts: AsyncIterator[bytes]
    """An event each, where it is streamed."""
    streamed: bool = False


class Dialect(Protocol):
    """One protocol: its right answers, and its own forms of an error."""

    inference: Sequence[str]
    """Ends of the paths that cost something; others only ask."""

    def answer(self, asked: Asked) -> Answer: ...
    def error(self, status: int, message: str) -> dict[str, Any]: ...
    def error_event(self, message: str) -> bytes: ...


async def _once(parts: Sequence[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def json_answer(document: object, status: int = 200) -> Answer:
    """Return an answer of one JSON document."""
    body = json.dumps(document, ensure_ascii=False).encode()
    headers = [("Content-Type", "application/json")]
    return Answer(status=status, headers=headers, parts=_once([body]))


def stream_answer(events: Sequence[bytes], content_type: str) -> Answer:
    """Return an answer that is sent event by event."""
    headers = [("Content-Type", content_type), ("Cache-Control", "no-cache")]
    return Answer(status=200, headers=headers, parts=_once(events), streamed=True)


def words_of(messages: object, limit: object = None) -> list[str]:
    """Return the words of the last message, at most ``limit``, each with the space before it."""
    last = messages[-1] if isinstance(messages, list) and messages else {}
    content = last.get("content", "") if isinstance(last, dict) else str(last)
    if isinstance(content, list):
        content = " ".join(str(each.get("text", "")) for each in content if isinstance(each, dict))
    words = str(content).split()[: limit if isinstance(limit, int) else None]
    return [word if number == 0 else f" {word}" for number, word in enumerate(words)]


def embed(text: str, size: int = 8) -> list[float]:
    """Return a unit vector that differs by text."""
    import hashlib
    import math

    digest = hashlib.sha256(text.encode()).digest()
    values = [byte - 127.5 for byte in digest[:size]]
    length = math.sqrt(sum(value * value for value in values))
    return [value / length for value in values]
