"""How a secret may be spelled by who dumps it: each character escaped or apart, or encoded twice.

Looked for is a secret of which each character is spelled in the same way. Not looked for are a dump
with offsets or text in each line, base85 (what is in it depends on what is around it), what is
encoded four times, archives and ciphers other than rot13. Knows nothing about names.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

from proofbook.runs.secrets.encodings import base32_parts, base64_parts

__all__ = ["Unescaped", "oddly_encoded_forms", "unescaped"]

_SHORTEST = 8
"""So many characters in a row are looked at: a shorter secret is one only as a word of its own."""
_LONGEST_WORD = 16
_HEX = "[0-9A-Fa-f]{2}"
_LETTER = r"[!-+\--~]"
"""Of a secret whose letters stand apart; no comma, which stands between those of a list."""


@dataclass(frozen=True)
class Unescaped:
    """A part of a text in which each character is escaped, or stands apart."""

    text: str
    numbers: Callable[[], Iterator[re.Match[str]]]

    @cached_property
    def places(self) -> list[tuple[int, int]]:
        """Of each character, where in the text as it was its escape begins and ends."""
        return [match.span("whole") for match in self.numbers()]


class _Way(NamedTuple):
    """One way to write each character as a number, or apart from the others."""

    sign: str
    """What every number has before it; but in a list, the first."""
    run: re.Pattern[str]
    """Many of them."""
    one: re.Pattern[str]
    """One: as a whole, without what is between two, and its digits."""
    first: re.Pattern[str] | None
    """In a list, the first number, before a run."""
    number: Callable[[str], int]
    """Of what stands for one character."""


def oddly_encoded_forms(secret: str) -> tuple[str, ...]:
    """Return a secret as few encode it.

    In base32, at any place; in base64 twice, three times, or of UTF-16; backwards, and in rot13, if
    that is no word: what few letters become there may be some, as ``abcdefgh`` does in an alphabet.
    """
    data = secret.encode(errors="surrogatepass")
    wide = [secret.encode(each, errors="surrogatepass") for each in ("utf-16-le", "utf-16-be")]
    twice = _again(base64_parts(data))
    base32 = list(base32_parts(data))
    is_word = secret.isalpha() and len(secret) < _LONGEST_WORD
    turned = [] if is_word else [codecs.encode(secret, "rot13")]
    return (
        *base32, *map(str.lower, base32), *twice, *_again(twice),
        *(part for each in wide for part in base64_parts(each)),
        secret[::-1], *turned,
    )  # fmt: skip


def _again(parts: Iterable[str]) -> list[str]:
    return [outer for inner in parts for outer in base64_parts(inner.encode())]


def unescaped(text: str) -> Iterator[Unescaped]:
    """Yield what a text is where many characters in a row are escaped or apart in one way."""
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
    data = bytes(way.number(match["digits"]) & 0xFF for match in numbers())
    return Unescaped(data.decode("latin-1"), numbers)


def _escaped(sign: str, before: str, digits: str, base: int, after: str = "") -> _Way:
    begin = re.escape(sign) + before
    one = f"(?P<whole>{begin}(?P<digits>{digits}){after})"
    run = _run(f"{begin}{digits}{after}", _SHORTEST)
    return _Way(sign, run, re.compile(one), None, partial(int, base=base))


def _apart(sign: str, between: str) -> _Way:
    return _listed(sign, between, "", _LETTER, ord)


def _listed(
    sign: str, between: str, prefix: str, digits: str, number: Callable[[str], int]
) -> _Way:
    begin = between + prefix
    one = f"(?P<whole>{prefix}(?P<digits>{digits}))"
    first = re.compile(rf"(?<![0-9A-Za-z]){one}\Z")
    run = _run(begin + digits, _SHORTEST - 1)
    return _Way(sign, run, re.compile(between + one), first, number)


def _run(one: str, least: int) -> re.Pattern[str]:
    """Return a pattern that begins with the sign, which is found faster than a group that does."""
    return re.compile(f"{one}(?:{one}){{{least - 1},}}")


_of_hex = partial(int, base=16)
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
    _listed(":", ":", "", _HEX, _of_hex),
    _listed("-", "-", "", _HEX, _of_hex),
    _listed(" ", r"[ \n]{1,4}", "(?:0x)?", _HEX, _of_hex),
    _listed(",", r",\s*", "0x", _HEX, _of_hex),
    _listed(",", r",\s*", "", "[0-9]{2,3}", int),
    _apart(" ", " {1,3}"),
    _apart("\n", r"\r?\n"),
    _apart("-", "-"),
    _apart(".", r"\."),
    _apart("_", "_"),
    _apart("'", "', ?'"),
    _apart('"', '", ?"'),
)
