"""Measure speech without understanding it: how many syllables are heard, in what time, how deep.

A syllable is a rise and a fall of the level where vowels are loud. That holds for any language and
any speed up to about eight a second; faster ones run into each other, and fewer are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Utterance"]

Array = npt.NDArray[np.float64]
_HOP, _FRAME, _PITCH_FRAME = 0.01, 0.03, 0.05
_AUDIBLE = 0.01
"""Share of the peak below which a moment is silent."""
_PAUSE = 0.2
"""Seconds of silence that are not speaking."""
_VOWELS_HZ = (250.0, 4000.0)
_SMOOTH, _LEAST_FALL, _LOWEST = 1.8, 1.5, 25.0
"""Moments to smooth over; dB by which a syllable stands out; dB below the loudest it may be."""
_LOWEST_HZ, _HIGHEST_HZ = 40.0, 700.0
_PERIODIC, _FIRST_PERIOD, _VOICED = 0.6, 0.87, 0.3
"""How alike two periods are, which peak is the first, share of the moments with a pitch."""
_SHAPE_HZ = (100.0, 5000.0, 40.0)
"""Where the shape of the spectrum is looked at, and how finely."""
_SHAPE_MS = (0.15, 2.2, 2.5)
"""Between which periods of the spectrum's shape its ripples lie, and above which is noise."""
_BELOW_PITCH = 0.7
_FEWEST_BANDS = 20
_CHUNK, _MOST_FRAMES = 1000, 500
"""Moments that are looked at together, so that an hour of speech needs little memory."""


@dataclass(frozen=True)
class Utterance:
    """Speech of one voice."""

    samples: Array
    """One channel."""
    rate: int
    """Hz."""

    @cached_property
    def seconds(self) -> float:
        """From the first to the last sound, pauses left out."""
        size = max(1, round(_HOP * self.rate))
        count = len(self.samples) // size
        if not count:
            return 0.0
        level = np.abs(self.samples[: count * size]).reshape(count, size).max(axis=1)
        heard = np.flatnonzero(level > _AUDIBLE * level.max())
        if not heard.size:
            return 0.0
        gaps = np.diff(heard) - 1
        paused = gaps[gaps * _HOP > _PAUSE].sum()
        return float(heard[-1] - heard[0] + 1 - paused) * _HOP

    @cached_property
    def syllables(self) -> int:
        """How many are heard."""
        frames = _frames(self.samples, self.rate, _FRAME)
        chunks = range(0, len(frames), _CHUNK)
        level = np.concatenate([self._vowel_level(frames[at : at + _CHUNK]) for at in chunks])
        floor = 1e-3 * float(np.quantile(level, 0.95)) + 1e-9
        decibels = _smoothed(20 * np.log10(level + floor))
        return _count_rises(decibels, float(np.quantile(decibels, 0.95)) - _LOWEST)

    @cached_property
    def hertz(self) -> float:
        """Its pitch, in the median; 0 where there is none, as in a whisper."""
        frames = _loud_frames(self.samples, self.rate, _PITCH_FRAME)
        frames = (frames - frames.mean(axis=1, keepdims=True)) * np.hanning(frames.shape[1])
        size = 1 << (2 * frames.shape[1]).bit_length()
        same = np.fft.irfft(np.abs(np.fft.rfft(frames, size)) ** 2, size)
        taper = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(frames.shape[1]), size)) ** 2, size)
        first = round(self.rate / _HIGHEST_HZ)
        part = slice(first, round(self.rate / _LOWEST_HZ))
        same = same[:, part] / (same[:, :1] + 1e-12) / (taper[part] / taper[0])
        periods = [first + _first_peak(row) for row in same if row.size and row.max() > _PERIODIC]
        if len(periods) < _VOICED * len(frames):
            return 0.0
        return float(self.rate / np.median(periods))

    @cached_property
    def resonance(self) -> float:
        """Mean period of the ripples in its spectrum in ms, long for a large throat; or NaN.

        What a wrong rate stretches or squeezes, and a slow or fast voice leaves as it is.
        """
        frames = _loud_frames(self.samples, self.rate, _FRAME)
        power, hertz = _power(frames, self.rate, 1 << (4 * frames.shape[1] - 1).bit_length())
        lowest, highest, step = _SHAPE_HZ
        edges = np.arange(lowest, min(highest, 0.475 * self.rate), step)
        if len(edges) < _FEWEST_BANDS:
            return float("nan")
        bands = np.add.reduceat(power, np.searchsorted(hertz, edges), axis=1)[:, :-1]
        shape = np.log(bands + 1e-6 * bands.max(axis=1, keepdims=True) + 1e-30)
        order = np.arange(shape.shape[1])
        cosines = np.cos(np.pi * np.outer(order + 0.5, order) / len(order))
        varying = (shape @ cosines).var(axis=0)
        periods = np.arange(len(varying)) / (2 * (edges[-1] - edges[0])) * 1000
        shortest, longest, noise = _SHAPE_MS
        # The ripples of the pitch itself say nothing of the throat.
        longest = min(longest, _BELOW_PITCH * 1000 / self.hertz if self.hertz else longest)
        wanted = (periods > shortest) & (periods < longest)
        weight = np.maximum(varying[wanted] - np.median(varying[periods > noise]), 0)
        return float((weight @ periods[wanted]) / max(1e-30, weight.sum()))

    def _vowel_level(self, frames: Array) -> Array:
        power, hertz = _power(frames, self.rate, frames.shape[1])
        low, high = _VOWELS_HZ
        return np.asarray(np.sqrt(power[:, (hertz > low) & (hertz < high)].sum(axis=1)))


