"""Speech by formants, from letters, in plain Python: for where eSpeak NG cannot be had.

Pulses or noise go through three resonators that glide from letter to letter. It babbles rather than
speaks, but at the right pace, and with the pitch that is asked for.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

__all__ = ["RATE", "speak"]

RATE = 16000
"""Hz."""

_VOWELS = {
    "a": (730, 1090, 2440), "e": (530, 1840, 2480), "i": (270, 2290, 3010),
    "o": (570, 840, 2410), "u": (300, 870, 2240), "y": (280, 2200, 2900),
}  # fmt: skip
_VOICED = "bdgjlmnrvwz"
_HISSED = "cfhsx"
_STOPS = "kpqt"
_LOWEST_HZ, _HIGHEST_HZ = 80.0, 260.0
_FULL = 12000


class _Sound(NamedTuple):
    """One letter."""

    seconds: float
    formants: tuple[int, int, int]
    pulses: float
    """Share of the voice, 0 to 1."""
    noise: float


def speak(text: str, *, pitch: int, speed: int, seed: int = 0) -> tuple[array[int], int]:
    """Return 16-bit mono samples and their rate, for a pitch of 0 to 99 and words a minute."""
    random = Random(seed)
    hertz = _LOWEST_HZ + (_HIGHEST_HZ - _LOWEST_HZ) * pitch / 99
    samples = array("h")
    filters = [_Resonator(hz) for hz in _VOWELS["a"]]
    phase = 0.0
    for sound in _sounds(text):
        count = round(RATE * sound.seconds * 170 / speed)
        for index in range(count):
            phase = (phase + hertz * (1 + 0.05 * math.sin(len(samples) / 3000)) / RATE) % 1.0
            source = sound.pulses * (1 - 2 * phase) + sound.noise * random.uniform(-1, 1)
            edge = min(1.0, index / 80, (count - index) / 80)
            value = sum(f.step(source, hz) for f, hz in zip(filters, sound.formants, strict=True))
            samples.append(max(-32767, min(32767, round(_FULL * edge * value))))
    return samples, RATE


def _sounds(text: str) -> Iterator[_Sound]:
    for letter in text.lower():
        if letter in _VOWELS:
            yield _Sound(0.09, _VOWELS[letter], 1.0, 0.02)
        elif letter in _VOICED:
            yield _Sound(0.06, (250, 1200, 2300), 0.5, 0.05)
        elif letter in _HISSED:
            yield _Sound(0.07, (1500, 2600, 4200), 0.0, 0.4)
        elif letter in _STOPS:
            yield _Sound(0.03, (300, 1500, 2500), 0.0, 0.0)
            yield _Sound(0.02, (800, 1800, 3000), 0.0, 0.6)
        else:
            yield _Sound(0.06, (300, 1500, 2500), 0.0, 0.0)


class _Resonator:
    """Two poles whose centre glides to where it is sent."""

    _WIDTH = 90.0

    def __init__(self, hertz: float) -> None:
        self._hertz = hertz
        self._last, self._before = 0.0, 0.0
        self._aim(hertz)

    def step(self, source: float, hertz: float) -> float:
        if abs(hertz - self._hertz) > 1:
            self._aim(self._hertz + 0.02 * (hertz - self._hertz))
        value = self._gain * source + self._first * self._last + self._second * self._before
        self._last, self._before = value, self._last
        return value

    def _aim(self, hertz: float) -> None:
        self._hertz = hertz
        radius = math.exp(-math.pi * self._WIDTH / RATE)
        self._first = 2 * radius * math.cos(2 * math.pi * hertz / RATE)
        self._second = -radius * radius
        self._gain = 1 - radius
