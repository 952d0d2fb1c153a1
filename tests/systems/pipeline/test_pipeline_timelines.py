"""Time-lines: each line in its place, with its own sound, and none closed up in silence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proofbook_systems.pipeline.artefacts import Line, PlacedLine, Script, Timeline
from proofbook_systems.pipeline.end_to_end.timelines import judge_timeline
from proofbook_systems.pipeline.findings import blamed

COUNT = 8


def make(
    folder: Path, *, pauses: Sequence[float] = (0.0,) * COUNT, lead: float = 0.0
) -> tuple[Script, Timeline]:
    lines, placed, at = [], [], lead
    for n in range(1, COUNT + 1):
        who, mood = ("Butcher", "Nutsy")[n % 2], ("happy", "grumpy")[n % 2]
        line = Line(number=n, character=who, text=f"This is the line of number {n}.", emotion=mood)
        audio = folder / f"{n:03d}_{who.lower()}_{mood}.wav"
        audio.write_bytes(b"sound")
        lines.append(line)
        placed.append(
            PlacedLine(
                number=n, character=who, text=line.text, emotion=mood, audio=audio, start=at,
                duration=1.0 + n / 100, end=at + 1.0 + n / 100,
            )
        )  # fmt: skip
        at += 1.0 + n / 100 + pauses[n - 1]
    script = Script(
        path=folder / "s.json",
        episode="e",
        lines=tuple(lines),
        metadata={},
        topics=(),
        form="lines",
    )
    return script, Timeline(
        path=folder / "t.json", episode="e", total=placed[-1].end, lines=tuple(placed)
    )


def judged(
    folder: Path, change: Callable[[list[PlacedLine]], object] | None = None, **more: Any
) -> Any:
    script, timeline = make(folder)
    lines = list(timeline.lines)
    if change:
        change(lines)
    timeline = replace(timeline, lines=tuple(lines), **more)
    return judge_timeline(script, timeline, longest_gap=1.0)


def moved(lines: list[PlacedLine], first: int, seconds: float) -> None:
    lines[first:] = [
        replace(x, start=x.start + seconds, end=x.end + seconds) for x in lines[first:]
    ]


def changed(number: int, **changes: Any) -> Callable[[list[PlacedLine]], object]:
    def change(lines: list[PlacedLine]) -> None:
        lines[number - 1] = replace(lines[number - 1], **changes)

    return change


def closed_up(lines: list[PlacedLine]) -> None:
    del lines[3]
    lines[:] = [replace(x, number=n) for n, x in enumerate(lines, 1)]


def swapped_sounds(lines: list[PlacedLine]) -> None:
    first, second = lines[2], lines[3]
    lines[2], lines[3] = replace(first, audio=second.audio), replace(second, audio=first.audio)


@pytest.mark.parametrize(
    ("pauses", "lead"),
    [
        ((0.0,) * 8, 0.0),
        ((0.3,) * 8, 0.5),
        ((0.1, 0.4, 0.2, 0.6, 0.15, 0.5, 0.3, 0.0), 0.2),
        ((0.004,) * 8, 0),
    ],
    ids=["none", "even", "uneven", "rounded"],
)
def test_right_timelines_are_right(tmp_path: Path, pauses: Sequence[float], lead: float) -> None:
    script, timeline = make(tmp_path, pauses=pauses, lead=lead)
    assert blamed(judge_timeline(script, timeline, longest_gap=1.0)) == []


def test_unusual_but_right_names_and_ends_are_right(tmp_path: Path) -> None:
    script, timeline = make(tmp_path)
    (tmp_path / "full_mix.wav").write_bytes(b"all")
    lines = []
    for line in timeline.lines:
        audio = tmp_path / f"{line.number - 1}_take.wav"  # counted from 0
        line.audio.rename(audio)
        lines.append(
            replace(line, audio=audio, text=line.text.upper(), character=line.character.lower())
        )
    timeline = replace(timeline, lines=tuple(lines), total=timeline.total + 0.8)
    assert blamed(judge_timeline(script, timeline, longest_gap=1.0)) == []


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        (closed_up, "audio-for-each-line", "line 4, 'This is the line of number 4.', is missing"),
        (lambda x: x.pop(3), "audio-for-each-line", "line 4 is not in the time-line"),
        (
            lambda x: x.append(replace(x[-1], number=9, start=9, end=10.08)),
            "audio-for-each-line",
            "line 9 is not in",
        ),
        (
            changed(3, text="Something else."),
            "audio-of-the-right-line",
            "line 3 says 'Something else.'",
        ),
        (
            changed(3, character="Butcher"),
            "audio-of-the-right-line",
            "line 3 is spoken by Butcher, not by Nutsy",
        ),
        (
            changed(3, emotion="happy"),
            "audio-of-the-right-line",
            "line 3 is happy, in the script grumpy",
        ),
        (swapped_sounds, "audio-of-the-right-line", "line 3 has the file 004_butcher_happy.wav"),
        (
            lambda x: moved(x, 4, 0.2),
            "timeline-adds-up",
            "a pause of 0.200 s between lines 4 and 5",
        ),
        (
            lambda x: moved(x, 4, 3.0),
            "timeline-adds-up",
            "3.000 s between lines 4 and 5 belong to no line",
        ),
        (lambda x: moved(x, 4, -0.3), "timeline-adds-up", "lines 4 and 5 overlap by 0.300 s"),
        (changed(2, end=2.5), "timeline-adds-up", "line 2 ends at 2.500 s"),
        (changed(2, duration=0.0), "timeline-adds-up", "lasts 0 s"),
        (changed(2, start=float("nan")), "timeline-adds-up", "line 2 has a time that is no number"),
        (
            lambda x: moved(x, 0, 2.0),
            "timeline-adds-up",
            "nothing is said for 2.000 s at the start",
        ),
    ],
)
def test_a_planted_fault_is_named(tmp_path: Path, change: Any, name: str, words: str) -> None:
    findings = judged(tmp_path, change)
    assert name in blamed(findings)
    assert words in "; ".join(next(each.faults for each in findings if each.name == name))


@pytest.mark.parametrize(
    ("total", "words"), [(5.0, "it lasts 5.000 s"), (20.0, "longer than its last line")]
)
def test_a_wrong_total_is_named(tmp_path: Path, total: float, words: str) -> None:
    findings = judged(tmp_path, total=total)
    assert blamed(findings) == ["timeline-adds-up"]
    assert words in findings[3].faults[0]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    script, timeline = make(tmp_path)
    timeline.lines[4].audio.unlink()
    findings = judge_timeline(script, timeline, longest_gap=1.0)
    assert findings[2].faults == ["line 5: 005_nutsy_grumpy.wav is not there"]


def test_one_file_for_two_lines_is_named(tmp_path: Path) -> None:
    def share(lines: list[PlacedLine]) -> None:
        lines[5] = replace(lines[5], audio=lines[3].audio)

    faults = judged(tmp_path, share)[2].faults
    assert "004_butcher_happy.wav is the file of 2 lines" in faults


def test_a_sound_of_an_earlier_script_is_named(tmp_path: Path) -> None:
    script, timeline = make(tmp_path)
    (tmp_path / "009_nutsy_happy.wav").write_bytes(b"old")
    findings = judge_timeline(script, timeline, longest_gap=1.0)
    assert findings[2].faults == ["009_nutsy_happy.wav belongs to no line of the time-line"]


def test_a_timeline_without_lines_is_red(tmp_path: Path) -> None:
    script, timeline = make(tmp_path)
    findings = judge_timeline(script, replace(timeline, lines=()), longest_gap=1.0)
    assert blamed(findings) == ["audio-for-each-line", "timeline-adds-up"]
