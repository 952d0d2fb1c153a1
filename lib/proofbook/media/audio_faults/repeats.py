"""The same samples again: a held sample, a frame that is stuck, a stretch that loops.

Repetition alone is no fault: a drum machine repeats itself to the sample, and so does a chord of
pure tones. A defect jumps back: where the second copy begins the wave breaks, and where the first
one began it did not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from proofbook.media.audio_faults.findings import AudioFault, ExpectedAudio
from proofbook.media.audio_faults.signals import Array, Channel, find_runs, rms

__all__ = ["held_samples", "repetitions"]

_SHORTEST_HELD = 0.004
_WINDOW = 64
_SHORTEST_LAG, _STUCK_LAG = 0.004, 0.2
_SHORTEST_REPEAT = 0.05
_SHORTEST_SPOKEN = 0.08
_LOOPED_SHARE = 0.4
"""Part of the time between two copies that they fill where speech loops. A word that comes again
later is the same to the sample where a voice has one recording of it, or computes it alike."""
_BREAK = 4.0
_AUDIBLE = 0.05
_MANY_LINES = 12
_FROZEN_LAG, _FROZEN_TIMES, _SAME_TONE = 0.01, 4, 0.9
_MOST = 50
_MIXERS = (0x9E3779B97F4A7C15, 0x2545F491)

Numbers = npt.NDArray[np.int64]


class Repeat(NamedTuple):
    """Samples from ``start`` to ``end`` come again ``lag`` frames later."""

    start: int
    end: int
    lag: int


def held_samples(channel: Channel) -> Iterator[AudioFault]:
    """Find that one sample is repeated, away from silence, in a wave that has no steps."""
    if channel.stepped:
        return
    same = np.diff(channel.samples) == 0
    silence, audible = float(np.median(channel.samples)), 0.02 * channel.loud + 1e-3
    held = []
    for run in find_runs(same, round(_SHORTEST_HELD * channel.rate)):
        value = channel.samples[run.start]
        height = min(abs(value), abs(value - silence))
        top = height > 0.98 * channel.peak and run.length < 0.01 * channel.rate
        if height > audible and not top:
            held.append(run)
    if held:
        longest = max(run.length for run in held) / channel.rate
        yield AudioFault(
            name="stuck", channel=channel.number, at=channel.seconds(held[0].start),
            measured=longest, limit=_SHORTEST_HELD, unit="s",
            words=f"stands still: one sample is held for {1000 * longest:.0f} ms",
        )  # fmt: skip


def repetitions(channel: Channel, expected: ExpectedAudio) -> Iterator[AudioFault]:
    """Find stretches that are played again and again, sample by sample."""
    if channel.stepped:
        return
    for repeat in _find_repeats(channel):
        if not _is_defect(channel, repeat, spoken=expected.content == "speech"):
            continue
        lag, times = repeat.lag / channel.rate, 1 + (repeat.end - repeat.start) / repeat.lag
        stuck = lag <= _STUCK_LAG and times >= 3
        at = channel.seconds(repeat.start + repeat.lag)
        length = f"{1000 * lag:.0f} ms" if lag < 1 else f"{lag:.2f} s"
        yield AudioFault(
            name="stuck" if stuck else "looped", channel=channel.number, at=at, measured=lag,
            limit=0, unit="s",
            words=f"{'is stuck: the same' if stuck else 'loops: the'} {length} "
            f"{'come' if stuck else 'before come again,'} {times:.1f} times",
        )  # fmt: skip
        return


def _find_repeats(channel: Channel) -> list[Repeat]:
    """Return the audible stretches that come again exactly, longest first."""
    numbers = np.round(channel.samples * 32768).astype(np.int64)
    places, lags = _next_same(numbers)
    found: list[Repeat] = []
    runs = sorted(find_runs(np.diff(lags) == 0, 3), key=lambda run: -run.length)
    for run in runs[:_MOST]:
        place, lag = int(places[run.start]), int(lags[run.start])
        known = any(each.lag == lag and each.start <= place < each.end for each in found)
        if known or lag < _SHORTEST_LAG * channel.rate:
            continue
        repeat = _extended(numbers, place, lag)
        long = repeat.end - repeat.start >= _SHORTEST_REPEAT * channel.rate
        if long and rms(channel.samples[repeat.start : repeat.end]) > _AUDIBLE * channel.loud:
            found.append(repeat)
    return sorted(found, key=lambda each: each.start - each.end)


def _next_same(numbers: Numbers) -> tuple[Numbers, Numbers]:
    """Return where windows of samples come again, and how much later the next one is.

    An eighth of all windows is looked at; which, their content says, so that copies agree.
    """
    if len(numbers) < 2 * _WINDOW:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    changes = np.concatenate([[0], np.cumsum(np.diff(numbers) != 0)])
    sums, width = numbers.astype(np.uint64), 1
    while width < _WINDOW:
        factor = np.uint64(_MIXERS[0] ^ width * _MIXERS[1])
        sums = (sums[:-width] * factor) ^ (sums[width:] + (sums[width:] >> np.uint64(29)))
        width *= 2
    moving = changes[_WINDOW - 1 :] - changes[: len(sums)] > _WINDOW // 4
    places = np.flatnonzero(moving & (sums >> np.uint64(40) & np.uint64(7) == 0))
    order = places[np.argsort(sums[places], kind="stable")]
    same = sums[order[1:]] == sums[order[:-1]]
    earlier, later = order[:-1][same], order[1:][same]
    ordered = np.argsort(earlier)
    return earlier[ordered], (later - earlier)[ordered]


def _extended(numbers: Numbers, place: int, lag: int) -> Repeat:
    """Return the whole stretch around ``place`` that comes again ``lag`` later."""
    differs = np.flatnonzero(numbers[lag:] != numbers[:-lag])
    after = int(np.searchsorted(differs, place))
    start = int(differs[after - 1]) + 1 if after else 0
    end = int(differs[after]) if after < len(differs) else len(numbers) - lag
    return Repeat(start, end, lag)


def _is_defect(channel: Channel, repeat: Repeat, *, spoken: bool) -> bool:
    """Say whether a repetition is none that a musician or a synthesiser makes."""
    length = repeat.end - repeat.start
    loops = length > max(_SHORTEST_SPOKEN * channel.rate, _LOOPED_SHARE * repeat.lag)
    if spoken and loops and _lines(channel, repeat) > _MANY_LINES:
        return True
    if length < min(repeat.lag, 0.2 * channel.rate) * 0.9:
        return False
    if _is_frozen(channel, repeat):
        return True
    second, first = repeat.start + repeat.lag, repeat.start
    broken = _break(channel, second)
    usual = max(_break(channel, first), _usual(channel, second))
    return broken > max(_BREAK * usual, _AUDIBLE * channel.loud)


def _is_frozen(channel: Channel, repeat: Repeat) -> bool:
    """Say whether a rich sound that was going on is caught in one of its frames.

    A synthesiser's tone repeats itself, too; but it is that tone from its start, or a simple one.
    """
    start, lag = repeat.start, repeat.lag
    times = (repeat.end - start) / lag
    if not _FROZEN_LAG * channel.rate <= lag <= start or times < _FROZEN_TIMES:
        return False
    before, frame = channel.samples[start - lag : start], channel.samples[start : start + lag]
    levels = rms(before), rms(frame)
    if min(levels) < 0.3 * max(levels) or _lines(channel, repeat) <= _MANY_LINES:
        return False
    likeness = float(before @ frame) / (lag * levels[0] * levels[1])
    begun = _break(channel, start) > _BREAK * _usual(channel, start)
    return likeness < _SAME_TONE and not begun


def _break(channel: Channel, place: int) -> float:
    """Return by how much the wave surprises within two samples of a place."""
    return float(channel.surprise[max(0, place - 1) : place + 3].max(initial=0.0))


def _usual(channel: Channel, place: int) -> float:
    """Return how much the wave surprises in the 20 ms before a place."""
    before = channel.surprise[max(0, place - round(0.02 * channel.rate)) : max(1, place - 3)]
    return float(np.quantile(before, 0.9)) if before.size else 0.0


def _lines(channel: Channel, repeat: Repeat) -> int:
    """Return of how many pure tones a stretch is made, up to 99 % of its power."""
    piece: Array = channel.samples[repeat.start : repeat.start + min(repeat.lag, 16384)]
    power = np.sort(np.abs(np.fft.rfft(piece)) ** 2)[::-1]
    return int(np.searchsorted(np.cumsum(power), 0.99 * power.sum())) + 1
