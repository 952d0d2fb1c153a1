"""Whether a text was said whole, and at a speed at which somebody speaks.

Three things are told apart: syllables that are missing or too many, whatever the speed; a rate in
the header that is wrong, which makes a voice fast and too high, or slow and too deep; and a speed
at which nobody is understood. A voice that is merely fast or slow is right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from proofbook.media import read_audio
from proofbook_systems.ttsserver.rows import RowResult
from proofbook_systems.ttsserver.syllables import Syllables, count_syllables
from proofbook_systems.ttsserver.utterances import Utterance

__all__ = ["find_unlikely_pace", "find_unlikely_utterance"]

_FEWEST, _VARIED = 7.0, 10
"""Syllables and different letters that a text must have.

Of a shorter one, one more or less says nothing, and "ha ha ha" is one sound, again and again.
"""
_HEARD = (0.62, 6.0), (0.40, 9.0)
"""Share of a text's fewest syllables that must be heard; syllables a second at which that is so.

Between the two it falls evenly: fast ones run into each other, and fewer are counted.
"""
_TOO_MANY = 1.35
"""Share of a text's most syllables that may be heard."""
_RATHER_FAST, _RATHER_SLOW = 6.2, 5.2
"""Syllables a second from which a voice that is too high or too deep counts."""
_SMALL_MS, _NOT_A_MAN_HZ = 0.50, 160.0
"""Mean period of the ripples in the spectrum, and pitch: together of a man at double speed alone.

Each alone is found in voices, too; half speed has no such mark where the voice was a woman's.
"""
_HIGHEST_HZ, _DEEPEST_HZ, _NO_PITCH_HZ = 380.0, 64.0, 600.0
"""Pitch, in the median, that nobody speaks with for long; above the last a whisper rings."""


def find_unlikely_pace(results: Sequence[RowResult], slowest: float, fastest: float) -> list[str]:
    """Return rows that say less or more than their text, or not at a speed of speech.

    Args:
        results: All rows; those of a few syllables, or few different letters, are left out.
        slowest: Syllables a second, pauses left out.
        fastest: Syllables a second.
    """
    faults = []
    for result in results:
        if not result.audible:
            continue
        assert result.audio_path is not None, "only what was heard is compared"
        clip = read_audio(result.audio_path)
        loudest = int(np.argmax(np.square(clip.samples).sum(axis=0)))
        spoken = Utterance(np.asarray(clip.samples[:, loudest], np.float64), clip.rate)
        if words := find_unlikely_utterance(spoken, result.row.text, slowest, fastest):
            faults.append(f"{result.row.name} {words}")
    return faults


def find_unlikely_utterance(spoken: Utterance, text: str, slowest: float, fastest: float) -> str:
    """Return why speech is not that of a text; empty where it may be.

    Args:
        spoken: What was heard.
        text: What it must say.
        slowest: Syllables a second, pauses left out.
        fastest: Syllables a second.
    """
    if not spoken.seconds or not _can_be_judged(text):
        return ""
    syllables = count_syllables(text)
    heard = f"{spoken.syllables} syllables are heard in {spoken.seconds:.2f} s"
    if reason := _find_wrong_rate(spoken, syllables):
        return f"{reason}: {heard}; the rate in the header may be wrong"
    if spoken.syllables < _least_heard(spoken) * syllables.fewest:
        least = f"the text has at least {syllables.fewest:.0f}"
        return f"leaves out part of its text: {heard}, and {least}"
    if spoken.syllables > _TOO_MANY * syllables.most:
        return (
            f"says more than its text: {heard}, and the text has at most {syllables.most:.0f}; "
            "it may be said twice, or spelled"
        )
    fewest, most = (bound / spoken.seconds for bound in _said(spoken, syllables))
    if fewest > fastest:
        return (
            f"is spoken at {fewest:.1f} syllables a second or more; {fastest:g} are the fastest: "
            "part of the text may be missing, or the rate in the header is wrong"
        )
    if most < slowest:
        return f"is spoken at {most:.1f} syllables a second; {slowest:g} are the slowest: {heard}"
    return ""


def _can_be_judged(text: str) -> bool:
    letters = {letter for letter in text.lower() if letter.isalpha()}
    return len(letters) >= _VARIED and count_syllables(text).fewest >= _FEWEST


def _said(spoken: Utterance, text: Syllables) -> tuple[float, float]:
    """Return how many syllables it has at least and at most, by the text and by the ear."""
    return max(text.fewest, spoken.syllables), min(text.most, max(spoken.syllables, text.fewest))


def _find_wrong_rate(spoken: Utterance, text: Syllables) -> str:
    """Return how a voice is at once fast and high, or slow and deep, as no person is."""
    fewest, most = (bound / spoken.seconds for bound in _said(spoken, text))
    if fewest > _RATHER_FAST and _is_small(spoken):
        return "is spoken fast, by a voice that is too high for a person"
    if most < _RATHER_SLOW and _is_large(spoken):
        return "is spoken slowly, by a voice that is too deep for a person"
    return ""


def _is_small(spoken: Utterance) -> bool:
    if not _NOT_A_MAN_HZ < spoken.hertz < _NO_PITCH_HZ:
        return False
    return spoken.hertz > _HIGHEST_HZ or spoken.resonance < _SMALL_MS


def _is_large(spoken: Utterance) -> bool:
    return 0 < spoken.hertz < _DEEPEST_HZ


def _least_heard(spoken: Utterance) -> float:
    """Return the share of the fewest syllables that must be heard at this speed."""
    (slow_share, slow), (fast_share, fast) = _HEARD
    pace = spoken.syllables / spoken.seconds
    return float(np.interp(pace, [slow, fast], [slow_share, fast_share]))
