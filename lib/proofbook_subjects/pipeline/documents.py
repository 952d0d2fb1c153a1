"""The script and the time-line as documents: what they must hold, read and written.

A name that differs from a known one only in the case of its letters is refused as such.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.errors import InputError
from proofbook_subjects.pipeline.paths import check_episode
from proofbook_subjects.pipeline.settings import CHARACTERS, EMOTIONS
from proofbook_subjects.pipeline.storing import read_json

__all__ = ["Line", "Script", "check_lines", "one_of", "read_script", "script_document"]

_LONGEST_TEXT = 500
_MOST_LINES = 1000


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the dialogue; numbered from 1."""

    number: int
    character: str
    text: str
    emotion: str

    @property
    def stem(self) -> str:
        """The name of its files: ``003_butcher_happy``."""
        return f"{self.number:03d}_{self.character.lower()}_{self.emotion}"


@dataclass(frozen=True, kw_only=True)
class Script:
    """An episode's script."""

    episode: str
    lines: tuple[Line, ...]
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """What later artefacts carry, so that those of two scripts are not mixed."""
        said = [[line.character, line.text, line.emotion] for line in self.lines]
        return hashlib.sha256(json.dumps([self.episode, said]).encode()).hexdigest()[:16]


def read_script(path: Path) -> Script:
    """Return the script in a file.

    Raises:
        InputError: The file holds none; the message names the line.
    """
    document = read_json(path, "script")
    episode = check_episode(str(document.get("episode", path.stem)))
    lines = check_lines(document.get("lines"), f"script {path}")
    metadata = document.get("metadata", {})
    if not isinstance(metadata, dict):
        raise InputError(f"script {path}: metadata is no object")
    return Script(episode=episode, lines=lines, metadata=metadata)


def check_lines(found: Any, where: str) -> tuple[Line, ...]:
    """Return the lines of a dialogue between both characters.

    Raises:
        InputError: They are too few or too many, or one lacks something.
    """
    if not isinstance(found, list):
        raise InputError(f"{where} has no list of lines")
    if not 2 <= len(found) <= _MOST_LINES:
        count = f"{len(found)} line" + ("" if len(found) == 1 else "s")
        raise InputError(f"{where} has {count}; a dialogue has 2 to {_MOST_LINES}")
    lines = tuple(_line(entry, n, f"{where}, line {n}") for n, entry in enumerate(found, 1))
    missing = set(CHARACTERS) - {line.character for line in lines}
    if missing:
        raise InputError(f"{where}: {' and '.join(sorted(missing))} never speaks")
    return lines


def one_of(value: Any, known: Sequence[str], what: str, where: str) -> str:
    """Return a known name.

    Raises:
        InputError: It is unknown, or written in another case.
    """
    if value in known:
        return str(value)
    same = next((name for name in known if name.lower() == str(value).strip().lower()), "")
    if same:
        raise InputError(f"{where}: {what} {value!r} differs only in case from {same!r}")
    raise InputError(f"{where}: unknown {what} {value!r}; known are {', '.join(known)}")


def script_document(script: Script) -> dict[str, Any]:
    """Return a script as its file holds it."""
    return {
        "episode": script.episode,
        "metadata": {**script.metadata, "script_hash": script.hash},
        "lines": [
            {
                "index": line.number, "character": line.character, "text": line.text,
                "emotion": line.emotion,
            }
            for line in script.lines
        ],
    }  # fmt: skip


def _line(entry: Any, number: int, where: str) -> Line:
    if not isinstance(entry, dict):
        raise InputError(f"{where} is no object")
    text = entry.get("text", entry.get("line"))
    if not isinstance(text, str) or not any(letter.isalnum() for letter in text):
        raise InputError(f"{where} says nothing: its text is {str(text)[:40]!r}")
    if len(text) > _LONGEST_TEXT:
        raise InputError(f"{where} has {len(text)} characters; at most {_LONGEST_TEXT} are spoken")
    return Line(
        number=number,
        character=one_of(entry.get("character"), CHARACTERS, "character", where),
        text=" ".join(text.split()),
        emotion=one_of(entry.get("emotion"), EMOTIONS, "emotion", where),
    )
