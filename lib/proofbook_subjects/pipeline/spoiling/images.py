"""Faults of the selection: each changes the document, or an image, before it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.faults import Faults

__all__ = ["SELECTIONS", "spoil_selection"]

_Document = dict[str, Any]
_OTHER = {"Butcher": "nutsy", "Nutsy": "butcher"}
_ELSEWHERE = {"happy": "sad"}


def spoil_selection(faults: Faults, document: _Document, root: Path, batch: bool) -> _Document:
    """Return the selection as the faults have it."""
    for kind, value in faults.of("images").items():
        if kind in SELECTIONS and (batch or kind != "batch_differs"):
            document = SELECTIONS[kind](document, int(value), root)
    return document


def _entry(document: _Document, number: int) -> dict[str, Any]:
    found = [each for each in document["selections"] if each["line_index"] == number]
    return dict(found[0]) if found else {}


def _with(document: _Document, number: int, **changes: Any) -> _Document:
    entries = [
        {**entry, **changes} if entry["line_index"] == number else entry
        for entry in document["selections"]
    ]
    return {**document, "selections": entries}


def _other_character(document: _Document, number: int, _root: Path) -> _Document:
    entry = _entry(document, number)
    path = f"data/images/{_OTHER[entry['character']]}_{entry['emotion']}_1.jpg"
    return _with(document, number, image_path=path)


def _other_emotion(document: _Document, number: int, _root: Path) -> _Document:
    entry = _entry(document, number)
    emotion = _ELSEWHERE.get(entry["emotion"], "happy")
    return _with(
        document, number, image_path=f"data/images/{entry['character'].lower()}_{emotion}_1.jpg"
    )


def _other_label(document: _Document, number: int, _root: Path) -> _Document:
    emotion = _entry(document, number)["emotion"]
    return _with(document, number, emotion=_ELSEWHERE.get(emotion, "happy"))


def _exchanged(document: _Document, number: int, _root: Path) -> _Document:
    one, two = _entry(document, number), _entry(document, number + 1)
    first = _with(document, number, image_path=two["image_path"])
    return _with(first, number + 1, image_path=one["image_path"])


def _broken(document: _Document, number: int, root: Path) -> _Document:
    path = "data/images/broken.jpg"
    (root / path).write_bytes(b"\xff\xd8\xff\xe0 and no picture")
    return _with(document, number, image_path=path)


def _left_out(document: _Document, number: int, _root: Path) -> _Document:
    kept = [entry for entry in document["selections"] if entry["line_index"] != number]
    return {**document, "selections": kept}


def _last_pose(document: _Document, _number: int, _root: Path) -> _Document:
    """Another pose of the same character and emotion, for each line."""
    other = {"1": "2", "2": "1"}
    entries = []
    for entry in document["selections"]:
        start, _, pose = entry["image_path"].removesuffix(".jpg").rpartition("_")
        entries.append({**entry, "image_path": f"{start}_{other[pose]}.jpg"})
    return {**document, "selections": entries}


SELECTIONS: Mapping[str, Callable[[_Document, int, Path], _Document]] = {
    "missing_line": _left_out,
    "missing_file": lambda d, number, _: _with(d, number, image_path="data/images/gone.jpg"),
    "unreadable": _broken,
    "wrong_character": _other_character,
    "wrong_emotion": _other_emotion,
    "wrong_label": _other_label,
    "swapped_lines": _exchanged,
    "outside": lambda d, number, _: _with(d, number, image_path="../../../etc/passwd"),
    "batch_differs": _last_pose,
    "other_episode": lambda d, _number, _root: {**d, "episode": "another"},
}
