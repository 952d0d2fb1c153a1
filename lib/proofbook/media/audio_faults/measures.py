"""The file against what was asked for: broken samples, rate, channels, length, bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from proofbook.media.audio_faults.findings import AudioFault, AudioLimits, ExpectedAudio
from proofbook.media.audio_faults.signals import Array, Channel, Sound

__all__ = ["coarse_samples", "not_as_expected", "not_finite"]

_FEWEST_LEVELS = 24


def not_finite(frames: Array, rate: int) -> Iterator[AudioFault]:
    """Find samples that are NaN or infinite, channel by channel."""
    broken = ~np.isfinite(frames)
    for number, column in enumerate(broken.T, 1):
        if count := int(np.count_nonzero(column)):
            at = int(np.argmax(column)) / rate
            kind = "NaN" if np.isnan(frames[:, number - 1]).any() else "infinite"
            yield AudioFault(
                name="not-finite", channel=number, at=at, measured=count, limit=0, unit="samples",
                words=f"{count} samples are {kind}",
            )  # fmt: skip


def not_as_expected(sound: Sound, expected: ExpectedAudio) -> Iterator[AudioFault]:
    """Find another rate, number of channels or length than is known to be right."""
    if expected.rate is not None and sound.rate != expected.rate:
        yield AudioFault(
            name="rate", measured=sound.rate, limit=expected.rate, unit="Hz",
            words=f"the rate is {sound.rate} Hz instead of {expected.rate} Hz: it plays at the "
            "wrong pitch and speed",
        )  # fmt: skip
    count = sound.frames.shape[1]
    if expected.channels is not None and count != expected.channels:
        yield AudioFault(
            name="channels", measured=count, limit=expected.channels,
            words=f"{count} channel{'s' * (count > 1)} instead of {expected.channels}",
        )  # fmt: skip
    wanted = expected.seconds
    if wanted is not None and abs(sound.seconds - wanted) > expected.tolerance:
        yield AudioFault(
            name="duration", measured=sound.seconds, limit=wanted, unit="s",
            words=f"lasts {sound.seconds:.2f} s instead of {wanted:.2f} s",
        )  # fmt: skip


def coarse_samples(channel: Channel, limits: AudioLimits) -> Iterator[AudioFault]:
    """Find samples that lie on a grid of few bits, which is heard as hiss and grit.

    Pulse waves lie on few levels by their nature, and are left alone.
    """
    if channel.stepped:
        return
    bits = _bits_used(channel)
    if bits is not None and bits < limits.bits:
        yield AudioFault(
            name="bit-depth", channel=channel.number, measured=bits, limit=limits.bits, unit="bits",
            words=f"its samples are made with {bits} bits only",
        )  # fmt: skip


def _bits_used(channel: Channel) -> int | None:
    """Return the bits of the coarsest grid that all samples lie on; None where it says nothing."""
    samples = channel.samples
    quick = samples[:: max(1, len(samples) // 4000)]
    for bits in range(3, 16):
        scale = 2.0 ** (bits - 1)
        if _on_grid(quick, scale) and _on_grid(samples, scale):
            levels = len(np.unique(np.round(samples * scale)))
            return bits if levels >= _FEWEST_LEVELS or bits < 6 else None
    return None


def _on_grid(samples: Array, scale: float) -> bool:
    """Say whether samples lie on a grid, but for what storing them in 16 bits does to them."""
    off = np.abs(samples * scale - np.round(samples * scale))
    return bool(np.max(off, initial=0.0) <= scale * 2.0**-15 * 0.51)