def _frames(samples: Array, rate: int, seconds: float) -> Array:
    size = max(8, round(seconds * rate))
    padded = np.pad(samples, (0, max(0, size - len(samples))))
    return np.lib.stride_tricks.sliding_window_view(padded, size)[:: max(1, round(_HOP * rate))]


def _loud_frames(samples: Array, rate: int, seconds: float) -> Array:
    """Return up to some hundred moments at which there is speech, evenly spread."""
    frames = _frames(samples, rate, seconds)
    level = np.array([float(frame @ frame) for frame in frames])
    loud = np.flatnonzero(level > 0.01 * np.quantile(level, 0.95))
    if not loud.size:
        return np.asarray(frames[:1])
    return np.asarray(frames[loud[:: -(-len(loud) // _MOST_FRAMES)]])


def _power(frames: Array, rate: int, size: int) -> tuple[Array, Array]:
    """Return the power of each moment by frequency, and the frequencies in Hz."""
    power = np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1]), size)) ** 2
    return np.asarray(power), np.asarray(np.fft.rfftfreq(size, 1 / rate))


def _smoothed(values: Array) -> Array:
    reach = round(4 * _SMOOTH)
    weights: Any = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _SMOOTH) ** 2)
    weights /= weights.sum()
    return np.asarray(np.convolve(np.pad(values, reach, "edge"), weights, "valid"))


def _count_rises(values: Array, lowest: float) -> int:
    """Count the peaks above ``lowest`` that a fall separates from the next one."""
    count, low, high = 0, float(values[0]), -np.inf
    for value in map(float, values):
        if high == -np.inf:
            low = min(low, value)
            if value > low + _LEAST_FALL:
                high = value
            continue
        high = max(high, value)
        if value < high - _LEAST_FALL:
            count += high > lowest
            low, high = value, -np.inf
    return count + (high > lowest)


def _first_peak(row: Array) -> int:
    """Return where the first peak is that is nearly as high as the highest."""
    place = int(np.argmax(row > _FIRST_PERIOD * row.max()))
    while place + 1 < len(row) and row[place + 1] > row[place]:
        place += 1
    return place
