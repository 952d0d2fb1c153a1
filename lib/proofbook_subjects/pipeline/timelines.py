"""Join a time-line and a selection into the shots of a film, or say what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.documents import Line, one_of
from proofbook_subjects.pipeline.errors import InputError
from proofbook_subjects.pipeline.paths import check_episode
from proofbook_subjects.pipeline.settings import CHARACTERS, EMOTIONS, Project
from proofbook_subjects.pipeline.storing import read_json

__all__ = ["Plan", "Shot", "read_plan"]

_GAP = 0.001
"""Seconds by which one line may end before or after the next begins."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A line of the film: what is shown, and what is heard when."""

    line: Line
    image: Path
    audio: Path
    start: float
    duration: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A film to be made."""

    episode: str
    script_hash: str
    shots: tuple[Shot, ...]
    total: float


def read_plan(project: Project, timeline: Path, selections: Path) -> Plan:
    """Return the film that a time-line and a selection describe together.

    Raises:
        InputError: One cannot be read, they are of two scripts, or a file is missing.
    """
    placed = read_json(timeline, "time-line")
    chosen = read_json(selections, "selection")
    is_careless = project.faults.has("video", "careless")
    if not is_careless:
        _check_same(placed, chosen, timeline, selections)
    images = _by_number(chosen, "selections", "line_index", selections)
    lines = _entries(placed, "lines", timeline)
    shots: list[Shot] = []
    end = 0.0
    for number, entry in enumerate(lines, 1):
        where = f"{timeline}, line {number}"
        if number not in images:
            raise InputError(f"{selections} has no image for line {number}")
        shot = _shot(project, entry, images[number], number, where)
        if abs(shot.start - end) > _GAP and not is_careless:
            raise InputError(
                f"{where} begins at {shot.start:.3f} s, and the one before ends at {end:.3f} s: "
                "a line is missing or overlaps; run generate_audio.py again"
            )
        end = shot.start + shot.duration
        shots.append(shot)
    episode = check_episode(str(placed.get("episode", "")))
    return Plan(
        episode=episode, script_hash=str(placed.get("script_hash", "")), shots=tuple(shots),
        total=end,
    )  # fmt: skip


def _check_same(
    placed: Mapping[str, Any], chosen: Mapping[str, Any], timeline: Path, selections: Path
) -> None:
    for key, what in (("episode", "episode"), ("script_hash", "version of the script")):
        one, other = placed.get(key), chosen.get(key)
        if one != other and None not in (one, other):
            raise InputError(
                f"{timeline} and {selections} are of another {what}: {one} and {other}; "
                "run select_images.py for this script"
            )


def _entries(document: Mapping[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
    found = document.get(key)
    if not isinstance(found, list) or not found:
        raise InputError(f"{path} has no {key}")
    if not all(isinstance(entry, dict) for entry in found):
        raise InputError(f"{path}: an entry of {key} is no object")
    return found


def _by_number(
    document: Mapping[str, Any], key: str, index: str, path: Path
) -> dict[int, dict[str, Any]]:
    entries = _entries(document, key, path)
    numbered = {entry.get(index): entry for entry in entries}
    if len(numbered) < len(entries):
        raise InputError(f"{path} has two entries of one {index}")
    return {number: entry for number, entry in numbered.items() if isinstance(number, int)}


def _shot(
    project: Project, entry: Mapping[str, Any], image: Mapping[str, Any], number: int, where: str
) -> Shot:
    character = one_of(entry.get("character"), CHARACTERS, "character", where)
    emotion = one_of(entry.get("emotion"), EMOTIONS, "emotion", where)
    is_careless = project.faults.has("video", "careless")
    if (image.get("character"), image.get("emotion")) != (character, emotion) and not is_careless:
        raise InputError(
            f"{where} is {character}, {emotion}; its image is of {image.get('character')}, "
            f"{image.get('emotion')}: run select_images.py for this script"
        )
    files = project.sandbox
    return Shot(
        line=Line(
            number=number, character=character, emotion=emotion, text=str(entry.get("text", ""))
        ),
        image=files.existing(str(image.get("image_path", "")), f"{where}, image"),
        audio=files.existing(str(entry.get("audio_file", "")), f"{where}, audio"),
        start=_seconds(entry, "start_time", where, least=0.0),
        duration=_seconds(entry, "duration", where, least=0.01),
    )


def _seconds(entry: Mapping[str, Any], key: str, where: str, *, least: float) -> float:
    value = entry.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value < 36e3:
        raise InputError(f"{where}: {key} is {value!r}, no number of seconds from {least:g}")
    return float(value)
