"""Find out fast which of many short texts a long one has.

Only where a rare character of a short text is, it is looked for. Over 60 MB that takes a third of a
second for 100 texts and hardly more for 300; a search for each would take five to fifteen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

__all__ = ["Screen"]

_LARGE = 4_000_000
"""From here on, it pays to look at which characters are rare in the very text."""
_PATIENCE = 64_000
_CALL = 500
"""A pattern is made after 64,000 characters, each text counted 500 more: a process that has but few
texts is done by then."""
_SAMPLES = 200
_SAMPLE = 100
_LETTERS = "etaoinsrhldcumfpgwybvkxjqz"
_USUAL: Mapping[str, float] = {
    **{letter: 0.08 / (1 + rank) ** 0.8 for rank, letter in enumerate(_LETTERS)},
    **dict.fromkeys("0123456789", 0.02),
    **dict.fromkeys("=:/.-", 0.01),
    **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 0.006),
    "_": 0.004,
}
_SCARCE = 0.0002
_RARE = 0.002
"""How often a character is counted at least, so that few are chosen."""


class Screen:
    """Says which of its texts occur in others.

    Args:
        texts: None is empty.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = sorted(set(texts))
        self._patience = _PATIENCE

    def hits(self, text: str) -> set[str]:
        """Return those of its texts that occur in ``text``."""
        if not self._texts:
            return set()
        if len(text) + _CALL <= self._patience:
            self._patience -= len(text) + _CALL
            return {each for each in self._texts if each in text}
        is_large = len(text) >= _LARGE
        search = _Search(self._texts, _frequencies(text)) if is_large else self._search
        return search.hits(text)

    @cached_property
    def _search(self) -> _Search:
        return _Search(self._texts, _USUAL)


class _Search:
    """Looks for each text where its rarest character, its anchor, is.

    An anchor that is hardly there is found by ``str.find``, which passes over gigabytes a second;
    all others by one pattern.
    """

    def __init__(self, texts: Sequence[str], frequencies: Mapping[str, float]) -> None:
        self._places: dict[str, list[tuple[str, int]]] = {}
        for anchor, having in _choose_anchors(texts, frequencies).items():
            self._places[anchor] = [(text, text.index(anchor)) for text in having]
        self._scarce = [a for a in self._places if frequencies.get(a, 0) < _SCARCE]
        others = [_alternative(a, p) for a, p in self._places.items() if a not in self._scarce]
        self._pattern = re.compile("|".join(others)) if others else None

    def hits(self, text: str) -> set[str]:
        """Return those of its texts that occur in ``text``."""
        found: set[str] = set()
        for anchor in self._scarce:
            place = text.find(anchor)
            while place != -1:
                self._note(text, place, found)
                place = text.find(anchor, place + 1)
        match = self._pattern.search(text) if self._pattern else None
        while match and self._pattern:
            self._note(text, match.start(), found)
            # What was matched may overlap with another text.
            match = self._pattern.search(text, match.start() + 1)
        return found

    def _note(self, text: str, place: int, found: set[str]) -> None:
        for wanted, index in self._places[text[place]]:
            if wanted not in found and text.startswith(wanted, place - index):
                found.add(wanted)


def _choose_anchors(texts: Iterable[str], frequencies: Mapping[str, float]) -> dict[str, list[str]]:
    """Return few and rare characters, each with texts that have it, until all have one."""
    left, chosen = set(texts), dict[str, list[str]]()
    while left:
        having = Counter(character for text in left for character in set(text))
        best = max(sorted(having), key=lambda c: having[c] / (frequencies.get(c, 0) + _RARE))
        chosen[best] = sorted(text for text in left if best in text)
        left.difference_update(chosen[best])
    return chosen


def _alternative(anchor: str, places: Iterable[tuple[str, int]]) -> str:
    # What follows comes first, as it is compared at once; what is before needs a look back.
    ways = [
        re.escape(text[index + 1 :]) + (f"(?<={re.escape(text)})" if index else "")
        for text, index in places
    ]
    return f"{re.escape(anchor)}(?:{'|'.join(ways)})"


def _frequencies(text: str) -> dict[str, float]:
    """Return how often each character is in a text, by samples of it."""
    step = max(1, len(text) // _SAMPLES)
    sample = "".join(text[i : i + _SAMPLE] for i in range(0, len(text), step))
    return {character: n / len(sample) for character, n in Counter(sample).items()}
