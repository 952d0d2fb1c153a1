"""Numbers that a preparation tells of its data, printed or in small files: are they kept too long?

A count that is cached beside data goes on being told after the data has changed. Knows nothing
about what the numbers mean.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from proofbook_systems.foundry.pipeline import Prepared

__all__ = ["find_stale_numbers", "numbers_of"]

_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\w)")
_SUFFIXES = (".json", ".yaml", ".yml")
_LARGEST = 1 << 20
"""Bytes of a file from which on it is data, and no note on it."""
_FEW = 5

Numbers = Mapping[str, tuple[float, ...]]


def find_stale_numbers(
    first: Prepared, second: Prepared, again: Prepared, fresh: Prepared
) -> list[str]:
    """Return the numbers that are told of the data before a change, at most five.

    Args:
        first: Before the change.
        second: The same in another copy: what differs there is no number of the data.
        again: After the change, where ``first`` was prepared.
        fresh: After the change, where nothing was prepared.
    """
    before, repeated, ours, due = map(numbers_of, (first, second, again, fresh))
    stale = [
        key for key in ours.keys() & due.keys()
        if ours[key] != due[key] and ours[key] == before.get(key) == repeated.get(key)
    ]  # fmt: skip
    return [
        f"{key}: {_shown(ours[key])} as before the change, and {_shown(due[key])} in a new copy"
        for key in sorted(stale)[:_FEW]
    ]


def numbers_of(prepared: Prepared) -> dict[str, tuple[float, ...]]:
    """Return what is told, by the words around it, or by its file and its place in that."""
    return {**_printed(prepared), **dict(_written(prepared))}


def _printed(prepared: Prepared) -> dict[str, tuple[float, ...]]:
    text = prepared.printed
    for place in (prepared.workspace.folder, prepared.workspace.cache):
        text = text.replace(str(place), "")
    lines = [line.strip() for line in text.splitlines() if _NUMBER.search(line)]
    words = [_NUMBER.sub("#", line) for line in lines]
    counts = Counter(words)
    # What is told more than once, such as a progress, is no number of the data.
    return {
        f"printed {key!r}": tuple(map(float, _NUMBER.findall(line)))
        for key, line in zip(words, lines, strict=True) if counts[key] == 1
    }  # fmt: skip


def _written(prepared: Prepared) -> Iterator[tuple[str, tuple[float, ...]]]:
    folder = prepared.workspace.folder
    for path in prepared.workspace.written():
        is_note = path.suffix in _SUFFIXES and path.is_relative_to(folder)
        if is_note and path.stat().st_size < _LARGEST:
            name = path.relative_to(folder).as_posix()
            for place, value in _leaves(_read(path)):
                yield f"{name}: {place}", (value,)


def _read(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        return None


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place or "value", float(value)


def _shown(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.12g}" for value in values)
