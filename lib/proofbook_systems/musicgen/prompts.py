"""Read what a clip should be from a text, or a JSON file with lyrics and style metadata.

Teams keep these files in many shapes: words and lists, at the top or under ``metadata``, names in
any case. What is understood becomes one text for the model, style first; what is not is listed.
Knows nothing of music: a word of style goes to the model as it stands.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError

__all__ = ["LONGEST", "Prompt", "read_prompt"]

LONGEST = 512
"""Characters of a prompt; the text encoder reads little more."""

_DIRECT = ("prompt", "description", "text")
_STYLE = ("style", "genre", "genres", "mood", "moods", "instruments", "instrumentation", "tags",
          "vocals", "era", "key")  # fmt: skip
_TEMPO = ("tempo", "bpm")
_NESTED = ("metadata", "style_metadata", "style")
_WORDS = ("lines", "text", "lyrics", "content", "words")
_MARKER = re.compile(r"\[[^\]]*\]")
"""``[Verse 1]``: names a part of the song, and is not sung."""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What a clip should be."""

    text: str
    """For the model."""
    used: tuple[str, ...]
    """Fields that the text is made of."""
    ignored: tuple[str, ...]
    """Fields that it is not made of: unknown, or with nothing in them."""


def read_prompt(path: Path, longest: int = LONGEST) -> Prompt:
    """Read a text, or a file of lyrics and style metadata.

    A file that is not called ``.json`` and does not begin with a brace is a text: all of it is the
    prompt.

    Raises:
        SubjectError: There is no such file, it is neither a JSON object nor text, or nothing in it
            says what to play.
    """
    content = _content(path)
    begins = content.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if path.suffix.lower() != ".json" and begins != b"{":
        fields: dict[str, Any] = {"text": " ".join(_lines(_decoded(content, path)))}
    else:
        fields = _flat(_parsed(content, path))
    lyrics = tuple(_lines(fields.get("lyrics")))
    parts = {name: _text(fields.get(name)) for name in (*_DIRECT, *_STYLE)}
    parts |= {name: _tempo(fields.get(name)) for name in _TEMPO}
    parts["lyrics"] = f"a song about: {' / '.join(lyrics)}" if lyrics else ""
    used = tuple(name for name, part in parts.items() if part)
    if not used:
        raise SubjectError(
            f"{path} says nothing to play; give it a prompt, a style (genre, mood, instruments, "
            "tempo) or lyrics"
        )
    text = ", ".join(dict.fromkeys(parts[name] for name in used))
    if len(text) > longest:
        text = text[: longest + 1].rsplit(" ", 1)[0][:longest].rstrip(" ,/")
    ignored = tuple(sorted(set(fields) - set(used)))
    return Prompt(text=text, used=used, ignored=ignored)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SubjectError(
            f"prompt file {path} cannot be read ({error.strerror}); give a text or a JSON file"
        ) from error


def _decoded(content: bytes, path: Path) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SubjectError(f"prompt file {path} is not UTF-8 text ({error}); save it so") from error
    if "\0" in text:
        raise SubjectError(f"prompt file {path} is no text: it holds null bytes; save it as UTF-8")
    return text


def _parsed(content: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise SubjectError(f"prompt file {path} is not JSON ({error}); correct it") from error
    if not isinstance(value, dict):
        raise SubjectError(
            f'prompt file {path} is not an object; write {{"style": …, "lyrics": …}}'
        )
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _flat(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the file, those of nested metadata next to them; the outer ones win.

    Names are in lower case, with ``_`` between their words.
    """
    fields: dict[str, Any] = {}
    for written, entry in value.items():
        name = re.sub(r"[\s-]+", "_", written.strip().lower())
        if name in _NESTED and isinstance(entry, dict):
            fields = {**_flat(entry), **fields}
        else:
            fields[name] = entry
    return fields


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(filter(None, map(_text, value)))
    return "" if isinstance(value, dict | bool) or value is None else " ".join(str(value).split())


def _tempo(value: Any) -> str:
    text = _text(value)
    return f"{text} bpm" if text.replace(".", "", 1).isdecimal() else text


def _lines(value: Any) -> Iterator[str]:
    """Yield the lines of lyrics: a text, a list of lines, or a list of sections."""
    if isinstance(value, str):
        lines = (" ".join(line.split()) for line in value.splitlines())
        yield from (line for line in lines if line and not _MARKER.fullmatch(line))
    elif isinstance(value, list):
        for entry in value:
            yield from _lines(entry)
    elif isinstance(value, dict):
        named = next((value[name] for name in _WORDS if name in value), None)
        yield from _lines(list(value.values()) if named is None else named)
