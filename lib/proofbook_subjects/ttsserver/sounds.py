"""Samples and WAV files, in the standard library alone: 16 bits, mono."""

from __future__ import annotations

import io
import math
import operator
import sys
import wave
from array import array
from typing import NamedTuple

__all__ = ["Recording", "estimate_pitch", "normalise", "read_wav", "resample", "write_wav"]

_PEAK = round(32767 * 10 ** (-1 / 20))
_LOWEST_HZ, _HIGHEST_HZ = 70, 400
_DECIMATED = 4000
_WINDOW_SECONDS = 0.4
_HALF_WIDTH = 8
"""Samples to each side that a resampled one is made of."""


class Recording(NamedTuple):
    """A decoded WAV."""

    samples: array[int]
    """Mono, 16 bits."""
    rate: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples) / self.rate

    @property
    def peak(self) -> int:
        """The largest magnitude, up to 32768."""
        return max((abs(sample) for sample in self.samples), default=0)


def read_wav(data: bytes) -> Recording:
    """Decode a WAV of integer samples; channels beyond the first are left out.

    Raises:
        ValueError: It is none.
    """
    try:
        with wave.open(io.BytesIO(data)) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"no WAV file of integer samples ({str(error) or 'cut off'})") from error
    if width == 1:
        samples = array("h", ((byte - 128) << 8 for byte in frames))
    else:
        # Little-endian samples: the two highest bytes of each are its 16-bit value.
        high = b"".join(frames[i + width - 2 : i + width] for i in range(0, len(frames), width))
        samples = array("h", high)
        if sys.byteorder == "big":
            samples.byteswap()
    return Recording(samples[::channels], rate)


def write_wav(samples: array[int], rate: int) -> bytes:
    """Return samples as a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


def normalise(samples: array[int]) -> array[int]:
    """Scale so that the peak is 1 dB below full scale; silence stays silence."""
    peak = max((abs(sample) for sample in samples), default=0)
    return array("h", (s * _PEAK // peak for s in samples)) if peak else samples


def resample(samples: array[int], rate: int, wanted: int) -> array[int]:
    """Return samples at another rate, through a low-pass filter: lines would leave images."""
    if rate == wanted or len(samples) < 2:
        return samples
    divisor = math.gcd(rate, wanted)
    up, down = wanted // divisor, rate // divisor
    phases = _low_pass(up, min(1.0, wanted / rate))
    half = len(phases[0]) // 2
    padded = [0] * (half - 1) + list(samples) + [0] * (half + 1)
    out = array("h")
    for index in range(len(samples) * wanted // rate):
        left, phase = divmod(index * down, up)
        value = sum(map(operator.mul, phases[phase], padded[left : left + 2 * half]))
        out.append(max(-32768, min(32767, round(value))))
    return out


def _low_pass(up: int, cutoff: float) -> list[list[float]]:
    """Return the weights of the samples around each of ``up`` places between two of them.

    ``cutoff`` is a share of what the first rate can carry. Each list adds up to 1.
    """
    half = math.ceil(_HALF_WIDTH / cutoff)
    phases = []
    for phase in range(up):
        away = [place - phase / up for place in range(1 - half, half + 1)]
        weights = [_sinc(cutoff * x) * (1 + math.cos(math.pi * x / half)) for x in away]
        whole = sum(weights)
        phases.append([weight / whole for weight in weights])
    return phases


def _sinc(x: float) -> float:
    return math.sin(math.pi * x) / (math.pi * x) if x else 1.0


def estimate_pitch(recording: Recording) -> float:
    """Return the pitch of the loudest moment in Hz, by autocorrelation."""
    stride = max(1, recording.rate // _DECIMATED)
    rate = recording.rate / stride
    samples = recording.samples[::stride]
    length = min(len(samples), round(rate * _WINDOW_SECONDS))
    starts = range(0, max(1, len(samples) - length), max(1, length // 2))
    loudest = max(starts, key=lambda start: sum(map(abs, samples[start : start + length])))
    window = samples[loudest : loudest + length]
    lags = range(int(rate / _HIGHEST_HZ), min(int(rate / _LOWEST_HZ), length // 2))
    scores = {lag: sum(a * b for a, b in zip(window, window[lag:], strict=False)) for lag in lags}
    return rate / max(scores, key=scores.__getitem__) if scores else 120.0
