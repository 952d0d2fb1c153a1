"""Judge the sounds of a project that keeps no time-line: what can be said without any times."""

from __future__ import annotations

import math
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.artefacts import PlacedLine, Script, Timeline
from proofbook_systems.pipeline.cutting import sound_seconds
from proofbook_systems.pipeline.line_files import SOUNDS, files_by_line

__all__ = ["NO_TIMELINE", "read_sounds"]

NO_TIMELINE = "paths has no timeline: when each line is spoken is not known"


def read_sounds(place: Path, script: Script) -> Timeline:
    """Return the sounds of a folder as lines, one after the other; one sound is one line.

    Raises:
        SubjectError: There is no such folder, or no sound in it.
    """
    if place.is_file():
        files = {1: place}
    elif place.is_dir():
        files = files_by_line(place, SOUNDS)
    else:
        raise SubjectError(f"audio {place} does not exist")
    if not files:
        raise SubjectError(f"audio {place} has no sound: none of {', '.join(SOUNDS)}")
    said = {line.number: line for line in script.lines}
    lines: list[PlacedLine] = []
    for number, file in files.items():
        line, start = said.get(number), lines[-1].end if lines else 0.0
        seconds = _seconds(file)
        lines.append(PlacedLine(
            number=number, character=line.character if line else "",
            text=line.text if line else "", emotion=line.emotion if line else "",
            audio=file, start=start, duration=seconds, end=start + seconds,
        ))  # fmt: skip
    return Timeline(path=place, episode="", total=math.nan, lines=tuple(lines))


def _seconds(file: Path) -> float:
    try:
        return sound_seconds(file)
    except SubjectError:
        return 0.0  # what listens to the sounds tells why
