"""Faults of level: silence, one channel far down, an offset, flat tops, too loud, overflow."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from proofbook.media.audio_faults.findings import AudioFault, AudioLimits
from proofbook.media.audio_faults.signals import Array, Channel, Sound, find_runs
from proofbook.media.levels import SILENCE_DBFS, decibels

__all__ = ["beyond_full_scale", "flat_tops", "off_centre", "overflow", "silence", "uneven_channels"]

_PAUSE = 1.0
_SILENT_CHANNEL = 80.0
_FAR_BEYOND = 1.25
"""A level that no lossy codec's overshoot reaches: a tenth of the limit is enough there."""
_SHORTEST_TOP = 3
_FEWEST_TOPS = 4
_FEWEST_OVERFLOWS = 6
_FULL = 0.97, 1.001
"""Where the largest sample of what overflowed must lie."""
_GENTLE, _GENTLE_SHARE = 0.4, 0.2
"""Steps before and after a leap that are gentle, and the share of leaps that have such."""


def silence(sound: Sound, limits: AudioLimits) -> Iterator[AudioFault]:
    """Find that there is nothing to hear, or for most of the time; short rests are rhythm."""
    level = decibels(float(np.sqrt(np.mean(np.square(sound.frames)))))
    if level < limits.quietest:
        yield AudioFault(
            name="silent", measured=level, limit=limits.quietest, unit="dBFS",
            words=f"is silent ({level:.0f} dBFS)",
        )  # fmt: skip
        return
    share = _share_of_silence(sound)
    if share > limits.most_silence:
        yield AudioFault(
            name="silent", measured=share, limit=limits.most_silence,
            words=f"is silent for {share:.0%} of its length",
        )  # fmt: skip


def _share_of_silence(sound: Sound) -> float:
    """Return the share of the sound that lies in pauses of a second or more."""
    size = min(len(channel.blocks) for channel in sound.channels)
    loudest = np.max([channel.blocks[:size] for channel in sound.channels], axis=0)
    pauses = find_runs(loudest < 10 ** (SILENCE_DBFS / 20), round(_PAUSE * size / sound.seconds))
    return sum(pause.length for pause in pauses) / size


def uneven_channels(sound: Sound, limits: AudioLimits) -> Iterator[AudioFault]:
    """Find channels that are silent, or far below the loudest."""
    loudest = max(channel.rms for channel in sound.channels)
    for channel in sound.channels:
        below = decibels(loudest) - decibels(channel.rms)
        if below > limits.channel_difference:
            silent = below > _SILENT_CHANNEL
            yield AudioFault(
                name="silent" if silent else "channel-level", channel=channel.number,
                measured=below, limit=limits.channel_difference, unit="dB",
                words="is silent" if silent else f"is {below:.0f} dB quieter than the loudest",
            )  # fmt: skip


def off_centre(channel: Channel, limits: AudioLimits) -> Iterator[AudioFault]:
    """Find a constant offset: one that is there in the quiet moments, too.

    Pulse waves lean to one side while they sound; that is their shape.
    """
    size = max(1, round(0.05 * channel.rate))
    count = len(channel.samples) // size
    blocks = (
        channel.samples[: count * size].reshape(count, size) if count else channel.samples[None]
    )
    means, spread = blocks.mean(axis=1), blocks.std(axis=1)
    quiet = means[np.argsort(spread)[: max(1, count // 10)]]
    overall = float(channel.samples.mean())
    steady = float(np.median(quiet))
    offset = min(overall, steady, key=abs)
    if abs(offset) > limits.offset and overall * steady > 0:
        yield AudioFault(
            name="dc-offset", channel=channel.number, measured=offset, limit=limits.offset,
            unit="FS", words=f"is off centre by {offset:+.3f} of full scale",
        )  # fmt: skip


def beyond_full_scale(channel: Channel, limits: AudioLimits) -> Iterator[AudioFault]:
    """Find samples that a player cuts off."""
    over = np.abs(channel.samples) > 1
    share = float(np.mean(over)) if over.size else 0.0
    far = float(np.mean(np.abs(channel.samples) > _FAR_BEYOND)) if over.size else 0.0
    if share > limits.beyond_full_scale or far > limits.beyond_full_scale / 10:
        yield AudioFault(
            name="beyond-full-scale", channel=channel.number, measured=share,
            limit=limits.beyond_full_scale, at=channel.seconds(int(np.argmax(over))),
            words=f"{share:.2%} of its samples are beyond full scale, up to {channel.peak:.2f}",
        )  # fmt: skip


def flat_tops(channel: Channel, limits: AudioLimits) -> Iterator[AudioFault]:
    """Find waves cut off at one height, be it full scale or, turned down later, below it."""
    if channel.stepped or channel.peak == 0:
        return
    tops = [top for sign in (1.0, -1.0) for top in _cut_tops(channel.samples * sign)]
    share = sum(length for _, length in tops) / len(channel.samples)
    if len(tops) >= _FEWEST_TOPS and share > limits.clipped:
        yield AudioFault(
            name="clipped", channel=channel.number, measured=share, limit=limits.clipped,
            at=channel.seconds(min(start for start, _ in tops)),
            words=f"is clipped: {len(tops)} tops of its wave are flat, {share:.2%} of its samples",
        )  # fmt: skip


def _cut_tops(samples: Array) -> list[tuple[int, int]]:
    """Return start and length of flat tops that the wave enters or leaves at an angle."""
    height = float(samples.max())
    if height <= 0:
        return []
    runs = find_runs(samples >= height * (1 - 1e-4) - 1e-9, _SHORTEST_TOP)
    steep = max(0.004 * height, 3 * 2.0**-15)
    found = []
    for start, end in runs:
        before = height - samples[start - 1] if start else 0.0
        after = height - samples[end] if end < len(samples) else 0.0
        if max(before, after) > steep:
            found.append((start, end - start))
    return found


def overflow(channel: Channel) -> Iterator[AudioFault]:
    """Find samples that came out at the other end of the scale because a number overflowed."""
    samples = channel.samples
    if len(samples) < 4 or channel.stepped or not _FULL[0] < channel.peak < _FULL[1]:
        return
    step = np.diff(samples)
    leaps = np.flatnonzero(np.abs(step[1:-1]) > 1.0) + 1
    if not leaps.size:
        return
    here, there, slope = samples[leaps], samples[leaps + 1], step[leaps - 1]
    unfolded = there + 2 * np.sign(here)
    fits = np.abs(unfolded - here - slope) < np.maximum(0.15, 0.6 * np.abs(slope))
    wrapped = (
        fits
        & (np.sign(here) != np.sign(there))
        & (np.abs(unfolded) > 0.98)
        & (np.abs(slope) > 1e-3)
    )
    count = int(np.count_nonzero(wrapped))
    # Noise that a limiter presses against full scale leaps, too, but it leaps all the time.
    gentle = wrapped & (np.abs(slope) < _GENTLE) & (np.abs(step[leaps + 1]) < _GENTLE)
    is_smooth = np.count_nonzero(gentle) >= _GENTLE_SHARE * count
    if count >= _FEWEST_OVERFLOWS and count >= 0.4 * leaps.size and is_smooth:
        yield AudioFault(
            name="wrapped", channel=channel.number, measured=count, limit=0,
            at=channel.seconds(int(leaps[np.argmax(wrapped)])),
            words=f"overflows: at {count} places the wave leaps from one end of the scale to the "
            "other",
        )  # fmt: skip
