"""Read a file that a stage has left, in whichever form it is: JSON, YAML, tables, subtitles, text.

Returns plain objects and lists. Knows nothing about what they mean.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.subtitles import read_cues

__all__ = ["read_document", "read_plain", "sentences_of", "write_plain"]

_SPOKEN = re.compile(
    r"^[*_]{0,2}(?P<who>[^\W\d_][\w .'-]{0,29}?)[*_]{0,2}\s*"
    r"(?:[(\[](?P<how>[^)\]:]{1,30})[)\]])?\s*[*_]{0,2}:[*_]{0,2}\s*(?P<text>\S.*)$"
)
"""``Anna: Hello.``, ``**Anna** (happy): Hello.``"""
_OFTEN_LATIN = frozenset({".csv", ".tsv", ".srt", ".txt"})
"""Forms that name no encoding; JSON is UTF-8 by its standard."""
_NO_TEXT = re.compile(r"^(?:#|---|===|\*\*\*|```)")
_END_OF_SENTENCE = re.compile(r"(?<=[。！？])\s*|(?<=[.!?…])[\"'”’)]?\s+")  # noqa: RUF001


def read_document(path: Path, what: str, of_list: str = "") -> dict[str, Any]:
    """Read a document; a bare list is put under the key ``of_list``.

    Raises:
        SubjectError: It is missing, or is not of the form that its name says.
    """
    try:
        text = _decode(path.read_bytes(), path.suffix.casefold())
    except OSError as error:
        raise SubjectError(f"{what} {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SubjectError(f"{what} {path} is no text: {error.reason}") from error
    form, read = _FORMS.get(path.suffix.casefold(), ("JSON", json.loads))
    try:
        document = read(text)
    except (ValueError, yaml.YAMLError, csv.Error) as error:
        raise SubjectError(f"{what} {path} is not {form}: {_one_line(error)}") from error
    except RecursionError as error:
        raise SubjectError(f"{what} {path} is nested too deep to be read") from error
    if of_list and isinstance(document, list):
        return {of_list: document}
    if not isinstance(document, dict):
        raise SubjectError(f"{what} {path} is a {type(document).__name__}, not an object")
    return document


def read_plain(path: Path) -> Any:
    """Return a document that can be written again, of JSON or YAML; None where it is of neither."""
    read: dict[str, Callable[[str], Any]] = {
        ".yaml": yaml.safe_load,
        ".yml": yaml.safe_load,
        ".json": json.loads,
        "": json.loads,
    }
    try:
        return read[path.suffix.casefold()](_decode(path.read_bytes(), ""))
    except (KeyError, OSError, ValueError, RecursionError, yaml.YAMLError):
        return None


def write_plain(path: Path, document: Any) -> None:
    """Write a document; what is JSON can be read as YAML, too."""
    text = json.dumps(document, ensure_ascii=False, indent=2, default=str)
    path.write_text(text, encoding="utf-8")


def sentences_of(text: str) -> list[str]:
    """Return a text's lines; a text of one line is cut into its sentences."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        return lines
    return [part.strip() for line in lines for part in _END_OF_SENTENCE.split(line) if part.strip()]


def _decode(data: bytes, suffix: str) -> str:
    """Return a text as UTF-8, UTF-16 by its mark, or in what programs for Windows write."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if suffix not in _OFTEN_LATIN:
            raise
        return data.decode("cp1252")


def _read_lines(text: str) -> list[Any]:
    """Read JSON lines."""
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _read_table(text: str) -> list[dict[str, Any]]:
    """Read a table with a head; the sign between its columns is found out."""
    head = text.partition("\n")[0]
    sign = max(",;\t|", key=head.count)
    return list(csv.DictReader(io.StringIO(text), delimiter=sign))


def _read_text(text: str) -> dict[str, Any]:
    """Read a script that people write: ``Anna: Hello.``, or what one narrator says."""
    lines = [line.strip() for line in text.splitlines()]
    kept = [line for line in lines if line and not _NO_TEXT.match(line)]
    spoken = [match for line in kept if (match := _SPOKEN.match(line))]
    if len(spoken) * 2 >= len(kept) and len({match["who"] for match in spoken}) < len(kept):
        entries = [
            {"character": m["who"].strip(), "emotion": (m["how"] or "").strip(), "text": m["text"]}
            for m in spoken
        ]
        return {"lines": entries}
    return {"lines": "\n".join(kept)}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


_FORMS: dict[str, tuple[str, Callable[[str], Any]]] = {
    ".yaml": ("YAML", yaml.safe_load), ".yml": ("YAML", yaml.safe_load),
    ".jsonl": ("JSON by lines", _read_lines), ".ndjson": ("JSON by lines", _read_lines),
    ".csv": ("a table", _read_table), ".tsv": ("a table", _read_table),
    ".srt": ("subtitles", read_cues), ".vtt": ("subtitles", read_cues),
    ".txt": ("text", _read_text), ".md": ("text", _read_text), ".markdown": ("text", _read_text),
}  # fmt: skip
"""By what a file's name ends with: what the form is called, and what reads it."""
