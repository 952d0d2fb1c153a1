"""What passes between the core and a backend: a request to send, and what was read in an answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from proofbook_subjects.apis.client.answers import Usage

__all__ = ["Call", "Message", "Part", "PartReader", "Reply", "TextRequest", "Vectors"]

Message = Mapping[str, Any]
"""``{"role": "user", "content": "…"}``."""


@dataclass(frozen=True, kw_only=True)
class TextRequest:
    """A chat (``messages``) or a completion (``prompt``)."""

    model: str
    messages: Sequence[Message] = ()
    prompt: str = ""
    max_tokens: int | None = None
    temperature: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the backend's own, put into the body as they are."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One HTTP request, below the base URL."""

    method: str = "POST"
    path: str
    body: Any = None
    """To be sent as JSON; None sends none."""
    content: bytes | None = None
    """To be sent as it is."""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    """For the message, should there be no such model."""


class Reply(NamedTuple):
    """What a backend reads in an answer."""

    text: str
    usage: Usage | None = None
    finish_reason: str | None = None
    model: str | None = None


class Vectors(NamedTuple):
    """What a backend reads in an answer about embeddings."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage | None = None
    model: str | None = None


class Part(NamedTuple):
    """What a backend reads in one event of a stream; later values replace earlier ones."""

    text: str = ""
    usage: Usage | None = None
    finish_reason: str | None = None
    last: bool = False
    """The backend's own sign that the stream is whole."""
    model: str | None = None


class PartReader(Protocol):
    """Reads the stream of one answer."""

    def feed(self, data: bytes) -> Iterable[Part]:
        """Return what is whole."""
        ...

    def end(self) -> Iterator[Part]:
        """Return what the end of the body completes."""
        ...
