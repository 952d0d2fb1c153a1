"""Judge a time-line against its script: each line is there, in its place, with its own sound."""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from proofbook_systems.pipeline.artefacts import Line, PlacedLine, Script, Timeline
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["judge_timeline", "same_words"]

_ROUNDING = 0.011
"""Seconds by which times may differ that were written with two digits."""
_EVEN = 0.02
"""Seconds by which pauses of one length may differ."""
_NUMBERED = re.compile(r"^(\d+)[_-]")


def judge_timeline(
    script: Script, timeline: Timeline, *, longest_gap: float, no_times: str = ""
) -> list[Finding]:
    """Judge a time-line.

    Args:
        script: What is spoken.
        timeline: When.
        longest_gap: Seconds between two lines, before the first, and behind the last.
        no_times: Why it is not known when each line is spoken; empty where it is.
    """
    placed = timeline.lines
    return [
        finding(
            "audio-for-each-line", _lines_missing(script, placed),
            why="a line that failed leaves a hole in the dialogue",
        ),
        finding(
            "audio-of-the-right-line", _lines_changed(script, placed),
            why="the wrong voice says it, or the wrong words",
        ),
        finding(
            "audio-files", _files(timeline), untried=_no_files(timeline),
            why="a line without a file of its own is silent, or says another's words",
        ),
        finding(
            "timeline-adds-up", _times(timeline, longest_gap), untried=no_times,
            why="lines overlap, or the film waits for nobody",
        ),
    ]  # fmt: skip


def _no_files(timeline: Timeline) -> str:
    if timeline.cut_from is not None:
        return f"all lines are in one sound, {timeline.cut_from.name}, and are cut out of it"
    return "" if timeline.has_sounds else f"{timeline.path.name} names no sounds, nor does paths"


def same_words(one: str, other: str) -> bool:
    """Say whether two texts have the same words, whatever their signs and cases."""
    return re.findall(r"\w+", one.casefold()) == re.findall(r"\w+", other.casefold())


def _lines_missing(script: Script, placed: Sequence[PlacedLine]) -> list[str]:
    wanted, there = [line.number for line in script.lines], [line.number for line in placed]
    faults = [
        f"line {number} is in the time-line {count} times"
        for number, count in Counter(there).items()
        if count > 1
    ]
    faults += [f"line {n} is not in the script" for n in there if n not in wanted]
    if moved := _closed_up(script.lines, placed):
        return [moved, *faults]
    return [f"line {n} is not in the time-line" for n in wanted if n not in there] + faults


def _closed_up(lines: Sequence[Line], placed: Sequence[PlacedLine]) -> str:
    """Return which line is missing while those behind it took its number; empty where none."""
    if len(placed) >= len(lines) or [x.number for x in placed] != [*range(1, len(placed) + 1)]:
        return ""
    for line, spoken in zip(lines, placed, strict=False):
        if not same_words(line.text, spoken.text):
            return (
                f"line {line.number}, {line.text!r:.40}, is missing, and the lines behind it have "
                "moved up"
            )
    return ""


def _lines_changed(script: Script, placed: Sequence[PlacedLine]) -> list[str]:
    said = {line.number: line for line in script.lines}
    faults = []
    for line in placed:
        if (meant := said.get(line.number)) is None:
            continue
        where = f"line {line.number}"
        if not same_words(meant.text, line.text):
            faults.append(f"{where} says {line.text!r:.40}, the script {meant.text!r:.40}")
        if meant.character.casefold() != line.character.casefold():
            faults.append(f"{where} is spoken by {line.character}, not by {meant.character}")
        if meant.emotion.casefold() != line.emotion.casefold():
            faults.append(f"{where} is {line.emotion}, in the script {meant.emotion}")
    if [x.number for x in placed] != sorted(x.number for x in placed):
        faults.append(f"the lines are in the order {', '.join(str(x.number) for x in placed)}")
    return faults + _misnamed(placed)


