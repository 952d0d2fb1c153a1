"""Samples and WAV files, in the standard library alone: 16 bits, mono."""

from __future__ import annotations

import io
import sys
import wave
from array import array
from typing import NamedTuple

__all__ = ["Recording", "estimate_pitch", "normalise", "read_wav", "resample", "write_wav"]

_PEAK = round(32767 * 10 ** (-1 / 20))
_LOWEST_HZ, _HIGHEST_HZ = 70, 400
_DECIMATED = 4000
_WINDOW_SECONDS = 0.4


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
    """Return samples at another rate, by straight lines between them."""
    if rate == wanted or len(samples) < 2:
        return samples
    count = len(samples) * wanted // rate
    step, last = rate / wanted, len(samples) - 2
    out = array("h")
    for index in range(count):
        place = index * step
        left = min(int(place), last)
        low, high = samples[left], samples[left + 1]
        out.append(round(low + (high - low) * min(1.0, place - left)))
    return out


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
