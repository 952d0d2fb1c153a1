"""Clicks in a film that are its speech: a lossy codec leaves noise just before a plosive.

What the line's own file says just there, louder, is no click of the edit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from proofbook.media import AudioFault
from proofbook.media.audio_faults.signals import Channel
from proofbook_systems.pipeline.film.dialogue import Dialogue
from proofbook_systems.pipeline.film.hearing import Heard
from proofbook_systems.pipeline.film.linefiles import LineSound
from proofbook_systems.pipeline.film.reading import FilmSound

__all__ = ["without_speech"]

_NEAR = 0.03
"""Seconds for which a codec's noise runs ahead of what it belongs to: a block of AAC, and more."""
_WINDOW = 0.1
Samples = npt.NDArray[np.float32]


def without_speech(
    faults: list[AudioFault], sound: FilmSound, dialogue: Dialogue | None
) -> Iterator[AudioFault]:
    """Yield the faults without clicks that are, each of them, plosives of the lines' own files."""
    for fault in faults:
        is_spoken = dialogue is not None and fault.name == "click" and bool(fault.places)
        if not is_spoken or not all(_is_spoken(at, sound, dialogue) for at in fault.places):
            yield fault


def _is_spoken(at: float, sound: FilmSound, dialogue: Dialogue | None) -> bool:
    assert dialogue is not None
    height = max(_surprise(row, sound.rate, at, 0.002) for row in sound.samples.T)
    # Too near to the film's end nothing can be measured, and nothing is excused.
    return height > 0 and any(
        _surprise(line.mono, line.rate, at - heard.at, _NEAR) * 10 ** (heard.gain / 20) >= height
        for line, heard in _heard(dialogue)
        if 0 <= at - heard.at <= line.seconds
    )


def _heard(dialogue: Dialogue) -> Iterator[tuple[LineSound, Heard]]:
    for line in dialogue.sounds:
        if line.line.number in dialogue.heard:
            yield line, dialogue.heard[line.line.number]


def _surprise(samples: Samples, rate: int, at: float, near: float) -> float:
    """Return how far a sample within ``near`` of a moment is from what those before it foretell."""
    first = max(0, round((at - _WINDOW) * rate))
    part = np.asarray(samples[first : round((at + _WINDOW) * rate)], dtype=np.float64)
    if len(part) < rate * _WINDOW:
        return 0.0
    channel, middle = Channel(1, part, rate), round(at * rate) - first
    reach = max(1, round(near * rate))
    return float(channel.surprise[max(0, middle - reach) : middle + reach].max(initial=0.0))
