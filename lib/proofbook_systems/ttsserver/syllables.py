"""How many syllables a text has, whatever it is written in: the fewest and the most it may be.

Knows scripts and no language: vowels where letters are sounds, characters where each is a syllable,
a share of the letters where vowels are not written. Figures, signs and capitals may be read in many
ways, so that the two are far apart there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple
from unicodedata import category, name, normalize

__all__ = ["Syllables", "count_syllables"]

_VOWELS = frozenset("aeiouyæœøıəɔɛɐаеиоуыэюяєіүөұәѣӑӗαειουηωաեէըիոօաუეიოა")  # noqa: RUF001
_INDIC = {
    **dict.fromkeys(("DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI"), (0.62, 1.1)),
    **dict.fromkeys(("ORIYA", "TAMIL", "TELUGU", "KANNADA", "MALAYALAM", "SINHALA"), (0.8, 1.1)),
}
_PER_LETTER = {
    "CJK": (0.93, 2.5), "HANGUL": (0.85, 1.1), "HIRAGANA": (0.55, 1.1), "KATAKANA": (0.55, 1.1),
    "BOPOMOFO": (0.3, 1.0), "ARABIC": (0.35, 0.8), "HEBREW": (0.35, 0.8), "SYRIAC": (0.35, 0.8),
    "THAANA": (0.5, 1.0), "ETHIOPIC": (0.7, 1.1), "CHEROKEE": (0.7, 1.1), "THAI": (0.33, 0.8),
    "LAO": (0.33, 0.8), "KHMER": (0.3, 0.9), "MYANMAR": (0.35, 0.9), "TIBETAN": (0.25, 0.9),
    **_INDIC,
}  # fmt: skip
"""Fewest and most syllables a letter, where a letter is more or less than a sound.

Chinese reads a character as one, Japanese as up to three; Thai writes vowels as letters, too; Hindi
leaves out the last vowel of most words, and Tamil does not.
"""
_JOINING = ("SIGN VIRAMA", "SIGN AL LAKUNA")
"""Marks that take the vowel of an Indic letter away."""
_MORE_THAN_VOWELS, _MORE_IN_A_WORD = 1.35, 0.3
"""Two vowels side by side may be two syllables, and some consonants are one."""
_MUTE = re.compile(r"(e|es|ed|ent)$")
"""Ends that are silent in French or English."""
_FIGURE = (0.4, 4.5)
"""Of a digit: one in "a million", nine of Finnish in "77"."""
_SIGN_MOST, _LETTER_MOST = 4, 2
_LONGEST_ACRONYM = 6
_PARTS = re.compile(r"\d+|[^\W\d_]+|.", re.DOTALL)


class Syllables(NamedTuple):
    """How many a text has."""

    fewest: float
    most: float


def count_syllables(text: str) -> Syllables:
    """Return the fewest and the most syllables with which a text is read aloud."""
    parts = [_count(part) for part in _PARTS.findall(normalize("NFC", text))]
    return Syllables(sum(p.fewest for p in parts), sum(p.most for p in parts))


def _count(part: str) -> Syllables:
    if part[0].isdigit():
        return Syllables(_FIGURE[0] * len(part), _FIGURE[1] * len(part))
    if part[0].isalpha():
        counted = [_count_run(run) for run in _runs(part)]
        return Syllables(sum(c.fewest for c in counted), sum(c.most for c in counted))
    if _joins(part):
        # The letter before it was counted with a vowel of its own.
        return Syllables(*(-share for share in _INDIC[_script(part)]))
    is_read = category(part) in ("So", "Sm", "Sc") or part in "%&@#*/+\\_"
    return Syllables(0, _SIGN_MOST if is_read else 0)


def _runs(word: str) -> Iterator[str]:
    """Yield stretches of letters that are sounds, and each other letter by itself."""
    run = ""
    for letter in word:
        if _script(letter) in _PER_LETTER:
            yield from filter(None, (run, letter))
            run = ""
        else:
            run += letter
    if run:
        yield run


def _count_run(run: str) -> Syllables:
    if share := _PER_LETTER.get(_script(run[0])):
        return Syllables(*share)
    letters = "".join(normalize("NFD", letter)[0] for letter in run.lower())
    vowels = [letter in _VOWELS for letter in letters]
    groups = sum(now and not before for before, now in zip([False, *vowels], vowels, strict=False))
    spelled = _LETTER_MOST * len(run)
    if not groups:
        return Syllables(0, spelled)
    mute = groups > 1 and _MUTE.search(letters) is not None
    most = _MORE_THAN_VOWELS * groups + _MORE_IN_A_WORD
    if run.isupper() and 1 < len(run) <= _LONGEST_ACRONYM:
        most = max(most, spelled)
    return Syllables(groups - mute, most)


@cache
def _script(letter: str) -> str:
    return name(letter, "").replace("-", " ").split(" ")[0]


@cache
def _joins(mark: str) -> bool:
    return _script(mark) in _INDIC and name(mark).replace("-", " ").endswith(_JOINING)