def _misnamed(placed: Sequence[PlacedLine]) -> list[str]:
    """Return lines whose file is named as one of another line or another character."""
    faults = []
    everyone = {line.character.casefold() for line in placed if line.character}
    numbers = [int(m.group(1)) if (m := _NUMBERED.match(x.audio.name)) else None for x in placed]
    shifts = Counter(n - x.number for n, x in zip(numbers, placed, strict=True) if n is not None)
    usual = shifts.most_common(1)[0][0] if shifts else 0
    for number, line in zip(numbers, placed, strict=True):
        if number is not None and number - line.number != usual:
            faults.append(f"line {line.number} has the file {line.audio.name}")
        words = set(re.split(r"[_\-. ]+", line.audio.stem.casefold()))
        others = (everyone & words) - {line.character.casefold()}
        if others and line.character.casefold() not in words:
            faults.append(f"line {line.number} of {line.character} has the file {line.audio.name}")
    return faults


def _files(timeline: Timeline) -> list[str]:
    faults = [
        f"line {line.number}: {line.audio.name} is not there"
        for line in timeline.lines
        if not line.audio.is_file()
    ]
    users = Counter(line.audio for line in timeline.lines)
    faults += [f"{p.name} is the file of {count} lines" for p, count in users.items() if count > 1]
    for folder in {line.audio.parent for line in timeline.lines if line.audio.is_file()}:
        faults += [
            f"{p.name} belongs to no line of the time-line" for p in _unclaimed(folder, users)
        ]
    return faults


def _unclaimed(folder: Path, users: Counter[Path]) -> list[Path]:
    """Return files that are named as those of lines, and are none."""
    kinds = {path.suffix for path in users if _NUMBERED.match(path.name)}
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in kinds and _NUMBERED.match(path.name) and path not in users
    )


def _times(timeline: Timeline, longest_gap: float) -> list[str]:
    lines = timeline.lines
    if not lines:
        return ["the time-line has no lines"]
    faults = _lengths(lines)
    gaps = [after.start - before.end for before, after in itertools.pairwise(lines)]
    pauses = [gap for gap in gaps if gap >= -_ROUNDING]
    usual = statistics.median(pauses) if pauses else 0.0
    uneven = sum(abs(gap - usual) > _EVEN for gap in pauses) > len(pauses) / 5
    for before, after, gap in zip(lines[:-1], lines[1:], gaps, strict=True):
        where = f"between lines {before.number} and {after.number}"
        if gap < -_ROUNDING:
            faults.append(
                f"lines {before.number} and {after.number} overlap by {-gap:.3f} s: "
                f"{before.end:.3f} s is behind {after.start:.3f} s"
            )
        elif gap > longest_gap + _ROUNDING:
            faults.append(f"{gap:.3f} s {where} belong to no line")
        elif not uneven and abs(gap - usual) > _EVEN:
            faults.append(f"a pause of {gap:.3f} s {where}; all others have {usual:.3f} s")
    return faults + _ends(timeline, longest_gap)


def _lengths(lines: Sequence[PlacedLine]) -> list[str]:
    faults = []
    for line in lines:
        times = (line.start, line.duration, line.end)
        if not all(math.isfinite(each) for each in times):
            faults.append(f"line {line.number} has a time that is no number")
        elif line.start < -_ROUNDING or line.duration <= 0:
            faults.append(
                f"line {line.number} starts at {line.start:g} s and lasts {line.duration:g} s"
            )
        elif abs(line.end - line.start - line.duration) > _ROUNDING:
            faults.append(
                f"line {line.number} ends at {line.end:.3f} s; its start and duration make "
                f"{line.start + line.duration:.3f} s"
            )
    return faults


def _ends(timeline: Timeline, longest_gap: float) -> list[str]:
    first, last = timeline.lines[0], timeline.lines[-1]
    faults = []
    if first.start > longest_gap + _ROUNDING:
        faults.append(f"nothing is said for {first.start:.3f} s at the start")
    if math.isnan(timeline.total):
        return faults
    if timeline.total < last.end - _ROUNDING * len(timeline.lines):
        faults.append(
            f"it lasts {timeline.total:.3f} s, and its last line ends at {last.end:.3f} s"
        )
    elif timeline.total > last.end + longest_gap + _ROUNDING:
        faults.append(
            f"it lasts {timeline.total:.3f} s, {timeline.total - last.end:.3f} s longer than its "
            "last line"
        )
    return faults
