"""Turn any Python value into one that JSON holds, losing no truth: NaN stays visible as text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from pydantic import JsonValue

__all__ = ["slug", "to_json"]

_LONGEST_TEXT = 4_000
_LONGEST_LIST = 200


def slug(text: str) -> str:
    """Return a text as a name in kebab-case: ``It plays well`` is ``it-plays-well``."""
    return "-".join(re.findall(r"[a-z0-9]+", text.casefold())) or "unnamed"


def to_json(value: object) -> JsonValue:
    """Return ``value`` as JSON: scalars as they are, numpy and torch scalars as Python's.

    Non-finite floats become ``"nan"``, ``"inf"`` or ``"-inf"``; other objects their ``repr``;
    long texts and lists are cut with a mark that says so.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): to_json(v) for k, v in value.items()}
    return _from_object(value)


def _from_object(value: Any) -> JsonValue:
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return to_json(value.item())
    if isinstance(value, list | tuple | set | frozenset):
        return _from_items(value)
    return _cut(repr(value))


def _from_items(values: Iterable[object]) -> list[JsonValue]:
    items = list(values)
    kept: list[JsonValue] = [to_json(item) for item in items[:_LONGEST_LIST]]
    if len(items) > _LONGEST_LIST:
        kept.append(f"… {len(items) - _LONGEST_LIST} more")
    return kept


def _cut(text: str) -> str:
    if len(text) <= _LONGEST_TEXT:
        return text
    return f"{text[:_LONGEST_TEXT]}… {len(text) - _LONGEST_TEXT} more characters"
