"""Find each line's own sound within a film's: where, how loud, and how often.

By correlation of both after the voices' common spectrum is levelled, so that vowels do not look
like each other and a music bed weighs little. Knows nothing about time-lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from proofbook_systems.pipeline.film.fitting import RATE, fit, overlap

__all__ = ["RATE", "Heard", "Places", "Track", "as_track", "find_sounds", "resample"]

Array = npt.NDArray[np.float32]
_COARSE = 4
"""Times by which the first search is slower."""
_FOUND, _STANDS_OUT = 0.2, 7.0
_AGAIN = 0.55
"""Share of the best correlation from which on another place is the same sound once more."""
_WORTH, _MOST = 0.45, 12
"""Share of the best correlation from which on a place is looked at, and how many are."""
_APART = 0.06
_AROUND = 0.004
_SHORTEST = 0.08
_QUIET = 1e-4


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One place at which a sound is heard."""

    at: float
    """Seconds at which its file's first sample would be heard."""
    likeness: float
    """Correlation, 0 to 1."""
    gain: float
    """Decibels by which the film is louder than the file, in the louder channel."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where one sound is heard: the likeliest place first; empty where it is not."""

    heard: tuple[Heard, ...]
    best: float
    """The highest correlation of all, be it enough or not."""


@dataclass(frozen=True)
class Track:
    """A film's sound at :data:`RATE`: the channel to look in, and all channels."""

    mono: Array
    channels: tuple[Array, ...]


