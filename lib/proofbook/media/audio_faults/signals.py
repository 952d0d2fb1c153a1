"""What several checks look at: channels as rows, levels by block, prediction errors, spectra."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "Channel", "Run", "Sound", "band_levels", "find_runs", "prediction_gain", "rms"]

Array = npt.NDArray[np.float64]
_BLOCK = 0.005
_PREDICTION_BLOCK, _ORDER = 0.025, 16
_BANDS = 14


class Run(NamedTuple):
    """A stretch of frames, the end not included."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Frames."""
        return self.end - self.start


@dataclass(frozen=True)
class Channel:
    """One channel of a sound, with what has been computed of it."""

    number: int
    """From 1."""
    samples: Array
    rate: int

    @cached_property
    def blocks(self) -> Array:
        """RMS of each 5 ms."""
        size = max(1, round(self.rate * _BLOCK))
        count = max(1, len(self.samples) // size)
        whole = np.resize(self.samples, size) if len(self.samples) < size else self.samples
        return np.asarray(np.sqrt(np.mean(whole[: count * size].reshape(count, size) ** 2, axis=1)))

    @cached_property
    def loud(self) -> float:
        """RMS of its loud moments: 95 % of the blocks are below."""
        return float(np.quantile(self.blocks, 0.95))

    @cached_property
    def rms(self) -> float:
        """Over all of it."""
        return rms(self.samples)

    @cached_property
    def peak(self) -> float:
        """Its largest sample."""
        return float(np.abs(self.samples).max(initial=0.0))

    @cached_property
    def stepped(self) -> bool:
        """Whether it consists of steps, as pulse waves do: it stands still, then leaps."""
        heard = np.abs(self.samples[1:]) > 0.1 * self.peak
        change = np.abs(np.diff(self.samples))[heard]
        leaps = change[change > 0]
        if not leaps.size or leaps.size > 0.4 * change.size:
            return False
        return float(np.quantile(leaps, 0.9)) > 0.2 * self.peak

    @cached_property
    def surprise(self) -> Array:
        """How far each sample is from what the samples before it foretell, absolute."""
        return _prediction_errors(self.samples, max(64, round(self.rate * _PREDICTION_BLOCK)))

    def seconds(self, frame: int) -> float:
        """Return a frame's time."""
        return frame / self.rate


@dataclass(frozen=True)
class Sound:
    """A sound whose samples are all finite."""

    frames: Array
    """Shape (frames, channels)."""
    rate: int

    @cached_property
    def channels(self) -> list[Channel]:
        """Each by itself."""
        return [
            Channel(number, np.ascontiguousarray(row, dtype=np.float64), self.rate)
            for number, row in enumerate(self.frames.T, 1)
        ]

    @cached_property
    def audible(self) -> list[Channel]:
        """The channels that are worth looking at: within 60 dB of the loudest."""
        loudest = max((channel.rms for channel in self.channels), default=0.0)
        return [c for c in self.channels if c.rms > max(1e-3 * loudest, 1e-6)]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.frames) / self.rate


def rms(samples: Array) -> float:
    """Return the root of the mean square; 0 for nothing."""
    return float(np.sqrt(np.mean(np.square(samples)))) if samples.size else 0.0


def find_runs(flags: npt.NDArray[np.bool_], shortest: int = 1) -> list[Run]:
    """Return the stretches in which ``flags`` hold, of at least ``shortest``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    long = ends - starts >= shortest
    return [Run(int(a), int(b)) for a, b in zip(starts[long], ends[long], strict=True)]


def band_levels(samples: Array, rate: int) -> Array:
    """Return the power in bands of equal width on a scale of pitch, from 100 Hz up."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    edges = np.geomspace(100, rate / 2, _BANDS + 1)
    place = np.clip(np.searchsorted(edges, hertz, side="right") - 1, 0, _BANDS - 1)
    return np.asarray(np.bincount(place, weights=power, minlength=_BANDS) / len(samples) ** 2)


def prediction_gain(samples: Array, rate: int) -> float:
    """Return by how many dB what the past does not foretell is below the wave, in the median."""
    size = max(64, round(rate * _PREDICTION_BLOCK))
    count = len(samples) // size
    if not count:
        return 0.0
    wave = samples[: count * size].reshape(count, size)
    errors = _prediction_errors(samples, size)[: count * size].reshape(count, size)
    ratio = (np.mean(wave**2, axis=1) + 1e-15) / (np.mean(errors**2, axis=1) + 1e-15)
    return float(np.median(10 * np.log10(ratio)))


def _prediction_errors(samples: Array, size: int) -> Array:
    """Predict linearly, with coefficients for each block; return absolute errors."""
    count = len(samples) // size
    if count < 1:
        return np.zeros(len(samples))
    coefficients = _levinson(_autocorrelations(samples, count, size))
    used = count * size
    padded = np.concatenate([np.zeros(_ORDER), samples[:used]])
    errors = samples[:used].copy().reshape(count, size)
    for lag in range(1, _ORDER + 1):
        delayed = padded[_ORDER - lag : _ORDER - lag + used].reshape(count, size)
        errors += coefficients[:, lag, None] * delayed
    out = np.zeros(len(samples))
    out[:used] = np.abs(errors).ravel()
    return out


def _autocorrelations(samples: Array, count: int, size: int) -> Array:
    """Return those of each block, looked at with half a block to each side; shape (count, lags)."""
    half = size // 2
    padded = np.concatenate([np.zeros(half), samples[: count * size], np.zeros(half)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + size)[::size][:count]
    length = 1 << (windows.shape[1] + _ORDER).bit_length()
    out = np.empty((count, _ORDER + 1))
    shape = np.hanning(windows.shape[1])
    for start in range(0, count, 256):
        spectrum = np.fft.rfft(windows[start : start + 256] * shape, length)
        power = np.abs(spectrum) ** 2
        out[start : start + 256] = np.fft.irfft(power, length)[:, : _ORDER + 1]
    return out


def _levinson(lags: Array) -> Array:
    """Solve for the predictor of each row of autocorrelations (Levinson and Durbin)."""
    count, order = lags.shape[0], lags.shape[1] - 1
    lags = lags.copy()
    lags[:, 0] = lags[:, 0] * (1 + 1e-9) + 1e-15
    predictor: Any = np.zeros((count, order + 1))
    predictor[:, 0] = 1
    error = lags[:, 0].copy()
    for step in range(1, order + 1):
        reflect = -np.einsum("ij,ij->i", predictor[:, :step], lags[:, step:0:-1]) / error
        predictor[:, 1 : step + 1] += reflect[:, None] * predictor[:, step - 1 :: -1][:, :step]
        error *= np.maximum(1 - reflect**2, 1e-12)
    return np.asarray(predictor)
