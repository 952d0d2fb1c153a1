"""Read what the stages of a pipeline leave: script, time-line, selections.

Each reader takes the seed's form, the real system's, and a project's own by its names. What a file
lacks that no claim can do without is an error; all else is for the judges.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.artefacts import (
    Line,
    PlacedLine,
    Script,
    Selection,
    Selections,
    Timeline,
)
from proofbook_systems.pipeline.cues import lay_together
from proofbook_systems.pipeline.documents import read_document, sentences_of
from proofbook_systems.pipeline.line_files import IMAGES, files_by_line, sound_of_line
from proofbook_systems.pipeline.names import Names

__all__ = ["numbers_of", "read_script", "read_selections", "read_timeline"]

_CAPTIONS = (".srt", ".vtt")


def read_script(path: Path, names: Names) -> Script:
    """Read a script.

    Raises:
        SubjectError: It is missing, not of its form, or has no list of lines.
    """
    document = read_document(path, "script", names.candidates("script.lines")[0])
    lines = _entries(document, "script.lines", path, names)
    topics = names.get(document, "script.topics", ())
    return Script(
        path=path, episode=_text(names.get(document, "script.episode")), metadata=document,
        lines=tuple(_line(number, line, names) for number, line in enumerate(lines, 1)),
        topics=tuple(_topics(topics)), form=names.key(document, "script.lines"),
    )  # fmt: skip


def read_timeline(
    path: Path, names: Names, *, root: Path, script: Script | None, sounds: Path | None = None
) -> Timeline:
    """Read a time-line; what its lines do not repeat of the script is taken from there.

    Args:
        path: JSON, YAML, a table, or subtitles.
        names: The project's.
        root: The project, from which paths of sounds may start.
        script: Whose lines it places.
        sounds: Folder of the sounds, or one for all lines, where the time-line names none.

    Raises:
        SubjectError: It is missing, not of its form, or a line has no sound or no time.
    """
    document = read_document(path, "time-line", names.candidates("timeline.lines")[0])
    entries = _entries(document, "timeline.lines", path, names)
    numbers = numbers_of([names.get(entry, "placed.number") for entry in entries])
    placed = _laid_together(entries, script, path, names)
    if placed is not None:
        entries, numbers = placed, [entry["number"] for entry in placed]
    _fill_starts(entries, names)
    said = {line.number: line for line in script.lines} if script else {}
    find = sound_of_line(sounds, numbers, optional=path.suffix.casefold() in _CAPTIONS)
    lines = tuple(
        _placed(number, entry, said.get(number), _Places(path, root, find(number)), names)
        for number, entry in zip(numbers, entries, strict=True)
    )
    total = names.get(document, "timeline.total")
    return Timeline(
        path=path, episode=_text(names.get(document, "timeline.episode")), lines=lines,
        total=math.nan if total is None else _seconds(total, "total duration", path),
    )  # fmt: skip


def read_selections(path: Path, names: Names, *, root: Path, script: Script | None) -> Selections:
    """Read which image is shown during which line; a folder of numbered images says it, too.

    Raises:
        SubjectError: It is missing, not of its form, or has no list of selections.
    """
    if path.is_dir():
        entries: list[dict[str, Any]] = [
            {"number": number, "image_path": str(image)}
            for number, image in files_by_line(path, IMAGES).items()
        ]
        numbers = [entry["number"] for entry in entries]
    else:
        listed = names.candidates("selections.list")[0]
        entries = _entries(
            read_document(path, "selections", listed), "selections.list", path, names
        )
        numbers = numbers_of([names.get(entry, "selection.number") for entry in entries])
    said = {line.number: line for line in script.lines} if script else {}
    return Selections(
        path=path,
        selections=tuple(
            _selection(number, entry, said.get(number), root, names)
            for number, entry in zip(numbers, entries, strict=True)
        ),
    )


def numbers_of(given: Sequence[Any]) -> list[int]:
    """Return the numbers of lines from 1, as a file gives them: from 0, from 1, or not at all."""
    whole = [int(each) for each in given if isinstance(each, int | str) and str(each).isdigit()]
    if len(whole) != len(given):
        return list(range(1, len(given) + 1))
    shift = 1 if min(whole, default=1) == 0 else 0
    return [number + shift for number in whole]


def _entries(
    document: Mapping[str, Any], canonical: str, path: Path, names: Names
) -> list[dict[str, Any]]:
    found = names.get(document, canonical)
    if isinstance(found, Mapping):
        found = list(found.values())
    if isinstance(found, str) and canonical == "script.lines":
        text = names.candidates("line.text")[0]
        found = [{text: line} for line in sentences_of(found)]
    if not isinstance(found, list):
        looked = ", ".join(names.candidates(canonical))
        raise SubjectError(
            f"{path} has no list called {looked}; it has {', '.join(document) or 'nothing'}: say "
            f"what it is called with names.{canonical}"
        )
    if canonical == "script.lines" and found and all(isinstance(entry, str) for entry in found):
        return [{names.candidates("line.text")[0]: entry} for entry in found]
    for number, entry in enumerate(found, 1):
        if not isinstance(entry, dict):
            raise SubjectError(f"{path}: entry {number} is {entry!r:.40}, not an object")
    return found


def _line(number: int, entry: Mapping[str, Any], names: Names) -> Line:
    return Line(
        number=number, character=_text(names.get(entry, "line.character")),
        text=_text(names.get(entry, "line.text")), emotion=_text(names.get(entry, "line.emotion")),
    )  # fmt: skip


def _laid_together(
    entries: list[dict[str, Any]], script: Script | None, path: Path, names: Names
) -> list[dict[str, Any]] | None:
    """Return captions as lines of the script; None where the entries are lines themselves.

    Raises:
        SubjectError: A caption ends before it starts, or starts before the one in front of it.
    """
    if script is None or len(entries) == len(script.lines):
        return None
    if any(names.has(entry, "placed.number") for entry in entries):
        return None
    cues = [
        {
            "text": _said(entry, names),
            "start": _time(names, entry, "placed.start"), "end": _time(names, entry, "placed.end"),
        }
        for entry in entries
    ]  # fmt: skip
    if any(cue["start"] is None or cue["end"] is None or not cue["text"] for cue in cues):
        return None
    _check_order(cues, path)
    return lay_together(cues, script.lines)


def _check_order(cues: Sequence[Mapping[str, Any]], path: Path) -> None:
    before = -math.inf
    for number, cue in enumerate(cues, 1):
        if cue["end"] < cue["start"] or cue["start"] < before:
            raise SubjectError(
                f"{path}: caption {number}, {cue['text']!r:.40}, is from {cue['start']:g} s to "
                f"{cue['end']:g} s, and the one in front of it starts at {before:g} s"
            )
        before = cue["start"]


def _said(entry: Mapping[str, Any], names: Names) -> str:
    """Return a text by the project's own name, or by a usual one: a script has another form."""
    return _text(names.get(entry, "line.text")) or _text(Names().get(entry, "line.text"))


