"""One secret, and where a text has it: in any spelling, on one line or over several."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from proofbook.runs.secrets.formats import Span
from proofbook.runs.secrets.spellings import (
    SHORT,
    bytes_of,
    compact,
    cores_of,
    encoded_cores,
    encoded_forms,
    pattern_of,
)
from proofbook.runs.secrets.values import looks_random

__all__ = ["Secret"]

_NO_LETTER = "\uffff"


@dataclass(frozen=True)
class Secret:
    """A value that must not be written."""

    value: str = field(repr=False)
    name: str
    """Of the variable that has it."""

    @cached_property
    def is_strong(self) -> bool:
        """Whether it is in no text by chance: also not in an identifier."""
        return looks_random(self.value) or len(self.value) >= 16

    @cached_property
    def cores(self) -> tuple[str, ...]:
        """Without one of these no text has it; where there are none, any may."""
        plain = cores_of(self.value)
        return (*plain, *encoded_cores(self.value)) if plain else ()

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """It, and what it is encoded, where it is one over two lines too."""
        return (self.value, *encoded_forms(self.value)) if len(self.value) >= SHORT else ()

    @cached_property
    def in_bytes(self) -> tuple[bytes, ...]:
        """What it is in the bytes of a file; nothing where it may be there by chance."""
        return bytes_of(self.value) if len(self.value) >= SHORT else ()

    def find(self, text: str) -> Iterator[Span]:
        """Yield where in a text it is."""
        spans = [Span(*match.span(), self.name) for match in self._pattern.finditer(text)]
        yield from spans
        if (pattern := self._compact_pattern) is not None:
            yield from self._find_over_lines(_blanked(text, spans), pattern)

    def begins(self, end: str) -> bool:
        """Say whether the end of a text is the beginning of it, but not all."""
        return any(_begins(form, end) for form in self.forms)

    def _find_over_lines(self, text: str, pattern: re.Pattern[str]) -> Iterator[Span]:
        for start, end in _around(text, self.cores, 4 * len(self.value) + 100):
            together = compact(text[start:end])
            for match in pattern.finditer(together.text):
                first, last = together.places[match.start()], together.places[match.end() - 1]
                yield Span(start + first, start + last + 1, self.name)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(pattern_of(self.value))

    @cached_property
    def _compact_pattern(self) -> re.Pattern[str] | None:
        """For a text without line ends; None where too little of the secret would be left."""
        short = compact(self.value).text
        if len(short) < SHORT:
            return None
        return re.compile(pattern_of(self.value, in_compact=True))


def _blanked(text: str, spans: Iterable[Span]) -> str:
    """Return a text of the same length with a letter of no secret where the spans are."""
    parts, done = [], 0
    for span in spans:
        parts += [text[done : span.start], _NO_LETTER * (span.end - span.start)]
        done = span.end
    return "".join([*parts, text[done:]])


def _around(text: str, cores: Iterable[str], width: int) -> list[tuple[int, int]]:
    """Return the parts of a text around its cores, none of which overlap."""
    parts: list[tuple[int, int]] = []
    for place in sorted(_places(text, cores)):
        if parts and place - width <= parts[-1][1]:
            parts[-1] = (parts[-1][0], place + width)
        else:
            parts.append((max(0, place - width), place + width))
    return parts


def _places(text: str, cores: Iterable[str]) -> Iterator[int]:
    for core in cores:
        place = text.find(core)
        while place != -1:
            yield place
            place = text.find(core, place + len(core))


def _begins(form: str, end: str) -> bool:
    place = end.find(form[:3], max(0, len(end) - len(form) + 1))
    while place != -1:
        if form.startswith(end[place:]):
            return True
        place = end.find(form[:3], place + 1)
    return False
