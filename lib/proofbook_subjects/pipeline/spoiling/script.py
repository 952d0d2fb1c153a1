"""Faults of the script: each changes the document before it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.faults import Faults

__all__ = ["DOCUMENTS", "FILES", "spoil_file", "spoil_script"]

_Document = dict[str, Any]


def spoil_script(faults: Faults, document: _Document) -> _Document:
    """Return the document as the faults have it."""
    for kind, value in faults.of("script").items():
        if kind in DOCUMENTS:
            document = DOCUMENTS[kind](document, value)
    return document


def spoil_file(faults: Faults, path: Path) -> None:
    """Damage the script's file as the faults have it."""
    for kind in faults.of("script"):
        if kind in FILES:
            FILES[kind](path)


def _line(document: _Document, number: float, **changes: Any) -> _Document:
    place = min(max(int(number), 1), len(document["lines"])) - 1
    lines = list(document["lines"])
    lines[place] = {**lines[place], **changes}
    return {**document, "lines": lines}


def _other_case(document: _Document, number: float) -> _Document:
    line = document["lines"][min(int(number), len(document["lines"])) - 1]
    return _line(document, number, character=line["character"].lower())


def _doubled(document: _Document, number: float) -> _Document:
    before = document["lines"][max(int(number) - 2, 0)]
    return _line(document, number, text=before["text"])


def _no_topic(document: _Document, _: float) -> _Document:
    lines = [
        {**line, "text": _without(line["text"], document["metadata"]["topics"])}
        for line in document["lines"]
    ]
    return {**document, "lines": lines}


def _without(text: str, topics: list[str]) -> str:
    for topic in topics:
        text = text.replace(topic, "the soup")
    return text


def _cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


DOCUMENTS: Mapping[str, Callable[[_Document, float], _Document]] = {
    "few_lines": lambda d, count: {**d, "lines": d["lines"][: int(count)]},
    "one_character": lambda d, _: {
        **d, "lines": [{**line, "character": "Butcher"} for line in d["lines"]]
    },
    "unknown_character": lambda d, number: _line(d, number, character="Pigeon"),
    "other_case": _other_case,
    "no_emotion": lambda d, number: _line(d, number, emotion=""),
    "unknown_emotion": lambda d, number: _line(d, number, emotion="peckish"),
    "empty_line": lambda d, number: _line(d, number, text=" "),
    "doubled_line": _doubled,
    "no_topic": _no_topic,
    "no_metadata": lambda d, _: {key: value for key, value in d.items() if key != "metadata"},
    "no_episode": lambda d, _: {key: value for key, value in d.items() if key != "episode"},
    "other_episode": lambda d, _: {**d, "episode": "another"},
}  # fmt: skip
FILES: Mapping[str, Callable[[Path], None]] = {"cut_off": _cut}
