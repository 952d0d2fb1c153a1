"""A rate that was raised by joining samples with lines, or by less: images fill the upper band.

Between two samples of the first rate a line does not bend, so that how much the wave bends goes up
and down as often as there were samples. A good resampler leaves no such pulse; a tone bends at its
own pitch, and has neighbours at its other multiples, where this pulse stands alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from proofbook.media.audio_faults.findings import AudioFault
from proofbook.media.audio_faults.signals import Array, Channel

__all__ = ["images"]

Bins = npt.NDArray[np.int64]
_BLOCK = 4096
_ORDERS = 2, 4
"""Of the differences that lines, and that smooth curves between samples, leave out."""
_AROUND = 64
_DEPTH = 0.25
_ALONE = 4.0
_LASTING = 0.8
_LOWEST = 0.16
"""Of the sample rate: slower pulses are pitches."""
_FEWEST_BLOCKS = 4
_NEAR = 3
_ONE_TONE = 0.1
_DEEP = 0.72
_USUAL_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def images(channel: Channel) -> Iterator[AudioFault]:
    """Find that a lower rate was raised without a filter."""
    if channel.stepped:
        return
    gaps = _zeros_between(channel.samples)
    if gaps > 1:
        yield _fault(channel, channel.rate / gaps, float(gaps))
        return
    for order in _ORDERS:
        pulse = _pulse(channel, order)
        if pulse is not None:
            yield _fault(channel, *pulse)
            return


def _fault(channel: Channel, rate: float, depth: float) -> AudioFault:
    return AudioFault(
        name="images", channel=channel.number, measured=depth, limit=_DEPTH,
        words=f"was brought from {rate:.0f} Hz to its rate without a filter: what was sounds a "
        "second time in the upper band, mirrored",
    )  # fmt: skip


def _zeros_between(samples: Array) -> int:
    """Return how many places each sample has, where all but the first hold nothing; else 1."""
    empty = samples == 0
    if not 0.45 < empty.mean() < 0.95:
        return 1
    for times in range(2, 9):
        rows = empty[: len(empty) // times * times].reshape(-1, times).mean(axis=0)
        if np.sum(rows == 1) == times - 1:
            return times
    return 1


def _pulse(channel: Channel, order: int) -> tuple[float, float] | None:
    """Return the rate with which the wave's differences of some order pulse, and how deeply."""
    blocks = _bending(channel, order)
    if len(blocks) < _FEWEST_BLOCKS:
        return None
    pulses = 4 * np.abs(np.fft.rfft(blocks * np.hanning(_BLOCK), axis=1)) / _BLOCK
    place, depth, others = _strongest(np.median(pulses, axis=0))
    lasting = float(np.mean(pulses[:, max(0, place - 1) : place + 2].max(axis=1) > _DEPTH / 2))
    rate, usual = _first_rate(place * channel.rate / _BLOCK, channel.rate, depth)
    alone = depth > (_ALONE if usual else 2 * _ALONE) * others
    deep = depth > (_DEPTH if order == _ORDERS[0] else _DEEP)
    found = deep and alone and lasting > _LASTING and not _is_tone(channel, place, order)
    return (rate, depth) if found else None


def _strongest(pulses: Array) -> tuple[int, float, float]:
    """Return the bin of the pulse that explains most, its height, and that of the highest other."""
    lowest = round(_LOWEST * _BLOCK)
    bins = np.arange(lowest, len(pulses), dtype=np.int64)
    high = pulses[lowest:]
    found = []
    for place in bins[(high >= 0.5 * high.max()) & (high >= np.roll(high, 1))]:
        others = float(high[_is_other(bins, int(place))].max(initial=0.0))
        found.append((others / float(pulses[place]), int(place), float(pulses[place]), others))
    _, place, depth, others = min(found)
    return place, depth, others


def _bending(channel: Channel, order: int) -> Array:
    """Return how much the wave bends against the moments around, in blocks that are heard."""
    bends = np.abs(np.diff(channel.samples, order))
    count = len(bends) // _BLOCK
    if not count:
        return np.zeros((0, _BLOCK))
    sums = np.concatenate([[0.0], np.cumsum(bends)])
    places = np.arange(count * _BLOCK)
    low, high = np.maximum(0, places - _AROUND), np.minimum(len(bends), places + _AROUND + 1)
    usual = (sums[high] - sums[low]) / (high - low)
    relative = (bends[: count * _BLOCK] / np.maximum(usual, 1e-6) - 1).reshape(count, _BLOCK)
    heard = channel.samples[: count * _BLOCK].reshape(count, _BLOCK).std(axis=1)
    return np.asarray(relative[heard > 0.1 * channel.loud])


def _is_other(bins: Bins, place: int) -> npt.NDArray[np.bool_]:
    """Say of which bins neither the pulse itself nor one of its multiples, folded, is the cause."""
    other: npt.NDArray[np.bool_] = np.ones(len(bins), bool)
    for times in range(1, 9):
        folded = times * place % _BLOCK
        folded = min(folded, _BLOCK - folded)
        other &= np.abs(bins - folded) > _NEAR * times
    return other


def _is_tone(channel: Channel, place: int, order: int) -> bool:
    """Say whether a tone of half that pitch, or its mirror image, is much of what bends."""
    bends = np.diff(channel.samples, order)
    size = 2 * _BLOCK
    windows = np.lib.stride_tricks.sliding_window_view(bends, size)[::_BLOCK]
    power = np.mean(np.abs(np.fft.rfft(windows * np.hanning(size), axis=1)) ** 2, axis=0)
    shares = [power[max(0, at - 6) : at + 7].sum() for at in (place, _BLOCK - place)]
    return bool(max(shares) > _ONE_TONE * power.sum())


def _first_rate(hertz: float, rate: int, depth: float) -> tuple[float, bool]:
    """Return the rate that makes such a pulse, and whether it is one that is in use.

    A pulse above half the rate is heard mirrored; it is weaker, as few samples lie on a line.
    """
    first = hertz if depth > _DEEP else rate - hertz
    known = [*_USUAL_RATES, *(rate / times for times in range(2, 7))]
    for usual in known:
        if usual < rate and abs(usual - first) < 2 * rate / _BLOCK:
            return usual, True
    return first, False
