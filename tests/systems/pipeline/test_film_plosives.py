"""A codec's noise before a plosive of the speech is no click of a film."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from proofbook.media import AudioFault
from proofbook_systems.pipeline.artefacts import PlacedLine
from proofbook_systems.pipeline.film.dialogue import Dialogue
from proofbook_systems.pipeline.film.hearing import Heard
from proofbook_systems.pipeline.film.linefiles import LineSound
from proofbook_systems.pipeline.film.loudness import find_sound_faults
from proofbook_systems.pipeline.film.plosives import without_speech
from proofbook_systems.pipeline.film.reading import FilmSound

RATE, STARTS, PLOSIVE = 16_000, 0.5, 1.0


def spoken() -> np.ndarray:
    """Return two seconds of something like a vowel, with a plosive after one."""
    t = np.arange(2 * RATE) / RATE
    wave = 0.2 * sum(np.sin(2 * np.pi * 120 * k * t + k) / k for k in range(1, 12))
    wave[round((PLOSIVE - 0.09) * RATE) : round(PLOSIVE * RATE)] *= 0.01
    burst = slice(round(PLOSIVE * RATE), round((PLOSIVE + 0.01) * RATE))
    wave[burst] += 0.4 * np.random.default_rng(1).normal(size=burst.stop - burst.start)
    return np.asarray(wave, np.float32)


def film(at: float, height: float) -> FilmSound:
    sound = np.concatenate([np.zeros(round(STARTS * RATE), np.float32), spoken()])
    sound[round(at * RATE)] += height
    return FilmSound(
        samples=sound[:, None], rate=RATE, begins=0.0, codec="aac", profile="LC", gap=0.0
    )


def dialogue() -> Dialogue:
    line = PlacedLine(number=1, character="A", text="Tick", emotion="", audio=Path("a.wav"),
                      start=STARTS, duration=2.0, end=STARTS + 2.0)  # fmt: skip
    sound = LineSound(line=line, samples=spoken()[:, None], rate=RATE)
    heard = {1: Heard(at=STARTS, likeness=1.0, gain=0.0)}
    return Dialogue(lines=(line,), sounds=(sound,), heard=heard, again={}, flat={}, missing={},
                    sped={})  # fmt: skip


@pytest.mark.parametrize(
    ("at", "height", "is_told"),
    [
        (STARTS + PLOSIVE - 0.012, 0.1, False),
        (STARTS + 0.5, 0.6, True),
        (STARTS + 1.6, 0.6, True),
    ],
)
def test_only_what_the_lines_own_file_says_there_is_no_click(
    at: float, height: float, is_told: bool
) -> None:
    sound = film(at, height)
    found = find_sound_faults(sound)
    assert [fault for fault in found if fault.name == "click"], "it is seen at first"
    assert [f.name for f in without_speech(found, sound, dialogue())].count("click") == is_told
    assert list(without_speech(found, sound, None)) == found


def test_where_nothing_can_be_measured_nothing_is_excused() -> None:
    """A block that is a sample short of the window, as at the begin of 11025 samples a second."""
    samples = np.full((22_050, 1), 0.01, np.float32)
    sound = FilmSound(samples=samples, rate=11_025, begins=0.0, codec="aac", profile="LC", gap=0.0)
    spoken_at_once = replace(dialogue(), heard={1: Heard(at=0.0, likeness=1.0, gain=0.0)})
    click = AudioFault(name="click", words="clicks", measured=1, limit=0, places=(0.0,))
    assert list(without_speech([click], sound, spoken_at_once)) == [click]
