"""Find a sound that is played faster or slower than its file, its pitch changed with it or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from proofbook_systems.pipeline.film.hearing import RATE

__all__ = ["Stretch", "find_stretches"]

Array = npt.NDArray[np.float32]
_HOP, _WINDOW, _BANDS, _OCTAVES = 160, 640, 60, 6.0
_LOWEST = 110.0
_SPEEDS = np.geomspace(0.5, 2.0, 121)
_ALIKE, _ALIKE_ALONE, _BETTER = 0.55, 0.62, 0.04
_NO = 0.01
"""Change of speed that is none."""
_SHORTEST = 12


class Stretch(NamedTuple):
    """Another speed at which a sound was recognised."""

    speed: float
    at: float
    is_pitched: bool
    """Whether its pitch has changed with it."""


def find_stretches(film: Array, sounds: Sequence[Array]) -> list[Stretch | None]:
    """Return the speed at which each sound is heard in a film; None where it is at none, or at 1.

    What plays a film too fast plays all of it too fast: sounds are looked for together.
    """
    page = _bands(film)
    patterns = [_bands(sound) for sound in sounds]
    known = [n for n, pattern in enumerate(patterns) if len(pattern) >= _SHORTEST]
    found: list[Stretch | None] = [None] * len(sounds)
    if not known or len(page) < _SHORTEST:
        return found
    tries = [
        (float(s), p) for s in _SPEEDS for p in ((False, True) if abs(s - 1) > _NO else (False,))
    ]
    matches = [[_try(page, patterns[n], *each) for each in tries] for n in known]
    values = np.array([[value for value, _ in row] for row in matches])
    plain = np.array([abs(speed - 1) <= _NO for speed, _ in tries])
    together = values.mean(axis=0)
    best = int(np.argmax(np.where(plain, 0, together)))
    least = _ALIKE if len(known) > 1 else _ALIKE_ALONE
    if together[best] < max(least, together[plain].max() + _BETTER):
        return found
    speed, is_pitched = tries[best]
    for row, n in enumerate(known):
        value, at = matches[row][best]
        if value > _ALIKE - 0.1:
            found[n] = Stretch(speed, at * _HOP / RATE, is_pitched)
    return found


def _try(page: Array, pattern: Array, speed: float, is_pitched: bool) -> tuple[float, int]:
    shift = round(float(np.log2(speed)) * _BANDS / _OCTAVES) if is_pitched else 0
    fitted = _resized(pattern, max(8, round(len(pattern) / speed)))
    return _match(page, _raised(fitted, shift) if shift else fitted)


def _bands(sound: Array) -> Array:
    """Return the level in bands of equal width in pitch, every 10 ms, shape (moments, bands)."""
    if len(sound) < _WINDOW:
        return np.zeros((0, _BANDS), np.float32)
    hertz, _, spectrum = signal.stft(
        sound, RATE, nperseg=_WINDOW, noverlap=_WINDOW - _HOP, nfft=2048, boundary=None
    )
    edges = _LOWEST * 2 ** np.linspace(0, _OCTAVES, _BANDS + 1)
    place = np.searchsorted(edges, hertz) - 1
    power = np.abs(spectrum) ** 2
    rows = [
        power[place == band].mean(axis=0) if (place == band).any() else np.zeros(power.shape[1])
        for band in range(_BANDS)
    ]
    level = np.log10(np.stack(rows, axis=1) + 1e-4 * power.max() + 1e-20)
    return np.asarray(level - level.mean(axis=0), dtype=np.float32)


def _resized(pattern: Array, length: int) -> Array:
    places = np.linspace(0, len(pattern) - 1, length)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, len(pattern) - 1)
    share = (places - low)[:, None]
    return np.asarray(pattern[low] * (1 - share) + pattern[high] * share, dtype=np.float32)


def _raised(pattern: Array, shift: int) -> Array:
    out = np.zeros_like(pattern)
    if shift > 0:
        out[:, shift:] = pattern[:, :-shift]
    else:
        out[:, :shift] = pattern[:, -shift:]
    return out


def _match(page: Array, pattern: Array) -> tuple[float, int]:
    """Return the highest correlation of a pattern along a page, and its place."""
    count = len(page) - len(pattern) + 1
    if count < 1:
        return 0.0, 0
    size = fft.next_fast_len(len(page), real=True)
    products = fft.irfft(
        (fft.rfft(page, size, axis=0) * np.conj(fft.rfft(pattern, size, axis=0))).sum(axis=1), size
    )[:count]
    energy = np.concatenate([[0.0], np.cumsum((page.astype(np.float64) ** 2).sum(axis=1))])
    within = energy[len(pattern) :][:count] - energy[:count]
    values = products / np.sqrt(np.maximum(within, 1e-9) * float((pattern**2).sum() + 1e-9))
    place = int(np.argmax(values))
    return float(values[place]), place
