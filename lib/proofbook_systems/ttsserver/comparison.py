"""Compare what a server has said: texts with texts, voices with voices, one time with another.

Knows the audio alone; nothing is understood. Sends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from proofbook.media import read_audio
from proofbook_systems.ttsserver.matrix import DEFAULT
from proofbook_systems.ttsserver.rows import RowResult

__all__ = [
    "WHY",
    "choose_row",
    "find_changes",
    "find_format_changes",
    "find_same_speed",
    "find_same_texts",
    "find_same_voices",
    "find_unsaid",
    "is_repeatable",
    "why_nothing",
]

_SAME = 2e-4
"""Largest difference of two samples that are the same: a few steps of 16 bits."""
_HEEDED = 0.5
"""Share of a change of speed that must be heard."""
_FEWEST_VOICES = 2
_COMPARABLE = 2.0
"""Seconds of speech in which a change of speed shows."""
WHY = {
    "called-audio": "a browser or a player goes by the content type, and plays nothing",
    "voices-differ": "whoever chooses a voice hears another one",
    "voices-listed": "an application that offers the listed voices does not offer this one",
    "speed-is-heeded": "whoever asks for faster speech hears the usual one",
    "same-again": "what was approved is not what is heard later",
    "alone-in-company": "two users at the same time hear each other's speech, or none",
}
"""What breaks where a comparison is red."""
_AUDIBLE = 0.01
"""Share of the peak below which the ends of a clip are silent."""


@dataclass(frozen=True)
class _Take:
    samples: np.ndarray[Any, Any]
    """Of the shape frames, channels."""
    rate: int

    @property
    def spoken_seconds(self) -> float:
        """Seconds from the first to the last sound."""
        level = np.abs(self.samples).max(axis=1)
        heard = np.flatnonzero(level > _AUDIBLE * level.max(initial=0))
        return float(heard[-1] - heard[0] + 1) / self.rate if len(heard) else 0.0


def find_same_texts(results: Sequence[RowResult]) -> list[str]:
    """Return which rows of different texts gave the same audio."""
    return [
        f"{a.row.name} and {b.row.name} say different texts, and sound exactly alike"
        for a, b in combinations(_heard(results), 2)
        if a.row.text != b.row.text and _is_same(a, b)
    ]


def find_same_voices(results: Sequence[RowResult]) -> list[str]:
    """Return which rows of different voices gave the same audio for one text."""
    return [
        f"{a.row.name} and {b.row.name} are different voices, and sound exactly alike"
        for a, b in combinations(_heard(results), 2)
        if a.row.text == b.row.text and a.row.voice != b.row.voice and _is_same(a, b)
    ]


def find_format_changes(results: Sequence[RowResult], rate: int = 0) -> list[str]:
    """Return rows whose rate, channels or container are not those of the voice's first row.

    Args:
        results: All rows.
        rate: Hz that every row must have; 0 is any.
    """
    faults = []
    first: dict[str, RowResult] = {}
    for result in _heard(results):
        before = first.setdefault(result.row.voice, result)
        if _format(result) != _format(before):
            faults.append(
                f"{result.row.name} is {_format(result)}, and {before.row.name} {_format(before)}"
            )
        if rate and (found := _read(result).rate) != rate:
            faults.append(f"{result.row.name} has {found} Hz, not {rate} Hz")
    return faults


def find_unsaid(results: Sequence[RowResult], spread: float) -> list[str]:
    """Return rows that say several texts at once and do not last as long as these do alone.

    Args:
        results: All rows.
        spread: Share by which the two may differ; pauses at the ends do not count.
    """
    faults = []
    heard = _heard(results)
    for whole in heard:
        parts = [r for r in heard if r is not whole and r.row.voice == whole.row.voice]
        if len(parts) < 2 or " ".join(p.row.text for p in parts) != whole.row.text:
            continue
        alone = sum(_read(part).spoken_seconds for part in parts)
        lasts = _read(whole).spoken_seconds
        if abs(lasts - alone) > spread * alone:
            how = "some of it is not said" if lasts < alone else "more than that is said"
            faults.append(
                f"{whole.row.name} lasts {lasts:.2f} s; its {len(parts)} texts alone "
                f"{alone:.2f} s: {how}"
            )
    return faults


def find_same_speed(usual: RowResult, other: RowResult, speed: float) -> list[str]:
    """Return how a row at another speed is not faster or slower.

    Args:
        usual: The row at speed 1.
        other: The row at ``speed``.
        speed: 2 is twice as fast.
    """
    if not other.audible:
        return [f"at speed {speed:g}: {other.verdict}"]
    was, lasts = _read(usual).spoken_seconds, _read(other).spoken_seconds
    heard = was / lasts if lasts else 0.0
    if lasts and (heard - 1) / (speed - 1) >= _HEEDED:
        return []
    return [f"at speed {speed:g} it lasts {lasts:.2f} s, and {was:.2f} s at the usual one"]


def why_nothing(check: str, results: Sequence[RowResult]) -> str:
    """Return why a check has nothing to compare; empty where it has."""
    voices = {result.row.voice for result in results}
    if check not in ("called-audio", "voices-listed") and not any(r.passed for r in results):
        return "no row has passed: there is nothing to compare"
    if check == "voices-differ" and len(voices) < _FEWEST_VOICES:
        return "fewer than two voices are given: there is nothing to compare"
    if check == "voices-listed" and voices == {DEFAULT}:
        return "no voice is given: there is nothing to look for"
    return ""


def choose_row(results: Sequence[RowResult]) -> RowResult:
    """Return the row to say again: the shortest that passed and can be compared, else the longest.

    Where none passed, it is the first one.
    """
    passed = [result for result in results if result.passed]
    long = [result for result in passed if (result.audio_duration or 0) >= _COMPARABLE]
    if long:
        return min(long, key=lambda result: result.audio_duration or 0)
    return max(passed or results[:1], key=lambda result: result.audio_duration or 0)


def is_repeatable(results: Sequence[RowResult]) -> bool:
    """Say whether all of these results of one row are the same, sample for sample."""
    heard = _heard(results)
    return len(heard) == len(results) and all(_is_same(heard[0], other) for other in heard[1:])


def find_changes(
    before: Sequence[RowResult], after: Sequence[RowResult], *, repeatable: bool, spread: float
) -> list[str]:
    """Return how rows differ from what they were before; one that failed before is not blamed.

    Args:
        before: What the rows gave, each alone.
        after: What the same rows gave again.
        repeatable: Whether the same request gives the same samples.
        spread: Share by which a length may differ where it does not.
    """
    faults = []
    for was, now in zip(before, after, strict=True):
        if not was.passed:
            continue
        if not now.passed:
            faults.append(f"{was.row.name}: {now.verdict}")
        elif not _is_same(was, now):
            swapped = [r.row.name for r in before if r is not was and _is_other(r, was, now)]
            lengths = _read(was).spoken_seconds, _read(now).spoken_seconds
            words = f"it lasts {lengths[1]:.2f} s; alone it lasted {lengths[0]:.2f} s"
            if swapped:
                faults.append(f"{was.row.name}: it is exactly what {swapped[0]} was; {words}")
            elif repeatable:
                faults.append(f"{was.row.name}: it sounds otherwise than alone; {words}")
            elif abs(lengths[1] - lengths[0]) > spread * lengths[0]:
                faults.append(f"{was.row.name}: {words}")
    return faults


def _is_other(other: RowResult, was: RowResult, now: RowResult) -> bool:
    return other.passed and other.row.text != was.row.text and _is_same(other, now)


def _heard(results: Sequence[RowResult]) -> list[RowResult]:
    return [result for result in results if result.audible]


def _read(result: RowResult) -> _Take:
    assert result.audio_path is not None, "only what was heard is compared"
    clip = read_audio(result.audio_path)
    return _Take(clip.samples, clip.rate)


def _format(result: RowResult) -> str:
    take = _read(result)
    assert result.audio_path is not None, "only what was heard is compared"
    channels = take.samples.shape[1]
    return f"{take.rate} Hz, {channels} channels, {result.audio_path.suffix[1:]}"


def _is_same(a: RowResult, b: RowResult) -> bool:
    one, other = _read(a), _read(b)
    return (
        one.rate == other.rate
        and one.samples.shape == other.samples.shape
        and float(np.abs(one.samples - other.samples).max(initial=0)) < _SAME
    )
