"""Fit a sound to the part of a film in which it is heard: in time, in level, in shape.

Pure: samples in, numbers out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft

__all__ = ["RATE", "Fit", "fit", "flattening", "overlap"]

Array = npt.NDArray[np.float32]
RATE = 16_000
"""Hz at which sounds are compared."""
_SPEECH = 150.0, 3500.0
_BLOCK = 800
_GONE = 0.1
_PERIOD = 160
"""Samples: one swing of the deepest voices."""
_LOUD, _TOP, _MIDDLE = 0.5, 0.85, (0.3, 0.6)
_FEWEST = 8


class Fit(NamedTuple):
    """How a sound is found in a film."""

    likeness: float
    """Correlation, 0 to 1."""
    gain: float
    """Factor by which the film is louder."""
    fraction: float
    """Samples by which it is later than where it was looked for; about one at most."""


def overlap(film: Array, sound: Array, start: int) -> tuple[Array, Array]:
    """Return the parts of a film and of a sound that meet when it starts there."""
    first, last = max(0, start), min(len(film), start + len(sound))
    return film[first:last], sound[first - start : max(first, last) - start]


def fit(part: Array, own: Array) -> Fit:
    """Fit a sound to a part of a film of its length, in the band of speech."""
    size = fft.next_fast_len(len(own), real=True)
    theirs, ours = fft.rfft(part, size), fft.rfft(own, size)
    hertz = fft.rfftfreq(size, 1 / RATE)
    band = (hertz > _SPEECH[0]) & (hertz < _SPEECH[1])
    cross, turn = (theirs * np.conj(ours))[band], 2j * np.pi * hertz[band] / RATE
    power = float(np.sum(np.abs(ours[band]) ** 2)) + 1e-20
    scale = float(np.sqrt(power * np.sum(np.abs(theirs[band]) ** 2))) + 1e-20
    fractions = np.linspace(-1, 1, 21)
    values = [float(np.sum(cross * np.exp(turn * fraction)).real) for fraction in fractions]
    place = int(np.argmax(values))
    shift = np.exp(-2j * np.pi * hertz * fractions[place] / RATE)
    moved = fft.irfft(ours * shift * band, size)[: len(own)]
    seen = fft.irfft(theirs * band, size)[: len(own)]
    return Fit(values[place] / scale, _usual_gain(seen, moved), float(fractions[place]))


def _usual_gain(seen: npt.NDArray[np.float64], own: npt.NDArray[np.float64]) -> float:
    """Return the median gain of 50 ms each, by power; moments that are gone are left out."""
    starts = np.arange(0, len(own), _BLOCK)
    power = np.add.reduceat(own**2, starts)
    gains = np.add.reduceat(seen * own, starts) / np.maximum(power, 1e-20)
    order = np.argsort(gains)
    gains, power = gains[order], power[order]
    reached = np.cumsum(power)
    top = float(gains[min(len(gains) - 1, np.searchsorted(reached, 0.9 * reached[-1]))])
    is_there = gains > _GONE * top
    if not is_there.any():
        return top
    gains, reached = gains[is_there], np.cumsum(power[is_there])
    return float(gains[np.searchsorted(reached, reached[-1] / 2)])


def flattening(part: Array, own: Array, fraction: float) -> float | None:
    """Return how high the film's wave is at its tops, by what its middle foretells; None if unsure.

    A limiter turns whole swings down and leaves 1; what cuts the tops off leaves less.
    """
    size = fft.next_fast_len(len(own), real=True)
    turn = np.exp(-2j * np.pi * fft.rfftfreq(size) * fraction)
    wave = fft.irfft(fft.rfft(own, size) * turn, size)[: len(own)]
    count = len(wave) // _PERIOD
    x = wave[: count * _PERIOD].reshape(count, _PERIOD)
    y = np.asarray(part[: count * _PERIOD], dtype=np.float64).reshape(count, _PERIOD)
    height = np.abs(x).max(axis=1, keepdims=True)
    loud = height[:, 0] > _LOUD * height.max(initial=0.0)
    share = np.abs(x) / np.maximum(height, 1e-9)
    tops, middles = share > _TOP, (share > _MIDDLE[0]) & (share < _MIDDLE[1])
    loud &= middles.any(axis=1)
    if np.count_nonzero(loud) < _FEWEST:
        return None
    slopes = [
        (y * x * flags).sum(axis=1)[loud] / np.maximum((x * x * flags).sum(axis=1)[loud], 1e-12)
        for flags in (tops, middles)
    ]
    usual = float(np.median(slopes[1]))
    return float(np.median(slopes[0])) / usual if usual > 0 else None
