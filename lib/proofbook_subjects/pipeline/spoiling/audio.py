"""Faults of the audio: of what is asked for, of a line's sound, of the files, of the time-line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.documents import Line
from proofbook_subjects.pipeline.faults import Faults
from proofbook_subjects.pipeline.sounds import Sound, to_wav

__all__ = [
    "FILES",
    "SOUNDS",
    "TIMELINES",
    "ask_wrongly",
    "changes_of",
    "spoil_files",
    "spoil_sound",
    "spoil_timeline",
]

_Timeline = dict[str, Any]
_OTHER = {"Butcher": "Nutsy", "Nutsy": "Butcher"}


def changes_of(faults: Faults) -> str:
    """Return the faults that change what a line's file holds; empty where there are none."""
    kinds = {*SOUNDS, *FILES, "one_voice", "swapped_voice", "wrong_words"}
    return "".join(f"{k}:{v};" for k, v in faults.of("audio").items() if k in kinds)


def ask_wrongly(faults: Faults, line: Line) -> Line:
    """Return the line that the voice is asked for."""
    if faults.of("audio").get("wrong_words") == line.number:
        line = replace(line, text="Seven green elephants are crossing the wide river tonight.")
    if faults.of("audio").get("swapped_voice") == line.number:
        line = replace(line, character=_OTHER[line.character])
    if faults.has("audio", "one_voice"):
        line = replace(line, character="Butcher")
    return line


def spoil_sound(faults: Faults, number: int, sound: Sound) -> Sound:
    """Return a line's sound as the faults have it."""
    for kind, value in faults.of("audio").items():
        if kind in SOUNDS and value == number:
            sound = Sound(SOUNDS[kind](sound), sound.rate)
    return sound


def spoil_files(faults: Faults, paths: Sequence[Path]) -> None:
    """Damage the lines' files as the faults have it."""
    for kind, value in faults.of("audio").items():
        if kind in FILES and 1 <= value <= len(paths):
            FILES[kind](paths, int(value) - 1)


def spoil_timeline(faults: Faults, document: _Timeline) -> _Timeline:
    """Return the time-line as the faults have it."""
    for kind, value in faults.of("audio").items():
        if kind in TIMELINES:
            document = TIMELINES[kind](document, value)
    return document


def _noise(sound: Sound) -> Any:
    import numpy as np

    noise = np.random.default_rng(7).normal(0, 0.25, len(sound.samples))
    return np.clip(0.5 * sound.samples + noise, -1, 1).astype(np.float32)


def _half(sound: Sound) -> Any:
    import numpy as np

    return np.where(np.arange(len(sound.samples)) < len(sound.samples) // 2, sound.samples, 0)


def _fast(sound: Sound) -> Any:
    import numpy as np

    count = len(sound.samples)
    faster = np.interp(np.arange(0, count, 1.5), np.arange(count), sound.samples)
    return np.pad(faster, (0, count - len(faster))).astype(np.float32)


def _exchange(paths: Sequence[Path], place: int) -> None:
    other = min(place + 2, len(paths) - 1)
    one, two = paths[place].read_bytes(), paths[other].read_bytes()
    paths[place].write_bytes(two)
    paths[other].write_bytes(one)


def _empty(paths: Sequence[Path], place: int) -> None:
    import numpy as np

    paths[place].write_bytes(to_wav(Sound(np.zeros(0, np.float32), 22050)))


def _break(paths: Sequence[Path], place: int) -> None:
    paths[place].write_bytes(b"no sound at all\n" * 40)


def _copy(paths: Sequence[Path], place: int) -> None:
    paths[place].write_bytes(paths[max(place - 2, 0)].read_bytes())


def _moved(document: _Timeline, number: float, seconds: float) -> _Timeline:
    """Move all lines from one on."""
    lines = [
        {
            **line,
            "start_time": round(line["start_time"] + seconds, 6),
            "end_time": round(line["end_time"] + seconds, 6),
        }
        if line["index"] >= number
        else line
        for line in document["lines"]
    ]
    total = round(document["total_duration"] + seconds, 6)
    return {**document, "lines": lines, "total_duration": total}


def _closed(document: _Timeline, number: float) -> _Timeline:
    gone = [line for line in document["lines"] if line["index"] == number]
    if not gone:
        return document
    rest = [line for line in document["lines"] if line["index"] != number]
    moved = _moved({**document, "lines": rest}, number, -gone[0]["duration"])
    lines = [{**line, "index": place} for place, line in enumerate(moved["lines"], 1)]
    return {**moved, "lines": lines}


def _longer(document: _Timeline, seconds: float) -> _Timeline:
    lines = [
        {**line, "duration": round(line["duration"] + seconds, 6),
         "end_time": round(line["end_time"] + seconds, 6)} if line["index"] == 3 else line
        for line in document["lines"]
    ]  # fmt: skip
    return _moved({**document, "lines": lines}, 4, seconds)


SOUNDS: Mapping[str, Callable[[Sound], Any]] = {
    "silent_line": lambda sound: 0 * sound.samples,
    "clipped_line": lambda sound: (12 * sound.samples).clip(-1, 1),
    "quiet_line": lambda sound: 0.1 * sound.samples,
    "noisy_line": _noise,
    "truncated_line": _half,
    "fast_line": _fast,
}
FILES: Mapping[str, Callable[[Sequence[Path], int], None]] = {
    "missing_line": lambda paths, place: paths[place].unlink(),
    "broken_line": _break,
    "empty_line": _empty,
    "swapped_lines": _exchange,
    "doubled_line": _copy,
}
TIMELINES: Mapping[str, Callable[[_Timeline, float], _Timeline]] = {
    "closed_gap": _closed,
    "left_gap": lambda d, number: _moved(d, number, 2.0),
    "overlap": lambda d, number: _moved(d, number, -0.5),
    "wrong_duration": _longer,
    "wrong_total": lambda d, seconds: {
        **d, "total_duration": round(d["total_duration"] + seconds, 6)
    },
    "other_episode": lambda d, _: {**d, "episode": "another"},
}  # fmt: skip
