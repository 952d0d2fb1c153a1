"""Server-sent events by the rules of the WHATWG's HTML standard, and newline-delimited JSON.

Both take bytes in pieces, cut anywhere. Neither knows what the events mean.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from proofbook_subjects.apis.client.lines import LineSplitter, TextDecoder

__all__ = ["Event", "EventDecoder", "JsonLinesDecoder", "StreamDecoder"]


class Event(NamedTuple):
    """One event: its name (``message`` where none was sent), and its data lines, joined."""

    name: str
    data: str


class StreamDecoder(Protocol):
    """Takes pieces of a body, gives events."""

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that are now whole."""
        ...

    def end(self) -> list[Event]:
        """Return what the end of the body completes."""
        ...


class EventDecoder:
    """``text/event-stream``: an event that no blank line has ended is dropped at the end."""

    def __init__(self) -> None:
        self._text, self._lines = TextDecoder(), LineSplitter()
        self._name, self._data = "", list[str]()

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that are now whole."""
        lines = self._lines.feed(self._text.feed(data))
        return [event for line in lines if (event := self._take(line)) is not None]

    def end(self) -> list[Event]:
        """Return nothing: what is not ended does not count."""
        return []

    def _take(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")  # a comment has an empty field
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        return None

    def _dispatch(self) -> Event | None:
        name, data = self._name, self._data
        self._name, self._data = "", []
        return Event(name or "message", "\n".join(data)) if data else None


class JsonLinesDecoder:
    """``application/x-ndjson``: one JSON value a line; the last may lack its line's end."""

    def __init__(self) -> None:
        self._text, self._lines = TextDecoder(), LineSplitter(only_lf=True)

    def feed(self, data: bytes) -> list[Event]:
        """Return the values that are now whole, as text."""
        return _filled(self._lines.feed(self._text.feed(data)))

    def end(self) -> list[Event]:
        """Return the last line."""
        lines = self._lines.feed(self._text.feed(b"", final=True))
        return _filled([*lines, self._lines.rest()])


def _filled(lines: list[str]) -> list[Event]:
    return [Event("message", line) for line in lines if line.strip()]
