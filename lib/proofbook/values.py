"""Turn Python values into ones that JSON holds: for people to read, or exactly.

``to_json`` takes anything and loses no truth: NaN stays visible as text. ``exact_json`` takes only
what comes back as it was.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from pydantic import JsonValue

__all__ = ["exact_json", "slug", "to_json"]

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


def exact_json(value: object) -> JsonValue:
    """Return ``value`` as JSON holds it, uncut; a tuple is a list, a numpy scalar Python's own.

    Raises:
        ValueError: JSON has no such value; the message names it and where it is.
    """
    try:
        return _exact(value, "")
    except RecursionError as error:
        raise ValueError("it contains itself, or is nested too deeply") from error


def _exact(value: Any, where: str) -> JsonValue:
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, str) and _is_unicode(value):
        return value
    if isinstance(value, list | tuple):
        return [_exact(item, f"{where}[{number}]") for number, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {_key(key, where): _exact(item, f"{where}[{key!r}]") for key, item in value.items()}
    place = f", at {where}" if where else ""
    raise ValueError(f"JSON has no {type(value).__name__} {reprlib.repr(value)}{place}")


def _key(key: object, where: str) -> str:
    if isinstance(key, str) and _is_unicode(key):
        return key
    raise ValueError(f"JSON has no key {reprlib.repr(key)}" + (f", at {where}" if where else ""))


def _is_unicode(text: str) -> bool:
    """Say whether a text can be written: the bytes of a file's name may make one that cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


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
