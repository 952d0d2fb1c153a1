"""Mains hum: a line at a multiple of 50 or 60 Hz that takes no part in anything.

A synthesiser's bass on the same pitch is loud, begins and ends, and moves; a drone is what the
piece consists of. Hum is far below the sound, and there with the same size and phase from the first
moment to the last, through every pause. Where the sound covers it all the time it is not found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from proofbook.media.audio_faults.findings import AudioFault, AudioLimits, ExpectedAudio
from proofbook.media.audio_faults.signals import Array, Channel

__all__ = ["mains_hum"]

_MAINS = 50.0, 60.0
_AWAY = 0.25
"""Hz by which a mains may be off its number."""
_HARMONICS = 8
_WINDOW = 0.25
"""Seconds that are looked at at a time: long enough to part 50 Hz from 60."""
_SHORTEST, _PART = 1.5, 5.0
_LOUDEST, _LOUDEST_SPOKEN = -12.0, -3.0
"""dB against the loud moments; what is louder is part of the piece. Nobody speaks like that."""
_STEADY, _STEADY_SHARE = 0.3, 0.5
_STANDS_OUT = 8.0
_AUDIBLE = 10 ** (-58 / 20)
_LOWEST = 3
"""One of the first multiples is always among those of mains."""
_PERIODIC = 0.8
_BESIDE = 10.0, 13.0, 17.0, 21.0, 25.0
"""Hz away, where a regular beat would have further lines."""
_NARROW = 2400.0
"""Hz of the rate at which lines are looked for."""


class Line(NamedTuple):
    """A steady line: its frequency in Hz, and the RMS that it has."""

    hertz: float
    level: float


def mains_hum(
    channel: Channel, limits: AudioLimits, expected: ExpectedAudio
) -> Iterator[AudioFault]:
    """Find lines of the mains under a sound, louder together than the limit."""
    if channel.stepped or len(channel.samples) < _SHORTEST * channel.rate or not channel.loud:
        return
    low = _low_part(channel)
    found = [(mains, _find_lines(low, mains)) for mains in _MAINS]
    mains, lines = max(found, key=lambda each: sum(line.level**2 for line in each[1]))
    level = float(np.sqrt(sum(line.level**2 for line in lines)))
    below = 20 * np.log10(max(level, 1e-9) / channel.loud)
    loudest = _LOUDEST_SPOKEN if expected.content == "speech" else _LOUDEST
    if level > _AUDIBLE and limits.hum < below < loudest and not _is_periodic(channel, mains):
        told = ", ".join(f"{line.hertz:.0f}" for line in lines)
        yield AudioFault(
            name="hum", channel=channel.number, measured=float(below), limit=limits.hum, unit="dB",
            words=f"hums at {told} Hz, as mains of {mains:.0f} Hz do, {-below:.0f} dB below its "
            "loud moments, through every pause",
        )  # fmt: skip


def _low_part(channel: Channel) -> Channel:
    """Return what lies below 1 kHz, at a rate of its own."""
    count = len(channel.samples)
    fewer = min(count, round(count * _NARROW / channel.rate))
    spectrum = np.fft.rfft(channel.samples)[: fewer // 2 + 1]
    samples = np.fft.irfft(spectrum, fewer) * (fewer / count)
    return Channel(channel.number, samples, round(channel.rate * fewer / count))


def _is_periodic(channel: Channel, mains: float) -> bool:
    """Say whether all of the sound comes again with each period of the mains: a buzz on purpose."""
    lag = round(channel.rate / mains)
    first, second = channel.samples[:-lag], channel.samples[lag:]
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    return bool(scale and float(first @ second) > _PERIODIC * scale)


def _find_lines(low: Channel, mains: float) -> list[Line]:
    """Return the lines that are there in most parts of the sound: the mains drift, a little."""
    parts = np.array_split(low.samples, max(1, round(len(low.samples) / low.rate / _PART)))
    found: list[Line] = []
    for number in range(1, _HARMONICS + 1):
        levels = [
            _level(Channel(low.number, part, low.rate), number * mains, number * _AWAY)
            for part in parts
        ]
        if np.median(levels) > 0:
            found.append(Line(number * mains, float(np.median(levels))))
        elif number == _LOWEST and not found:
            break
    return found


def _level(low: Channel, hertz: float, away: float) -> float:
    """Return the RMS of a line near ``hertz`` with one size and phase throughout; 0 without one."""
    values = _demodulated(low, hertz)
    since = np.arange(len(values)) * _WINDOW / 2
    turns = np.exp(-2j * np.pi * np.outer(np.linspace(-away, away, 41), since))
    best, level = None, 0.0
    for turned in turns * values:
        middle = complex(np.median(turned.real), np.median(turned.imag))
        near = np.abs(turned - middle) < _STEADY * abs(middle)
        reach = max(2, len(near) // 6)
        lasting = near[:reach].any() and near[-reach:].any()
        if near.mean() > _STEADY_SHARE and lasting and abs(middle) > level:
            best, level = near, abs(middle)
    if best is None:
        return 0.0
    beside = [
        float(np.median(np.abs(_demodulated(low, hertz + sign * off))[best]))
        for off in _BESIDE
        for sign in (-1, 1)
    ]
    stands_out = 20 * np.log10(level / max(*beside, 1e-12)) > _STANDS_OUT
    return float(level / np.sqrt(2)) if stands_out else 0.0


def _demodulated(channel: Channel, hertz: float) -> Array:
    """Return the height and phase of a frequency in windows that overlap by half; complex."""
    size = round(_WINDOW * channel.rate)
    step = size // 2
    since = np.arange(len(channel.samples)) / channel.rate
    turned = channel.samples * np.exp(-2j * np.pi * hertz * since)
    shape = np.hanning(size)
    windows = np.lib.stride_tricks.sliding_window_view(turned, size)[::step]
    return np.asarray(2 * (windows @ shape) / shape.sum())
