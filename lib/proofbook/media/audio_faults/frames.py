"""Frames that were played backwards, each in its place: the wave is torn where they meet.

That they were is proven: turned round again, they fit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from proofbook.media.audio_faults.findings import AudioFault
from proofbook.media.audio_faults.signals import Array, Channel

__all__ = ["reversed_frames"]

_SHORTEST, _LONGEST = 0.002, 0.2
_FEWEST = 10
_MOST = 8.0
_REACH = 8
_TORN, _HEALED = 2.0, 0.5
_FITS_BETTER = 0.75
"""Share of the places where two frames meet that fit better once the frames are turned round."""
_SAME = 0.7
_HEARD, _HEARD_SHARE = 0.3, 0.2
_CANDIDATES = 12


def reversed_frames(channel: Channel) -> Iterator[AudioFault]:
    """Find frames of one length that fit only when they are turned round."""
    if channel.stepped or len(channel.samples) < 4 * _FEWEST:
        return
    for length, phase in _frame_lengths(channel):
        fits = [_fit(channel, length, (phase + off) % length) for off in range(-2, 3)]
        torn, healed, start = min(fits, key=lambda fit: fit[1] - fit[0])
        if torn > _TORN and healed < _HEALED * torn:
            yield AudioFault(
                name="reversed-frames", channel=channel.number, at=channel.seconds(start),
                measured=torn, limit=_TORN,
                words=f"runs backwards in frames of {1000 * length / channel.rate:.1f} ms: the "
                "wave is torn wherever two meet, and fits once each is turned round",
            )  # fmt: skip
            return


def _frame_lengths(channel: Channel) -> list[tuple[int, int]]:
    """Return the lengths after which the sound is torn again, exactly, and where it first is."""
    tears = _tears(channel)
    near, far = round(_SHORTEST * channel.rate), round(_LONGEST * channel.rate)
    size = 1 << (2 * len(tears) - 1).bit_length()
    again = np.fft.irfft(np.abs(np.fft.rfft(tears - tears.mean(), size)) ** 2, size)[: far + _REACH]
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(again, _REACH, "edge"), 2 * _REACH + 1
    )
    sharp = again - np.median(windows, axis=1)
    sharp[:near] = sharp[far:] = 0
    found = []
    for length in np.argsort(sharp)[::-1][:_CANDIDATES]:
        count = len(tears) // int(length)
        if count >= _FEWEST:
            folded = tears[: count * length].reshape(count, length).sum(axis=0)
            found.append((int(length), int(np.argmax(folded))))
    return found


def _tears(channel: Channel) -> Array:
    """Return by how much each sample surprises against its neighbourhood, at most ``_MOST``."""
    size = max(4, round(0.005 * channel.rate))
    count = max(1, len(channel.surprise) // size)
    means = channel.surprise[: count * size].reshape(count, -1).mean(axis=1)
    usual = np.repeat(means, size)[: len(channel.surprise)]
    usual = np.pad(usual, (0, len(channel.surprise) - len(usual)), "edge")
    return np.asarray(np.minimum(channel.surprise / np.maximum(usual, 1e-5), _MOST))


def _fit(channel: Channel, length: int, phase: int) -> tuple[float, float, int]:
    """Return by how much the wave leaps between frames, as they are and turned round.

    Against its usual steps, in the median of what can be heard; and where the first frame starts.
    """
    samples = channel.samples[phase:]
    count = len(samples) // length
    if count < _FEWEST:
        return 0.0, 0.0, phase
    frames = samples[: count * length].reshape(count, length)
    usual: Array = np.mean(np.abs(np.diff(frames, axis=1)), axis=1)
    usual = np.maximum((usual[1:] + usual[:-1]) / 2, 2.0**-15)
    level = np.sqrt(np.mean(frames**2, axis=1))
    least = np.minimum(level[1:], level[:-1])
    heard = least > _HEARD * max(channel.loud, channel.rms)
    likeness = np.sum(frames[1:] * frames[:-1], axis=1) / (length * np.maximum(least, 1e-9) ** 2)
    fewest = max(_FEWEST, _HEARD_SHARE * count)
    if np.count_nonzero(heard) < fewest or np.median(likeness[heard]) > _SAME:
        return 0.0, 0.0, phase
    leaps = np.abs(frames[1:, 0] - frames[:-1, -1]) / usual
    turned = np.abs(frames[1:, -1] - frames[:-1, 0]) / usual
    if np.mean(turned[heard] < leaps[heard]) < _FITS_BETTER:
        return 0.0, 0.0, phase
    return float(np.median(leaps[heard])), float(np.median(turned[heard])), phase
