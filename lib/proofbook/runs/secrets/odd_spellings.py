"""How a secret may be spelled by who dumps it: each character escaped, or the whole encoded twice.

Looked for is a secret of which each character is spelled in the same way. Not looked for are
letters with something between them, a dump with offsets or text in each line, base85, base32 in
small letters, what is encoded three times, archives and ciphers. Knows nothing about names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from proofbook.runs.secrets.encodings import base32_parts, base64_parts

__all__ = ["Unescaped", "twice_encoded_forms", "unescaped"]

_SHORTEST = 8
"""So many characters in a row are looked at: a shorter secret is one only as a word of its own."""
_HEX = "[0-9A-Fa-f]{2}"


@dataclass(frozen=True)
class Unescaped:
    """A part of a text in which each character is escaped."""

    text: str
    numbers: Callable[[], Iterator[re.Match[str]]]

    @cached_property
    def places(self) -> list[tuple[int, int]]:
        """Of each character, where in the text as it was its escape begins and ends."""
        return [match.span("whole") for match in self.numbers()]


class _Way(NamedTuple):
    """One way to write each character as a number."""

    sign: str
    """What every number has before it; but in a list, the first."""
    run: re.Pattern[str]
    """Many of them."""
    one: re.Pattern[str]
    """One: as a whole, without what is between two, and its digits."""
    first: re.Pattern[str] | None
    """In a list, the first number, before a run."""
    base: int


def twice_encoded_forms(secret: str) -> tuple[str, ...]:
    """Return a secret in base32, at any place; in base64 twice, or of UTF-16; and backwards."""
    data = secret.encode(errors="surrogatepass")
    wide = secret.encode("utf-16-le", errors="surrogatepass")
    twice = [outer for inner in base64_parts(data) for outer in base64_parts(inner.encode())]
    return (*base32_parts(data), *twice, *base64_parts(wide), secret[::-1])


def unescaped(text: str) -> Iterator[Unescaped]:
    """Yield what a text is where many characters in a row are escaped in one way."""
    for way in _WAYS:
        if way.sign in text:
            for match in way.run.finditer(text):
                yield _decoded(way, text, *match.span())


def _decoded(way: _Way, text: str, start: int, end: int) -> Unescaped:
    def numbers() -> Iterator[re.Match[str]]:
        if way.first is not None:
            # The longest that the first number of a list can be, as in 0x41.
            yield from way.first.finditer(text, max(0, start - 4), start)
        yield from way.one.finditer(text, start, end)

    # A character a byte, so that each has its place; what is no ASCII would be another text.
    data = bytes(int(match["digits"], way.base) & 0xFF for match in numbers())
    return Unescaped(data.decode("latin-1"), numbers)


def _escaped(sign: str, before: str, digits: str, base: int, after: str = "") -> _Way:
    begin = re.escape(sign) + before
    one = f"(?P<whole>{begin}(?P<digits>{digits}){after})"
    return _Way(sign, _run(f"{begin}{digits}{after}", _SHORTEST), re.compile(one), None, base)


def _listed(sign: str, between: str, prefix: str, digits: str, base: int) -> _Way:
    begin = between + prefix
    number = f"(?P<whole>{prefix}(?P<digits>{digits}))"
    first = re.compile(rf"(?<![0-9A-Za-z]){number}\Z")
    run = _run(begin + digits, _SHORTEST - 1)
    return _Way(sign, run, re.compile(between + number), first, base)


def _run(one: str, least: int) -> re.Pattern[str]:
    """Return a pattern that begins with the sign, which is found faster than a group that does."""
    return re.compile(f"{one}(?:{one}){{{least - 1},}}")


_SLASHES = r"(?<!\\\\)\\*"
"""More backslashes; not tried from each of a million that stand in a row."""
_WAYS = (
    _escaped("%", "(?:25)*", _HEX, 16),
    _escaped("=", "(?:\r?\n=)?", _HEX, 16),
    _escaped("&#", "0*", "[0-9]{2,3}", 10, ";"),
    _escaped("&#", "[xX]0*", _HEX, 16, ";"),
    _escaped("\\", _SLASHES + "[xX]", _HEX, 16),
    _escaped("\\", _SLASHES + "u00", _HEX, 16),
    _escaped("\\", _SLASHES, "[0-7]{3}", 8),
    _listed(":", ":", "", _HEX, 16),
    _listed("-", "-", "", _HEX, 16),
    _listed(" ", r"[ \n]{1,4}", "(?:0x)?", _HEX, 16),
    _listed(",", r",\s*", "0x", _HEX, 16),
    _listed(",", r",\s*", "", "[0-9]{2,3}", 10),
)
