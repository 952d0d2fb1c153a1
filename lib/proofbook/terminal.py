"""Print text that somebody else wrote: nothing in it is obeyed by the terminal, or hides."""

from __future__ import annotations

import re
import sys

__all__ = ["as_shown", "say"]

_LINES = "\n\t"
_GROUPED = re.compile(r"(?<=\d)\u202f(?=\d{3})")
"""The narrow space between thousands, which a report writes."""


def as_shown(text: str) -> str:
    """Return a text with escapes for all that is not seen: terminal commands, zero width, and what
    turns the direction of reading. Thousands are apart by commas."""
    if text.isprintable():
        return text
    text = _GROUPED.sub(",", text)
    return "".join(c if c.isprintable() or c in _LINES else _escape(c) for c in text)


def say(text: object, *, err: bool = False) -> None:
    """Print a line; what the stream's encoding cannot hold is escaped as well."""
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    line = as_shown(str(text)).encode(encoding, "backslashreplace").decode(encoding)
    stream.write(f"{line}\n")
    stream.flush()


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