def resample(samples: npt.NDArray[np.floating], rate: int) -> Array:
    """Return samples of shape (frames,) at :data:`RATE`."""
    if rate == RATE:
        return samples.astype(np.float32)
    shared = gcd(RATE, rate)
    return np.asarray(
        signal.resample_poly(samples.astype(np.float32), RATE // shared, rate // shared)
    ).astype(np.float32)


def as_track(samples: npt.NDArray[np.float32], rate: int) -> Track:
    """Return a film's sound for searching; where channels cancel each other, the loudest counts."""
    channels = tuple(resample(row, rate) for row in samples.T)
    mean = np.asarray(np.stack(channels).mean(axis=0), dtype=np.float32)
    loudest = max(channels, key=lambda channel: float(np.sum(channel**2)))
    cancelled = float(np.sum(mean**2)) < 0.1 * float(np.sum(loudest**2))
    return Track(loudest if cancelled else mean, channels)


def find_sounds(track: Track, sounds: Sequence[Array]) -> list[Places]:
    """Return for each sound, at :data:`RATE`, where it is heard in the track."""
    level = _levelling(sounds)
    film = level(track.mono)
    channels = [level(channel) for channel in track.channels]
    search = _Search(film)
    return [_find(search, film, channels, level(sound)) for sound in sounds]


def _find(search: _Search, film: Array, channels: list[Array], sound: Array) -> Places:
    sound = _trimmed(sound)
    if len(sound) < _SHORTEST * RATE or len(sound) > len(film) + RATE:
        return Places(heard=(), best=0.0)
    places, best = search.candidates(sound)
    refined = [each for place in places if (each := _refine(film, channels, sound, place))]
    refined.sort(key=lambda each: -each.likeness)
    kept: list[Heard] = []
    for each in refined:
        apart = all(abs(each.at - other.at) > _APART for other in kept)
        if apart and (not kept or each.likeness > _AGAIN * kept[0].likeness):
            kept.append(each)
    return Places(heard=tuple(kept), best=max([best, *(each.likeness for each in kept)]))


def _trimmed(sound: Array) -> Array:
    """Return a sound without the silence behind it, which a pipeline may cut off."""
    loud = np.flatnonzero(np.abs(sound) > 0.003 * np.abs(sound).max(initial=0.0) + 1e-9)
    return sound[: loud[-1] + 1] if loud.size else sound[:0]


def _levelling(sounds: Sequence[Array]) -> _Levelling:
    """Return the filter that levels the mean spectrum of all sounds."""
    size = 512
    power = np.full(size // 2 + 1, 1e-12)
    for sound in sounds:
        if len(sound) >= size:
            power = power + signal.welch(sound, nperseg=size)[1]
    smooth = np.convolve(np.pad(power, 4, "edge"), np.ones(9) / 9, "valid")
    gain = 1 / np.sqrt(smooth + 2e-3 * smooth.max())
    gain[:4] *= np.linspace(0, 1, 4)
    taps = np.fft.fftshift(np.fft.irfft(gain / gain.max())) * np.hanning(size)
    return _Levelling(taps.astype(np.float32))


@dataclass(frozen=True)
class _Levelling:
    taps: Array

    def __call__(self, sound: Array) -> Array:
        if not len(sound):
            return sound
        return np.asarray(signal.oaconvolve(sound, self.taps, mode="same"), dtype=np.float32)


class _Search:
    """The whole film at a lower rate, transformed once."""

    def __init__(self, film: Array) -> None:
        self.film = _slower(film)
        self.size = fft.next_fast_len(2 * len(self.film) + 1, real=True)
        self.spectrum = fft.rfft(self.film, self.size)
        self.energy = np.concatenate([[0.0], np.cumsum(self.film.astype(np.float64) ** 2)])

    def candidates(self, sound: Array) -> tuple[list[int], float]:
        """Return the places, in samples at :data:`RATE`, that may be it, and the highest value."""
        small = _slower(sound)
        if len(small) > self.size - len(self.film):
            return [], 0.0
        products = fft.irfft(self.spectrum * np.conj(fft.rfft(small, self.size)), self.size)
        before = len(small) // 4
        products = np.concatenate([products[-before:], products[: len(self.film)]])
        starts = np.arange(-before, len(self.film))
        first, last = np.clip(starts, 0, None), np.clip(starts + len(small), 0, len(self.film))
        energy = self.energy[last] - self.energy[np.minimum(first, last)]
        floor = _QUIET * float(self.energy[-1]) / max(1, len(self.film)) * len(small)
        own = float(np.sum(small.astype(np.float64) ** 2))
        likeness = products / np.sqrt(np.maximum(energy, floor + 1e-12) * own)
        usual = 1.4826 * float(np.median(np.abs(likeness)))
        least = max(_FOUND, min(0.5, _STANDS_OUT * usual))
        peaks, _ = signal.find_peaks(likeness, height=least, distance=round(0.02 * RATE / _COARSE))
        if len(likeness) and (top := int(np.argmax(likeness))) not in peaks:
            peaks = np.append(peaks, top) if likeness[top] > least else peaks
        best = float(likeness.max(initial=0.0))
        peaks = peaks[likeness[peaks] > _WORTH * best]
        order = peaks[np.argsort(-likeness[peaks])][:_MOST]
        return [int(starts[place]) * _COARSE for place in order], best


def _slower(sound: Array) -> Array:
    return np.asarray(signal.resample_poly(sound, 1, _COARSE), dtype=np.float32)


def _refine(film: Array, channels: list[Array], sound: Array, place: int) -> Heard | None:
    """Return the exact place near one, with correlation and gain there."""
    reach = round(_AROUND * RATE)
    first, last = place - reach, place + reach + len(sound)
    part = film[max(0, first) : last]
    part = np.pad(part, (max(0, -first), max(0, last - max(0, first) - len(part))))
    products = np.correlate(part, sound, "valid")
    energy = np.concatenate([[0.0], np.cumsum(part.astype(np.float64) ** 2)])
    within = energy[len(sound) :] - energy[: -len(sound)]
    values = products / np.sqrt(np.maximum(within, 1e-12) * float(sound @ sound))
    at = int(np.argmax(values))
    best, at = float(values[at]), first + at
    if best < _FOUND:
        return None
    fits = [fit(*overlap(channel, sound, at)) for channel in channels]
    likeness, gain, fraction = max(fits, key=lambda each: each.gain)
    return Heard(
        at=(at + fraction) / RATE, likeness=max(best, likeness),
        gain=20 * float(np.log10(max(gain, 1e-6))),
    )  # fmt: skip
