"""What a sound consists of: noise or one tone instead of music, or less than its rate can carry."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from proofbook.media.audio_faults.findings import AudioFault, AudioLimits
from proofbook.media.audio_faults.signals import Array, Channel

__all__ = ["narrow_band", "steady_noise", "steady_tone"]

_FRAME = 0.032
_WINDOW = 1.0
_WITHIN = 1e-3
"""Power, of the strongest, below which a frequency is background: steady hiss is no fault there."""
_STEADY, _RANDOM, _LINE = 0.16, (0.8, 1.2), 6.0
_CONSTANT = 0.995
_ONE_LINE = 0.98
_DIES_AWAY, _EVENLY = 10.0, 1.0
"""dB by which a struck note becomes quieter, and how far it strays from a straight fall."""
_CLIFF, _DEPTH, _DENSE, _DENSE_NOW = 25.0, -70.0, 50.0, 40.0
_HEARD = 11_000.0
"""Hz up to which a sound is never called dull: voices are often made at 22 kHz."""


def spectrogram(samples: Array, rate: int, seconds: float) -> Array:
    """Return the power of overlapping frames, shape (frames, bins)."""
    size = 1 << max(5, round(np.log2(seconds * rate)))
    if len(samples) < size:
        samples = np.pad(samples, (0, size - len(samples)))
    windows = np.lib.stride_tricks.sliding_window_view(samples, size)[:: size // 2]
    return np.asarray(np.abs(np.fft.rfft(windows * np.hanning(size))) ** 2)


def steady_noise(channel: Channel, limits: AudioLimits) -> Iterator[AudioFault]:
    """Find hiss of any colour: every frequency flickers by chance, and nothing else happens."""
    power = spectrogram(channel.samples, channel.rate, _FRAME)
    bins = power.shape[1]
    power = power[:, max(1, round(100 * _FRAME)) : bins - bins // 20]
    count = max(8, round(_WINDOW * channel.rate / (bins - 1)))
    windows = [
        power[start : start + count] for start in range(0, max(1, len(power) - count // 2), count)
    ]
    noisy = np.array([_is_noise(window) for window in windows if len(window) >= 8])
    share = float(noisy.mean()) if noisy.size else 0.0
    if share > limits.noise:
        first = float(np.argmax(noisy)) * _WINDOW
        yield AudioFault(
            name="noise", channel=channel.number, at=first, measured=share, limit=limits.noise,
            words=f"is steady noise for {share:.0%} of its length",
        )  # fmt: skip


def steady_tone(channel: Channel, limits: AudioLimits) -> Iterator[AudioFault]:
    """Find that the whole sound is one tone or one chord that never changes; a struck one dies."""
    power = spectrogram(channel.samples - channel.samples.mean(), channel.rate, 0.1)
    energy = power.sum(axis=1)
    heard = power[energy > 1e-4 * energy.max()]
    if len(heard) < 8:
        return
    heard = heard[1:-1]
    shapes = np.sqrt(heard)
    shapes /= np.linalg.norm(shapes, axis=1, keepdims=True)
    mean = shapes.mean(axis=0)
    same = shapes @ (mean / np.linalg.norm(mean)) > _CONSTANT
    level = 10 * np.log10(heard.sum(axis=1))
    unchanging = same.mean() > limits.tone and float(np.std(level)) < 0.5
    if unchanging or (_is_one_line(heard, limits.tone) and not _dies_away(level)):
        hertz = float(np.argmax(heard.sum(axis=0))) * channel.rate / (2 * (heard.shape[1] - 1))
        yield AudioFault(
            name="tone", channel=channel.number, measured=float(same.mean()),
            limit=limits.tone, words=f"is one tone that never changes, at {hertz:.0f} Hz",
        )  # fmt: skip


def narrow_band(channel: Channel, limits: AudioLimits) -> Iterator[AudioFault]:
    """Find that the sound was made at a lower rate: it ends at a cliff far below what fits."""
    repeats = _repeated_samples(channel)
    if repeats > 1 and 1 / repeats < limits.bandwidth:
        yield AudioFault(
            name="bandwidth", channel=channel.number, measured=1 / repeats,
            limit=limits.bandwidth,
            words=f"repeats each sample {repeats} times: it was made at "
            f"{channel.rate / repeats:.0f} Hz",
        )  # fmt: skip
        return
    cliff = _find_cliff(channel)
    if cliff is not None and cliff < min(limits.bandwidth, 2 * _HEARD / channel.rate):
        yield AudioFault(
            name="bandwidth", channel=channel.number, measured=cliff, limit=limits.bandwidth,
            words=f"ends at {cliff * channel.rate / 2:.0f} Hz of the {channel.rate / 2:.0f} Hz "
            "that its rate can carry: it sounds dull",
        )  # fmt: skip


def _is_noise(power: Array) -> bool:
    """Say whether a spectrogram is that of a steady random process without any line."""
    mean = power.mean(axis=0)
    if mean.max() < 1e-10:
        return False
    alive = mean > _WITHIN * mean.max()
    relative = power[:, alive] / mean[alive]
    if alive.sum() < 30 or relative.mean(axis=1).std() > _STEADY:
        return False
    if not _RANDOM[0] < float(relative.std(axis=0).mean()) < _RANDOM[1]:
        return False
    level = 10 * np.log10(mean[alive])
    smooth = np.median(
        np.lib.stride_tricks.sliding_window_view(np.pad(level, 10, "edge"), 21), axis=1
    )
    return bool(np.max(level - smooth) < _LINE)


def _is_one_line(heard: Array, most: float) -> bool:
    """Say whether nearly all power is in one narrow line that stays where it is."""
    places = np.argmax(heard, axis=1)
    middle = int(np.median(places))
    near = heard[:, max(0, middle - 3) : middle + 4].sum(axis=1) / heard.sum(axis=1)
    return bool(np.mean(near > _ONE_LINE) > most)


def _dies_away(level: Array) -> bool:
    """Say whether levels in dB fall evenly, as those of a drum or a bell that is struck once."""
    time = np.arange(len(level)) - (len(level) - 1) / 2
    slope = float(time @ level / (time @ time))
    rest = level - level.mean() - slope * time
    return slope * len(level) < -_DIES_AWAY and float(rest.std()) < _EVENLY


def _repeated_samples(channel: Channel) -> int:
    """Return how often each sample is repeated throughout; 1 where it is not."""
    samples = channel.samples
    if channel.stepped and len(np.unique(samples)) < 1000:
        return 1
    same = samples[1:] == samples[:-1]
    if np.count_nonzero(same) < 0.45 * len(samples):
        return 1
    for times in range(8, 1, -1):
        for phase in range(times):
            rows = same[phase : phase + (len(same) - phase) // times * times].reshape(-1, times)
            if len(rows) and rows[:, : times - 1].mean() > 0.98 > rows[:, -1].mean():
                return times
    return 1


def _find_cliff(channel: Channel) -> float | None:
    """Return the share of the band below a cliff behind which there is nothing; None without."""
    power = spectrogram(channel.samples, channel.rate, 0.13)
    energy = power.sum(axis=1)
    level = _decibels(np.quantile(power[energy >= np.quantile(energy, 0.5)], 0.7, axis=0))
    bins = len(level)
    level -= level.max()
    best, place = _CLIFF, None
    for edge in range(bins // 10, bins - bins // 12, max(1, bins // 200)):
        below, above = level[round(0.85 * edge) : round(0.97 * edge)], level[round(1.05 * edge) :]
        floor = float(np.quantile(below, 0.2))
        drop = floor - float(np.quantile(above, 0.98))
        if drop > best and floor > _DEPTH and below.max() - floor < _DENSE:
            best, place = drop, edge / bins
    return place if place is not None and _is_full_up_to(channel, place) else None


def _is_full_up_to(channel: Channel, share: float) -> bool:
    """Say whether it is at single moments that a band is full: gliding tones fill one in time."""
    power = spectrogram(channel.samples, channel.rate, _FRAME)
    energy = power.sum(axis=1)
    level = _decibels(power[energy >= np.quantile(energy, 0.5)])
    edge = round(share * level.shape[1])
    below, above = level[:, round(0.85 * edge) : round(0.97 * edge)], level[:, round(1.05 * edge) :]
    drop = np.quantile(below, 0.2, axis=1) - np.quantile(above, 0.98, axis=1)
    dense = below.max(axis=1) - np.quantile(below, 0.2, axis=1)
    return bool(np.quantile(drop, 0.7) > _CLIFF and np.median(dense) < _DENSE_NOW)


def _decibels(power: Array) -> Array:
    return np.asarray(10 * np.log10(power + 1e-20))
