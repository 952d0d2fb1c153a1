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
    if overall < _INVERTED:
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
