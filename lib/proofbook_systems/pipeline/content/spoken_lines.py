"""Judge whether each sound says its line, the whole line, and nothing else.

A sound is judged by how well its own text fits beside others, so that a voice that is hard to
transcribe is no fault. Knows nothing about models: it is given what they said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from proofbook_systems.pipeline.content.limits import ContentLimits
from proofbook_systems.pipeline.content.lines import DECOYS, HeardLine, own_key
from proofbook_systems.pipeline.content.word_errors import (
    WordErrors,
    letter_errors,
    similarity,
    word_errors,
)
from proofbook_systems.pipeline.content.wording import spoken_words

__all__ = ["incomplete", "misspoken", "script_errors"]

_BETTER = 0.25
"""By which another text must fit better, a token, to be what is said."""
_MUCH_BETTER = 1.0
"""The same where it fits badly: a sound of other words had 0.4 and less."""
_ALIKE = 0.3
"""Share of other letters below which two lines say the same."""
_GAIN = {"start": 5.0, "end": 3.0}
"""Logarithm of how much likelier a shorter text must be. Cut starts had 5.6 and more, cut ends 3.3;
a right line spoken quickly by eSpeak NG had 2.5."""
_TWICE = -2.5
"""Logarithm of the probability of the second time, once the first is said; 0 is certain."""
_READ = -5.0
"""Logarithm of how much likelier a line is with its character's name or mood before it: -14 and
less where that is not said, -4 and more where it is."""
_SURELY = -2.0
"""Fit from which on it is told which other line is said."""
_SAME_WORD = 0.6
_EDGE = 2
"""Words within which the first or the last one must be heard."""
_OTHER_LETTERS = 0.6
_LONGER, _MORE = 1.4, 12
_SHORTER, _FEWER = 0.5, 8


def misspoken(
    heard: HeardLine, script: Sequence[HeardLine], limits: ContentLimits, *, key: str = ""
) -> str:
    """Return why a sound does not say a line, or nothing.

    Args:
        heard: The sound.
        script: All lines, to say which one it says in its place.
        limits: How far it may depart.
        key: Of the text that it should say: its own, or another for a control.
    """
    if heard.observed.error:
        return f"{heard.place} cannot be read: {heard.observed.error}"
    if not heard.fits:
        return _misheard(heard, script, key)
    expected = key or own_key(heard.line)
    fit = heard.fits.get(expected, -99.0)
    rivals = {k: v for k, v in heard.fits.items() if k.startswith("line:") or k in DECOYS}
    best = max(rivals, key=lambda k: rivals[k])
    if best != expected and rivals[best] > fit + _BETTER:
        return f"{heard.place} {_says(heard, script, best)}{_told(heard, fit)}"
    if fit < limits.least_fit and (key or not _is_nearest(heard, script, rivals, fit, limits)):
        return f"{heard.place} does not say its line{_told(heard, fit)}"
    return ""


def incomplete(heard: HeardLine) -> str:
    """Return what a sound that says its line leaves out, or says beside it, or nothing."""
    said, words = heard.heard, heard.words
    if not words or not heard.totals:
        return ""
    if heard.gain("read:") > _READ:
        return f"{heard.place} reads out the name or the mood before its line{_told(heard)}"
    if heard.gain("twice") > _TWICE:
        return f"{heard.place} says its line twice{_told(heard)}"
    if _is_lost(heard, "start", words[0], said[:_EDGE]):
        return f"{heard.place} begins too late: '{words[0]}' is not heard{_told(heard)}"
    if _is_lost(heard, "end", words[-1], said[-_EDGE:]):
        return f"{heard.place} ends too early: '{words[-1]}' is not heard{_told(heard)}"
    return _wrong_length(heard, len("".join(words)), len("".join(said)))


def script_errors(script: Sequence[HeardLine], shift: int = 0) -> WordErrors:
    """Count the errors of all lines; ``shift`` takes each line for a later one, as a control."""
    count = len(script)
    pairs = [(script[(i + shift) % count].words, each.heard) for i, each in enumerate(script)]
    return WordErrors.total(word_errors(written, heard) for written, heard in pairs)


def _is_nearest(
    heard: HeardLine,
    script: Sequence[HeardLine],
    rivals: Mapping[str, float],
    fit: float,
    limits: ContentLimits,
) -> bool:
    """Say whether a sound that fits badly fits all texts of other words much worse.

    Words that nobody would expect fit badly however they are spoken.
    """
    alike = {
        own_key(each.line) for each in script if letter_errors(heard.words, each.words) < _ALIKE
    }
    best = max((fits for key, fits in rivals.items() if key not in alike), default=0.0)
    return fit >= limits.least_doubtful and fit - best >= _MUCH_BETTER


def _misheard(heard: HeardLine, script: Sequence[HeardLine], key: str) -> str:
    """Judge a sound that is too long to be scored by what was transcribed."""
    words = heard.words
    if key:
        others = {own_key(each.line): each.words for each in script}
        words = others.get(key) or spoken_words(DECOYS.get(key, ""))
    wrong = letter_errors(words, heard.heard)
    if wrong > _OTHER_LETTERS:
        return f"{heard.place} does not say its line: {wrong:.0%} of its letters{_told(heard)}"
    return ""


def _wrong_length(heard: HeardLine, wanted: int, said: int) -> str:
    if said > _LONGER * wanted + _MORE:
        return f"{heard.place} says more than its line{_told(heard)}"
    if said < _SHORTER * wanted - _FEWER:
        return f"{heard.place} says less than its line{_told(heard)}"
    return ""


def _says(heard: HeardLine, script: Sequence[HeardLine], best: str) -> str:
    number = best.partition(":")[2]
    if best in DECOYS or heard.fits[best] < _SURELY:
        return "does not say its line"
    other = next((each for each in script if own_key(each.line) == best), None)
    name = f" ({other.line.character})" if other else ""
    return f"says line {number}{name} rather than its own"


def _told(heard: HeardLine, fit: float | None = None) -> str:
    numbers = "" if fit is None else f" (fit {fit:.2f})"
    return f"{numbers}; heard '{heard.observed.transcript}' for '{heard.line.text}'"


def _is_lost(heard: HeardLine, edge: str, word: str, near: Sequence[str]) -> bool:
    """Say whether a word at an edge is missing: by the fit without it, and by what was heard."""
    return heard.edge_gain(edge) > _GAIN[edge] and not _has(word, near)


def _has(word: str, said: Sequence[str]) -> bool:
    """Say whether a word is among those heard, alone or run together with the next."""
    joined = [one + other for one, other in pairwise(said)]
    return any(
        similarity(word, each) >= _SAME_WORD or each.startswith(word) for each in [*said, *joined]
    )
