"""Clicks: samples that nothing before them foretells, and after which the sound goes on as before.

The start of a note is as sudden, and changes the sound; that is no click.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from proofbook.media.audio_faults.findings import AudioFault, AudioLimits
from proofbook.media.audio_faults.signals import Array, Channel, band_levels

__all__ = ["clicks"]

_NEAR, _FAR = 0.0015, 0.045
_STANDS_OUT = 4.0
_AUDIBLE = 0.06
_LOUDEST_CHANGE = 7.0
_TOWERS = 1.5
_MOST = 2000


def clicks(channel: Channel, limits: AudioLimits) -> Iterator[AudioFault]:
    """Find single samples beside the wave, and places where the wave is torn."""
    places = [
        place
        for place in _candidates(channel)
        if channel.surprise[place] >= limits.click_height and _goes_on(channel, place)
    ]
    if len(places) > limits.clicks:
        height = float(channel.surprise[places].max())
        yield AudioFault(
            name="click", channel=channel.number, at=channel.seconds(places[0]),
            places=tuple(map(channel.seconds, places)),
            measured=len(places), limit=limits.clicks,
            words=f"clicks {len(places)} time{'s' * (len(places) > 1)}, by up to {height:.2f} of "
            "full scale",
        )  # fmt: skip


def _candidates(channel: Channel) -> list[int]:
    """Return where one moment surprises far more than all around it."""
    size = max(4, round(_NEAR * channel.rate))
    surprise = channel.surprise
    count = len(surprise) // size
    if count < 8:
        return []
    peaks = surprise[: count * size].reshape(count, size).max(axis=1)
    around = _largest_around(peaks, round(_FAR / _NEAR))
    least = _AUDIBLE * max(channel.loud, 1e-3)
    found = np.flatnonzero((peaks > _STANDS_OUT * around) & (peaks > least))[:_MOST]
    return [
        int(block * size + np.argmax(surprise[block * size : (block + 1) * size]))
        for block in found
    ]


def _largest_around(peaks: Array, reach: int) -> Array:
    """Return the largest of each block's neighbours, those that touch it left out."""
    padded = np.concatenate([np.zeros(reach), peaks, np.zeros(reach)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    mask: npt.NDArray[np.bool_] = np.ones(2 * reach + 1, bool)
    mask[reach - 1 : reach + 2] = False
    return np.asarray(windows[:, mask].max(axis=1))


def _goes_on(channel: Channel, place: int) -> bool:
    """Say whether the sound is the same before and after, or lower than the click by far."""
    size, near = round(0.012 * channel.rate), round(_NEAR * channel.rate)
    if place < near + size or place + near + size > len(channel.samples):
        return False
    before = channel.samples[place - near - size : place - near]
    after = channel.samples[place + near : place + near + size]
    if channel.surprise[place] > _TOWERS * max(np.abs(before).max(), np.abs(after).max()):
        return True
    levels = band_levels(before, channel.rate), band_levels(after, channel.rate)
    floor = 1e-2 * max(levels[0].max(), levels[1].max()) + 1e-12
    change = 10 * np.log10((levels[1] + floor) / (levels[0] + floor))
    return bool(change.max() < _LOUDEST_CHANGE)