def _fill_starts(entries: list[dict[str, Any]], names: Names) -> None:
    """Place entries one after the other that say how long they are and not when they start."""
    if any(names.has(entry, "placed.start") for entry in entries):
        return
    lengths = [_time(names, entry, "placed.duration") for entry in entries]
    known = [length for length in lengths if isinstance(length, int | float)]
    if len(known) == len(entries):
        starts = itertools.accumulate(known, initial=0.0)
        name = names.candidates("placed.start")[0]
        entries[:] = [{**e, name: start} for e, start in zip(entries, starts, strict=False)]


def _time(names: Names, entry: Mapping[str, Any], canonical: str) -> Any:
    """Return a time in seconds, as it is written where that is no number."""
    value = names.get(entry, canonical)
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return value
    return seconds / 1000 if names.key(entry, canonical).casefold().endswith("ms") else seconds


class _Places(NamedTuple):
    """Where the sound of a line may lie."""

    timeline: Path
    root: Path
    otherwise: Path | None
    """The sound of a line that names none; None where that is an error."""


def _placed(
    number: int, entry: Mapping[str, Any], said: Line | None, places: _Places, names: Names
) -> PlacedLine:
    path, where = places.timeline, f"{places.timeline}: line {number}"
    start = _seconds(_time(names, entry, "placed.start"), f"{where}: start", path)
    given = {key: _time(names, entry, f"placed.{key}") for key in ("duration", "end")}
    if given["duration"] is None and given["end"] is None:
        raise SubjectError(f"{where} has neither a duration nor an end")
    end = None if given["end"] is None else _seconds(given["end"], f"{where}: end", path)
    duration = (
        (end or 0.0) - start
        if given["duration"] is None
        else _seconds(given["duration"], f"{where}: duration", path)
    )
    line = _line(number, entry, names)
    return PlacedLine(
        number=number, character=line.character or (said.character if said else ""),
        text=_said(entry, names) or (said.text if said else ""),
        emotion=line.emotion or (said.emotion if said else ""),
        audio=_sound(where, entry, places, names), start=start, duration=duration,
        end=start + duration if end is None else end,
    )  # fmt: skip


def _sound(where: str, entry: Mapping[str, Any], places: _Places, names: Names) -> Path:
    audio = _text(names.get(entry, "placed.audio"))
    if audio:
        return _find(audio, places.root, places.timeline.parent)
    if places.otherwise is None:
        raise SubjectError(
            f"{where} has no sound; say what it is called with names.placed.audio, or where the "
            "sounds lie with paths.audio"
        )
    return places.otherwise


def _selection(
    number: int, entry: Mapping[str, Any], said: Line | None, root: Path, names: Names
) -> Selection:
    image = _text(names.get(entry, "selection.image"))
    line = _line(number, entry, names)
    return Selection(
        number=number, character=line.character or (said.character if said else ""),
        emotion=line.emotion or (said.emotion if said else ""), image=_find(image, root, root),
        is_found=bool(names.get(entry, "selection.found", True)) and bool(image),
    )  # fmt: skip


def _find(name: str, root: Path, beside: Path) -> Path:
    """Return where a file lies that is named from the project, or from the file that names it.

    A mere file name, with no folder before it, may lie anywhere in the project.
    """
    places = [root / name, beside / name, beside / Path(name).name]
    found = next((place for place in places if place.is_file()), None)
    if found is None and name and Path(name).name == name:
        found = next((place for place in sorted(root.rglob(name)) if place.is_file()), None)
    return found or places[0]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _topics(value: Any) -> list[str]:
    entries = value if isinstance(value, list) else [value] if value else []
    named = [next(iter(e.values()), "") if isinstance(e, Mapping) and e else e for e in entries]
    return [str(each) for each in named if each]


def _seconds(value: Any, what: str, path: Path) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError) as error:
        raise SubjectError(f"{path}: {what} is {value!r}, not a number of seconds") from error
    return seconds
