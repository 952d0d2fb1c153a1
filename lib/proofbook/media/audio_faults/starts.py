"""A burst at the very start: what a decoder, or a header read as samples, puts before the sound.

A drum may be first, too. It dies away; a burst is as loud at its end as at its start, is over at
once, and does not come again.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from proofbook.media.audio_faults.findings import AudioFault, ExpectedAudio
from proofbook.media.audio_faults.signals import Array, Channel

__all__ = ["starting_burst"]

_BLOCK = 0.0005
_SHORTEST, _LONGEST, _AFTER = 4, 40, 24
"""Blocks that a burst may last, and for which it must be quiet behind it.

Many a drum begins with a tick of a millisecond; a voice does not.
"""
_FALLS, _FLAT = 11.0, 9.0
_AUDIBLE = 0.3


def starting_burst(channel: Channel, expected: ExpectedAudio) -> Iterator[AudioFault]:
    """Find a burst of up to 20 ms with which the samples begin, as loud as the sound or louder."""
    if channel.stepped:
        return
    shortest = 1 if expected.content == "speech" else _SHORTEST
    for wave, loud in (
        (channel.samples, channel.loud),
        (np.diff(channel.samples, 2), 0.0),
    ):
        blocks = _levels(wave, channel.rate)
        end = _burst_end(blocks)
        if end < shortest or _comes_again(blocks, end):
            continue
        peak = float(np.abs(channel.samples[: round(end * _BLOCK * channel.rate)]).max())
        if blocks[:end].max() > _AUDIBLE * loud and peak > _AUDIBLE * channel.loud:
            yield AudioFault(
                name="burst", channel=channel.number, at=0.0, measured=peak, limit=0, unit="FS",
                words=f"begins with a burst of {1000 * end * _BLOCK:.1f} ms that reaches "
                f"{peak:.2f} of full scale and ends at once",
            )  # fmt: skip
            return


def _levels(wave: Array, rate: int) -> Array:
    """Return the RMS of each half millisecond."""
    size = max(2, round(_BLOCK * rate))
    count = len(wave) // size
    return np.asarray(np.sqrt(np.mean(wave[: count * size].reshape(count, size) ** 2, axis=1)))


def _burst_end(blocks: Array) -> int:
    """Return the block with which a burst at the start is over; 0 where there is none."""
    if len(blocks) < _LONGEST + 2 * _AFTER:
        return 0
    for end in range(1, _LONGEST + 1):
        if _ends_at_once(blocks, end) and blocks[:end].min() > blocks[:end].max() * 10 ** (
            -_FLAT / 20
        ):
            return end + int(blocks[end] > 0.5 * blocks[:end].max())
    return 0


def _ends_at_once(blocks: Array, end: int) -> bool:
    """Say whether it is far quieter from one block after ``end`` on than just before it."""
    before = blocks[max(0, end - 2) : end].max()
    after = blocks[end + 1 : end + 1 + _AFTER]
    return bool(len(after) == _AFTER and after.max() < before * 10 ** (-_FALLS / 20))


def _comes_again(blocks: Array, end: int) -> bool:
    """Say whether anything later ends as suddenly from such a height: then it is how it plays."""
    least = 0.25 * blocks[:end].max()
    later = np.flatnonzero(blocks > least)
    return any(_ends_at_once(blocks, int(place) + 1) for place in later[later > end + _AFTER])
