"""One channel behind the other: all that both have in common comes later on one side.

Two microphones hear one source a few milliseconds apart, and a copy that is late by up to 40 ms is
how a mono sound is widened; a quieter copy is an echo. All of a real stereo sound is never late.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from proofbook.media.audio_faults.findings import AudioFault, AudioLimits, ExpectedAudio
from proofbook.media.audio_faults.signals import Array, Sound, rms

__all__ = ["late_channel"]

_LONGEST = 1.0
_WIDENED = 0.04
_SPOKEN = 0.005
_PARTS, _AGREE = 4, 3
_BESIDE = 0.004
_ALONE, _HIGH = 2.0, 12.0
_COMMON, _COPY = 0.4, 0.02
_ECHO = 0.8
_BAND = 1e-6
_STEP, _APART, _AS_WELL = 0.002, 0.05, 0.8


class Lag(NamedTuple):
    """By how many frames the second channel is behind the first, and how plainly."""

    frames: int
    height: float
    """Of the peak, against the spread of all lags."""
    alone: float
    """Of the peak, against the next one elsewhere."""


def late_channel(
    sound: Sound, limits: AudioLimits, expected: ExpectedAudio
) -> Iterator[AudioFault]:
    """Find that one of two channels is late by more than microphones or taste make of it."""
    if sound.frames.shape[1] != 2 or len(sound.audible) != 2 or sound.seconds < 1.0:
        return
    left, right = (channel.samples for channel in sound.channels)
    lag = _lag(left, right, sound.rate)
    if lag is None or lag.height < _HIGH or lag.alone < _ALONE:
        return
    seconds = abs(lag.frames) / sound.rate
    spoken = expected.content == "speech"
    if seconds < (_SPOKEN if spoken else limits.channel_delay):
        return
    if not _is_common(left, right, lag.frames, may_widen=not spoken and seconds <= _WIDENED):
        return
    if _is_rhythm(sound, lag.frames):
        return
    if _agreeing_parts(left, right, lag.frames, sound.rate) < _AGREE:
        return
    late = 2 if lag.frames > 0 else 1
    yield AudioFault(
        name="late-channel", channel=late, measured=seconds, limit=limits.channel_delay, unit="s",
        words=f"is {1000 * seconds:.1f} ms behind the other: all that both have comes twice",
    )  # fmt: skip


def _lag(left: Array, right: Array, rate: int) -> Lag | None:
    """Return where the channels, all frequencies alike, fit each other best; None without any."""
    size = 1 << (2 * len(left) - 1).bit_length()
    product = np.conj(np.fft.rfft(left, size)) * np.fft.rfft(right, size)
    power = np.abs(product)
    heard = power > _BAND * power.max()
    if np.count_nonzero(heard) < 64:
        return None
    fits = np.fft.irfft(np.where(heard, product / np.maximum(power, 1e-300), 0), size)
    reach = min(round(_LONGEST * rate), len(left) - 1)
    near = np.abs(np.concatenate([fits[-reach:], fits[: reach + 1]]))
    place = int(np.argmax(near))
    beside = round(_BESIDE * rate)
    elsewhere = near.copy()
    elsewhere[max(0, place - beside) : place + beside + 1] = 0
    return Lag(
        place - reach,
        float(near[place] / max(float(np.std(near)), 1e-300)),
        float(near[place] / max(float(elsewhere.max()), 1e-300)),
    )


def _aligned(left: Array, right: Array, lag: int) -> tuple[Array, Array]:
    """Return what both have, the second moved forward by ``lag`` frames."""
    return (left[:-lag], right[lag:]) if lag > 0 else (left[-lag:], right[:lag])


def _is_common(left: Array, right: Array, lag: int, *, may_widen: bool) -> bool:
    """Say whether the channels have enough in common, and are neither an echo nor widened mono."""
    first, second = _aligned(left, right, lag)
    levels = rms(first), rms(second)
    if not min(levels):
        return False
    likeness = float(np.mean(first * second)) / (levels[0] * levels[1])
    if abs(likeness) < _COMMON:
        return False
    if 1 - likeness**2 > _COPY:
        return True
    is_echo = min(levels) < _ECHO * max(levels)
    return not (may_widen or is_echo)


def _is_rhythm(sound: Sound, lag: int) -> bool:
    """Say whether the attacks fit as well at another lag: then two players take turns."""
    size = max(1, round(_STEP * sound.rate))
    count = len(sound.frames) // size
    left, right = (
        channel.surprise[: count * size].reshape(count, size).max(axis=1)
        for channel in sound.channels
    )
    left, right = left - left.mean(), right - right.mean()
    length = 1 << (2 * count - 1).bit_length()
    fits = np.fft.irfft(np.conj(np.fft.rfft(left, length)) * np.fft.rfft(right, length), length)
    reach = min(round(2 * _LONGEST / _STEP), count - 1)
    near = np.concatenate([fits[-reach:], fits[: reach + 1]])
    place = reach + round(lag / size)
    beside = round(_APART / _STEP)
    peak = near[max(0, place - 2) : place + 3].max()
    near[max(0, place - beside) : place + beside + 1] = 0
    return bool(near.max() > _AS_WELL * peak)


def _agreeing_parts(left: Array, right: Array, lag: int, rate: int) -> int:
    """Return in how many parts of the sound the channels fit at that lag."""
    size = len(left) // _PARTS
    agreeing = 0
    for part in range(_PARTS):
        where = slice(part * size, part * size + size + abs(lag))
        found = _lag(left[where], right[where], rate)
        agreeing += found is not None and abs(found.frames - lag) <= 2
    return agreeing
