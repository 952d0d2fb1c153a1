"""A line as it was heard: the texts that its sound is compared with, and how each fits.

Beside its own text and other lines', these are texts that a spoilt sound fits better: without the
first or the last words, twice, with the character's name or the mood read out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from proofbook_systems.pipeline.artefacts import Line
from proofbook_systems.pipeline.content.sounds import Observed
from proofbook_systems.pipeline.content.word_errors import similarity
from proofbook_systems.pipeline.content.wording import directions, spoken_text, spoken_words

__all__ = ["DECOYS", "Exchange", "HeardLine", "exchanged_word", "line_texts", "own_key"]

DECOYS = {
    "decoy:1": "The train to the coast leaves at a quarter past nine.",
    "decoy:2": "She painted the kitchen door green before the summer.",
}
"""Texts that no script has, so that a script of one line has others to be compared with."""
_NEAR = 3
_SPREAD = 4
_CUTS = (1, 2, 3)
_CUT_MARKS = (",", ";", ":", "-")
_READ_OUT = re.compile(r"[^\w ]+")


_OTHER_WORDS = ("kitchen", "summer", "painted", "quarter")
_LEAST_LETTERS = 5


class Exchange(NamedTuple):
    """A text in which one word is another, as a control."""

    key: str
    text: str
    word: str
    """The other word, as it is spoken."""


@dataclass(frozen=True, kw_only=True)
class HeardLine:
    """A line of the script with what the models say of its sound."""

    line: Line
    path: Path
    observed: Observed
    keys: tuple[str, ...]
    """Of the texts that the fits belong to."""

    @property
    def place(self) -> str:
        """The line and its file, as a message begins."""
        return f"line {self.line.number} ({self.line.character}): {self.path.name}"

    @cached_property
    def words(self) -> list[str]:
        """What should be spoken."""
        return spoken_words(self.line.text)

    @cached_property
    def heard(self) -> list[str]:
        """What Whisper heard."""
        return spoken_words(self.observed.transcript)

    @cached_property
    def fits(self) -> Mapping[str, float]:
        """How well each text fits: the mean logarithm of a token's probability."""
        return {key: total / max(1, self.tokens[key]) for key, total in self.totals.items()}

    @cached_property
    def tokens(self) -> Mapping[str, int]:
        """How many tokens each text has."""
        return dict(zip(self.keys, self.observed.tokens, strict=False))

    @cached_property
    def totals(self) -> Mapping[str, float]:
        """How well each text fits: the logarithm of its probability."""
        return dict(zip(self.keys, self.observed.totals, strict=False))

    def gain(self, prefix: str) -> float:
        """Return by how much the best text of a kind fits better than the own one; -99 for none."""
        own = self.totals.get(own_key(self.line), 0.0)
        rivals = [total for key, total in self.totals.items() if key.startswith(prefix)]
        return max(rivals) - own if rivals else -99.0

    def edge_gain(self, edge: str) -> float:
        """Return by how much the text fits better without its first (``start``) or last words.

        -99 where nothing can be said. Words from the first rare one on are not counted: a model
        that has a word in parts alone, as most names, hears another word in its place, and any
        text without it fits better.
        """
        gains = [-99.0]
        for count in _CUTS:
            if f"{edge}:{count}" not in self.totals or self._is_rare(edge, count):
                break
            gains.append(self.totals[f"{edge}:{count}"] - self.totals[own_key(self.line)])
        return max(gains)

    def _is_rare(self, edge: str, count: int) -> bool:
        """Say whether the word at this place, counted from the edge, is a rare one."""
        before = own_key(self.line) if count == 1 else f"{edge}:{count - 1}"
        words = spoken_text(self.line.text).split()
        if edge == "start":
            marks = _marks(words[count - 1])
        else:
            # The full stop is counted with either text.
            ends = ".?!…" if count == 1 else ".?!…" + "".join(_CUT_MARKS)
            marks = _marks(words[-count].rstrip(ends)) + words[-count - 1].endswith(_CUT_MARKS)
        return self.tokens[before] - self.tokens[f"{edge}:{count}"] - marks > 1


def own_key(line: Line) -> str:
    """Return the key of a line's own text."""
    return f"line:{line.number}"


def exchanged_word(text: str) -> Exchange | None:
    """Return a line's text with its longest inner word exchanged; None where it has none."""
    words = spoken_text(text).split()
    inner = [w for w in words[1:-1] if w.isalpha() and len(w) >= _LEAST_LETTERS]
    if not inner:
        return None
    longest = max(inner, key=len)
    # Of no letters at the same places, so that it cannot be taken for the same word.
    other = min(_OTHER_WORDS, key=lambda w: (similarity(w, longest.lower()), w))
    place = words.index(longest, 1)
    changed = " ".join([*words[:place], other, *words[place + 1 :]])
    return Exchange("word:1", _ended(changed), other)


def line_texts(line: Line, script: Sequence[Line]) -> dict[str, str]:
    """Return the texts that a line's sound is compared with, by key, its own first."""
    own = _ended(spoken_text(line.text))
    texts = {own_key(line): own}
    texts |= {own_key(other): _ended(spoken_text(other.text)) for other in _others(line, script)}
    texts |= DECOYS | _spoilt(line, own)
    said = spoken_words(line.text)
    return {
        key: text
        for key, text in texts.items()
        if text and (key == own_key(line) or spoken_words(text) != said)
    }


def _others(line: Line, script: Sequence[Line]) -> list[Line]:
    """Return the lines next to one, which are swapped most often, and some from everywhere."""
    others = [other for other in script if other.number != line.number]
    others.sort(key=lambda other: abs(other.number - line.number))
    near, far = others[: 2 * _NEAR], others[2 * _NEAR :]
    step = max(1, len(far) // _SPREAD)
    return near + far[::step][:_SPREAD]


def _spoilt(line: Line, own: str) -> dict[str, str]:
    words = own.split()
    texts = {"twice": f"{own} {own}"}
    if change := exchanged_word(line.text):
        texts[change.key] = change.text
    for count in _CUTS:
        if len(words) > count:
            texts[f"start:{count}"] = _capital(" ".join(words[count:]))
            texts[f"end:{count}"] = _ended(" ".join(words[:-count]).rstrip("".join(_CUT_MARKS)))
    read_out = [line.character, line.emotion, *directions(line.text)]
    for number, extra in enumerate(read_out):
        if plain := _READ_OUT.sub(" ", extra).replace("_", " ").strip():
            texts[f"read:{number}"] = f"{_capital(plain)}. {own}"
    return texts


def _ended(text: str) -> str:
    """End a text as a sentence: what follows the last word is part of how well it fits."""
    return text if not text or text[-1] in ".?!…" else f"{text}."


def _marks(word: str) -> int:
    return sum(not c.isalnum() for c in word)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
