"""Samples of few values, and samples on the scale of a compander: telephone codes in a wide file.

Companded codes are close to each other where it is quiet and far apart where it is loud. Decoded,
they have at most 256 values; read as they stand, they squeeze the wave, and what was smooth is not.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from proofbook.media.audio_faults.findings import AudioFault, AudioLimits
from proofbook.media.audio_faults.signals import Array, Channel, prediction_gain

__all__ = ["companded_samples"]

_CODES = 256
_FEWEST = 48
_WIDENS = 6.0
_MU = 255.0
_SMOOTHER = 3.0
"""dB by which a squeezed wave is foretold better once it is unfolded."""
_POWERS = 1.5, 2.0, 3.0
"""Curves of distortion pedals, which fit what they made better than mu-law does."""
_PIECE = 0.1


def companded_samples(channel: Channel, limits: AudioLimits) -> Iterator[AudioFault]:
    """Find samples that were companded codes; pulse waves have few values by their nature."""
    if channel.stepped or not channel.peak:
        return
    if limits.bits > np.log2(_CODES):
        count = _companded_values(channel.samples)
        if count:
            yield AudioFault(
                name="companded", channel=channel.number, measured=count, limit=2**limits.bits,
                unit="values",
                words=f"its samples have {count} values only, the louder the farther apart: it was "
                "stored as 8-bit companded codes (mu-law or A-law)",
            )  # fmt: skip
            return
    gain = _smoother_unfolded(channel)
    if gain > _SMOOTHER:
        yield AudioFault(
            name="companded", channel=channel.number, measured=gain, limit=_SMOOTHER, unit="dB",
            words="is squeezed as by mu-law: companded codes were read as they stand "
            f"(unfolded, the wave is {gain:.0f} dB smoother)",
        )  # fmt: skip


def _companded_values(samples: Array) -> int:
    """Return the number of values, where there are few and they lie on a widening scale; else 0."""
    values = np.unique(np.round(samples * 32768))
    if not _FEWEST <= len(values) <= _CODES:
        return 0
    gaps, heights = np.diff(values), np.abs(values[1:] + values[:-1]) / 2
    order = np.argsort(heights)
    third = len(order) // 3
    low, high = gaps[order[:third]], gaps[order[-third:]]
    return len(values) if np.median(high) > _WIDENS * np.median(low) else 0


def _smoother_unfolded(channel: Channel) -> float:
    """Return by how many dB the loud moments are foretold better once mu-law is undone."""
    size = round(_PIECE * channel.rate)
    count = len(channel.samples) // size
    if not count:
        return 0.0
    pieces = channel.samples[: count * size].reshape(count, size)
    level = pieces.std(axis=1)
    loud = pieces[level >= np.quantile(level, 0.5)].ravel() / max(1.0, channel.peak)
    as_it_is, sign, height = prediction_gain(loud, channel.rate), np.sign(loud), np.abs(loud)
    unfolded = prediction_gain(sign * np.expm1(height * np.log1p(_MU)) / _MU, channel.rate)
    if unfolded - as_it_is <= _SMOOTHER:
        return 0.0
    others = [prediction_gain(sign * height**power, channel.rate) for power in _POWERS]
    return unfolded - as_it_is if unfolded > max(others) else 0.0
