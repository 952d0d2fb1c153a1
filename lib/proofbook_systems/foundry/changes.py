"""Other texts, other settings, and unusual texts, put into a copy of a project."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from proofbook.errors import SubjectError
from proofbook.yamlfile import parse_scalar
from proofbook_systems.foundry.text_files import is_lines, read_text, write_text

__all__ = ["UNUSUAL", "change_setting", "shorten_texts", "write_unusual"]

_FEW_WORDS = 3
_LETTERS = (
    "Zoë café: naïve, déjà vu — “ça va?” Größe, łódź, Ελλάδα, Строка, שלום, سلام, हिन्दी, "
    "東京の鐘は青銅です。 € ½ 🔔 🇫🇷 👩🏽‍🔬"
)


def shorten_texts(paths: Sequence[Path]) -> None:
    """Leave out the last tenth of each text: lines, or characters where it is one line."""
    for path in paths:
        text = read_text(path)
        lines = list(io.StringIO(text))
        left = "".join(lines[: len(lines) - max(1, len(lines) // 10)])
        is_one = len(lines) < 2 and not is_lines(path)
        write_text(path, text[: len(text) * 9 // 10] if is_one else left)


def write_unusual(kind: str, paths: Sequence[Path]) -> None:
    """Write unusual texts in place of a project's own."""
    for path in paths:
        write_text(path, UNUSUAL[kind](read_text(path), is_lines(path)))


def change_setting(change: str, config: Path | None) -> list[str]:
    """Make a change, and return the words that the command takes more.

    Args:
        change: ``KEY=VALUE`` of the config, dots reaching into it; or words for the command.
        config: YAML or JSON, in the copy.

    Raises:
        SubjectError: The config has no such key, or cannot be read.
    """
    key, _, value = change.partition("=")
    if config is None or change.startswith("-") or not value:
        return shlex.split(change)
    try:
        values = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SubjectError(f"config_file {config} cannot be read: {error}") from error
    place: Any = values
    *sections, last = key.split(".")
    for section in sections:
        place = place.setdefault(section, {}) if isinstance(place, dict) else None
    if not isinstance(place, dict):
        raise SubjectError(f"config_file {config} has no section for {key}; give KEY=VALUE")
    place[last] = parse_scalar(value)
    is_json = config.suffix == ".json"
    text = json.dumps(values) if is_json else yaml.safe_dump(values, sort_keys=False)
    config.write_text(text, encoding="utf-8")
    return []


def _first(text: str, is_json: bool) -> str:
    lines = [line for line in text.split("\n") if line.strip()]
    return f"{lines[0]}\n" if lines else ""


def _short(text: str, is_json: bool) -> str:
    first = _first(text, is_json)
    if not is_json:
        return f"{_few(first)}\n"
    value = json.loads(first or "{}")
    if isinstance(value, str):
        return f"{json.dumps(_few(value), ensure_ascii=False)}\n"
    short = {key: _few(each) if isinstance(each, str) else each for key, each in value.items()}
    return f"{json.dumps(short, ensure_ascii=False)}\n"


def _few(text: str) -> str:
    return " ".join(text.split()[:_FEW_WORDS])


def _with_letters(text: str, is_json: bool) -> str:
    """Return a text with a document more, whose letters are of many scripts."""
    whole = f"{text.rstrip()}\n"
    if not is_json:
        return f"{whole}{_LETTERS}\n"
    value = json.loads(_first(text, is_json) or "{}")
    if isinstance(value, str):
        return f"{whole}{json.dumps(_LETTERS, ensure_ascii=False)}\n"
    words = {key: each for key, each in value.items() if isinstance(each, str)}
    key = max(words, key=lambda each: len(words[each]), default="text")
    return f"{whole}{json.dumps({**value, key: _LETTERS}, ensure_ascii=False)}\n"


UNUSUAL: dict[str, Callable[[str, bool], str]] = {
    "empty": lambda text, is_json: "",
    "single": _first,
    "short": _short,
    "unicode": _with_letters,
}
"""What is written in place of a text, by the kind's name."""
