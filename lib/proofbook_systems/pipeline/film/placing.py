"""Say what is wrong with where lines are heard: the first that departs, and how the rest goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from proofbook_systems.pipeline.film.dialogue import Dialogue

__all__ = [
    "late_or_early",
    "lines_clipped",
    "lines_missing",
    "lines_overlapping",
    "lines_sped",
    "range_of",
    "when",
]

_FLAT = 0.72
"""Share of the height that the middle of a wave foretells, below which its tops are cut off."""
_CLEAR = 0.6
_SAME = 0.012
_STEADY = 0.012
"""Seconds by which lines that drift may be off a straight line."""
_LEAST_DRIFT = 0.003
_FEWEST = 4
_PLACE = 0.15


def lines_missing(dialogue: Dialogue, lead: float) -> Iterator[str]:
    """Yield lines that are not heard, that stand at another's place, or are heard twice."""
    swapped = dict(_swapped(dialogue, lead))
    for number, reason in dialogue.missing.items():
        yield f"line {number}: {reason}{_instead(dialogue, number, lead)}"
    for number, other in swapped.items():
        if number < other and swapped.get(other) == number:
            yield (
                f"lines {number} and {other} are swapped: {_name(dialogue, number)} is heard at "
                f"{dialogue.heard[number].at:.2f} s, in the place of line {other}"
            )
        elif swapped.get(other) != number:
            yield (
                f"line {number}: {_name(dialogue, number)} is heard at "
                f"{dialogue.heard[number].at:.2f} s, in the place of line {other}"
            )
    for number, places in dialogue.again.items():
        yield (
            f"line {number}: {_name(dialogue, number)} is heard twice: at "
            f"{dialogue.heard[number].at:.2f} s and at {places[0]:.2f} s"
        )


def _instead(dialogue: Dialogue, number: int, lead: float) -> str:
    """Say what is heard at a missing line's place, or that the lines after it have moved up."""
    line = dialogue.line(number)
    wanted = line.start + lead
    for other, places in dialogue.again.items():
        if any(abs(place - wanted) < _PLACE for place in places):
            return f"; {_name(dialogue, other)} of line {other} is heard in its place"
    after = [n.number for n in dialogue.lines if n.number > number and n.number in dialogue.heard]
    if after:
        moved = dialogue.offset(after[0]) - lead
        if abs(moved + line.duration) < max(0.3, 0.3 * line.duration) and moved < -_PLACE:
            return f"; its gap is closed up: line {after[0]} is {when(moved)}"
    return ""


def _swapped(dialogue: Dialogue, lead: float) -> Iterator[tuple[int, int]]:
    """Yield each line that is heard in the place of another, and the other."""
    for line in dialogue.lines:
        heard = dialogue.heard.get(line.number)
        if heard is None or abs(heard.at - line.start - lead) < 0.5 * line.duration:
            continue
        for other in dialogue.lines:
            theirs = dialogue.heard.get(other.number)
            moved = theirs is None or abs(theirs.at - other.start - lead) > _PLACE
            is_there = moved and abs(heard.at - other.start - lead) < 2 * _PLACE
            is_free = theirs is None or abs(theirs.at - heard.at) > _PLACE
            if other is not line and is_there and is_free:
                yield line.number, other.number
                break


def lines_sped(dialogue: Dialogue) -> Iterator[str]:
    """Yield lines that are heard at another speed than their files'."""
    for number, how in dialogue.sped.items():
        yield f"line {number}: {_name(dialogue, number)} is heard at {how}"


def lines_overlapping(dialogue: Dialogue, allowed: float) -> Iterator[str]:
    """Yield lines that begin before the one before is over, where the time-line has them apart."""
    heard = [line for line in dialogue.lines if line.number in dialogue.heard]
    for line, after in pairwise(heard):
        end = dialogue.heard[line.number].at + line.duration
        over = end - dialogue.heard[after.number].at
        wanted = line.start + line.duration - after.start
        if over > max(allowed, wanted + allowed) and over < line.duration:
            yield (
                f"line {after.number} begins at {dialogue.heard[after.number].at:.2f} s, "
                f"{1000 * over:.0f} ms before line {line.number} is over"
            )


def late_or_early(dialogue: Dialogue, lead: float, allowed: float) -> Iterator[str]:
    """Yield how lines depart from the time-line, in runs of the same departure."""
    numbers = [line.number for line in dialogue.lines if line.number in dialogue.heard]
    offsets = [dialogue.offset(number) - lead for number in numbers]
    if not any(abs(offset) > allowed for offset in offsets):
        return
    usual = float(np.median(offsets))
    if all(abs(offset - usual) < _SAME for offset in offsets):
        yield f"the whole sound is {when(usual)}, alike at every line: it starts off its place"
        return
    slope = _drift(numbers, offsets)
    if slope is not None:
        first = next(n for n, o in zip(numbers, offsets, strict=True) if abs(o) > allowed)
        yield (
            f"the sound drifts by {1000 * slope:+.0f} ms a line: line {first} is the first beyond "
            f"{1000 * allowed:.0f} ms, line {numbers[-1]} is {when(offsets[-1])}"
        )
        return
    for start, end in _runs(offsets):
        if abs(offsets[start]) > allowed:
            which, files = range_of(numbers[start:end]), _name(dialogue, numbers[start])
            yield f"{which}: {files} is {when(offsets[start])} in the film than in the time-line"


def _drift(numbers: Sequence[int], offsets: Sequence[float]) -> float | None:
    """Return seconds a line by which the sound drifts; None where it does not go straight."""
    if len(numbers) < _FEWEST:
        return None
    slope, start = np.polyfit(numbers, offsets, 1)
    rest = np.asarray(offsets) - slope * np.asarray(numbers) - start
    steps = np.diff(offsets)
    straight = np.abs(rest).max() < max(_STEADY, 0.1 * abs(slope) * len(numbers))
    even = np.mean(np.sign(steps) == np.sign(slope)) > 0.8 and abs(slope) > _LEAST_DRIFT
    return float(slope) if straight and even else None


def _runs(offsets: Sequence[float]) -> Iterator[tuple[int, int]]:
    start = 0
    for place in range(1, len(offsets) + 1):
        if place == len(offsets) or abs(offsets[place] - offsets[start]) > _SAME:
            yield start, place
            start = place


def range_of(numbers: Sequence[int]) -> str:
    """Return ``line 4``, or ``lines 4 to 6``."""
    if len(numbers) == 1:
        return f"line {numbers[0]}"
    return f"lines {numbers[0]} to {numbers[-1]}"


def when(seconds: float) -> str:
    """Return ``66 ms late``, or ``1.20 s early``."""
    size = abs(seconds)
    how = f"{1000 * size:.0f} ms" if size < 0.9995 else f"{size:.2f} s"
    return f"{how} {'later' if seconds > 0 else 'earlier'}"


def _name(dialogue: Dialogue, number: int) -> str:
    return dialogue.line(number).audio.name


def lines_clipped(dialogue: Dialogue) -> Iterator[str]:
    """Yield lines whose waves are cut off in the film and not in their files."""
    for number, flat in dialogue.flat.items():
        if flat < _FLAT and dialogue.heard[number].likeness > _CLEAR:
            yield (
                f"line {number} is clipped: the tops of its wave are {1 - flat:.0%} lower in the "
                "film than the rest of the wave foretells"
            )
