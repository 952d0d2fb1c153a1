"""Two channels against each other: one inverted, or both the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from proofbook.media.audio_faults.findings import AudioFault, ExpectedAudio
from proofbook.media.audio_faults.signals import Array, Sound

__all__ = ["inverted_channel", "same_channels"]

_WINDOW = 0.25
_AUDIBLE = 1e-3
_INVERTED, _FLIPPED = -0.5, 0.6
_LONG = 4
_DELAY, _DECIDED = 0.01, 0.1
_LIKENESS = -50.0
_BANDS, _MIRRORED = (100, 200, 400, 800, 1600, 3200, 6400), 0.03
"""Hz where octaves begin, and by how much the mirror image must fit better in their mean."""


def inverted_channel(sound: Sound) -> Iterator[AudioFault]:
    """Find that one channel is the other's mirror image, from the start or from some moment on.

    On one loudspeaker the two cancel.
    """
    if sound.frames.shape[1] != 2 or len(sound.audible) != 2:
        return
    likeness, weight = _likeness(sound)
    if not weight.any():
        return
    overall = float(np.average(likeness, weights=weight))
    if overall < _INVERTED and _is_mirrored_in_bands(sound):
        yield _inverted(overall, None, "one of the two channels is inverted")
        return
    turn = _turn(likeness)
    if turn is not None:
        at = turn * _WINDOW
        yield _inverted(
            float(likeness[turn:].min()), at, f"from {at:.2f} s on one channel is inverted"
        )


def same_channels(sound: Sound, expected: ExpectedAudio) -> Iterator[AudioFault]:
    """Find that both channels say the same, where they must not."""
    if not expected.stereo or sound.frames.shape[1] != 2 or len(sound.audible) != 2:
        return
    left, right = (channel.samples for channel in sound.channels)
    gain = float(left @ right / (left @ left))
    rest = float(np.sum((right - gain * left) ** 2) / np.sum(right**2))
    decibels = 10 * np.log10(max(rest, 1e-30))
    if decibels < _LIKENESS:
        yield AudioFault(
            name="dual-mono", measured=decibels, limit=_LIKENESS, unit="dB",
            words="both channels carry the same sound: it is mono",
        )  # fmt: skip


def _likeness(sound: Sound) -> tuple[Array, Array]:
    """Return the channels' correlation in each window, and the power that it stands for.

    It is the strongest within 10 ms, for a delay between the sides is no inversion; 0 where neither
    sign is stronger, as in one pure tone.
    """
    size = max(64, round(_WINDOW * sound.rate))
    count = len(sound.frames) // size
    left, right = (c.samples[: count * size].reshape(count, size) for c in sound.channels)
    scale = np.sqrt(np.sum(left**2, axis=1) * np.sum(right**2, axis=1))
    power = np.where(scale > size * _AUDIBLE**2, scale, 0.0)
    length = 1 << (2 * size - 1).bit_length()
    product = np.fft.rfft(left, length) * np.conj(np.fft.rfft(right, length))
    lags = np.fft.irfft(product, length) / np.maximum(scale, 1e-30)[:, None]
    reach = round(_DELAY * sound.rate)
    near = np.concatenate([lags[:, : reach + 1], lags[:, -reach:]], axis=1)
    alike, opposite = near.max(axis=1, initial=0.0), -near.min(axis=1, initial=0.0)
    signed = np.where(alike > opposite, alike, -opposite)
    return np.where(np.abs(alike - opposite) > _DECIDED, signed, 0.0), power


def _is_mirrored_in_bands(sound: Sound) -> bool:
    """Say whether the channels are each other's mirror image at all pitches.

    A held note of a few partials reaches two microphones with any phase: that decides nothing.
    """
    count = len(sound.frames)
    hertz = np.fft.rfftfreq(count, 1 / sound.rate)
    left, right = (np.fft.rfft(channel.samples) for channel in sound.channels)
    reach = round(_DELAY * sound.rate)
    better = []
    for low in _BANDS:
        band = (hertz >= low) & (hertz < 2 * low)
        first, second = np.where(band, left, 0), np.where(band, right, 0)
        scale = np.linalg.norm(first) * np.linalg.norm(second) * 2 / count
        if scale > 0:
            fits = np.fft.irfft(first * np.conj(second), count) / scale
            near = np.concatenate([fits[: reach + 1], fits[-reach:]])
            better.append(-float(near.min()) - float(near.max()))
    return bool(better and np.mean(better) > _MIRRORED)


def _turn(likeness: Array) -> int | None:
    """Return the window from which on to the end likeness has the other sign; None without one.

    Windows that say nothing are passed over.
    """
    places = np.flatnonzero(likeness)
    decided = likeness[places]
    for place in range(_LONG // 2, len(decided) - _LONG + 1):
        before, after = decided[:place], decided[place:]
        lasting = before.min() > 0 > after.max()
        if lasting and np.median(before) > _FLIPPED and np.median(after) < -_FLIPPED:
            return int(places[place])
    return None


def _inverted(measured: float, at: float | None, words: str) -> AudioFault:
    return AudioFault(
        name="inverted", measured=measured, limit=_INVERTED, at=at,
        words=f"{words}: the two cancel on one loudspeaker (correlation {measured:.2f})",
    )  # fmt: skip
