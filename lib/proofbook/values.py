"""Turn Python values into ones that JSON holds: for people to read, or exactly.

``to_json`` takes anything and loses no truth: NaN stays visible as text. ``exact_json`` takes only
what comes back as it was.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Collection, Mapping
from itertools import islice
from pathlib import PurePath
from typing import Any

from pydantic import JsonValue

__all__ = ["count_noun", "exact_json", "printable", "short_words", "slug", "to_json"]

_LONGEST_TEXT = 4_000
_LONGEST_LIST = 200
_DEEPEST = 20
_LONGEST_INTEGER = 1024
"""Bits."""
_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_BOUNDS = re.compile(f"[≥≤] {_NUMBER}|{_NUMBER} (?:±|to) {_NUMBER}")
_NOTHING = ("''", "[]", "{}")
_LARGE = 1e6
"""From here on the digits before the point say enough."""


def count_noun(count: int, noun: str) -> str:
    """Return a number with what it counts: ``1 job``, ``3000 jobs``."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def slug(text: str) -> str:
    """Return a text as a name in kebab-case: ``It plays well`` is ``it-plays-well``."""
    return "-".join(re.findall(r"[a-z0-9]+", text.casefold())) or "unnamed"


def printable(text: str) -> str:
    """Return a text that can be written; what is no character shows as an escape: ``\\udcff``.

    The bytes of a file's name that are not UTF-8 become such (surrogate escapes, PEP 383).
    """
    return text if _is_unicode(text) else text.encode("utf-8", "backslashreplace").decode()


def short_words(expected: str) -> str:
    """Return what a check asked for as a reader says it: an empty value is ``none``.

    Bounds, as in ``≤ 0.30000000000000004``, are told with six significant digits; all other words
    stay as they are.
    """
    if expected in _NOTHING:
        return "none"
    return re.sub(_NUMBER, _rounded, expected) if _BOUNDS.fullmatch(expected) else expected


def _rounded(match: re.Match[str]) -> str:
    number = float(match[0])
    return f"{number:.6g}" if "." in match[0] and abs(number) < _LARGE else match[0]


def to_json(value: object, *, depth: int = 0) -> JsonValue:
    """Return ``value`` as JSON: scalars as they are, numpy and torch scalars as Python's.

    Non-finite floats become ``"nan"``, ``"inf"`` or ``"-inf"``; other objects their ``repr``;
    long texts and collections are cut with a mark that says so, and so is what is nested deeper
    than anyone reads. Does not raise: what cannot be shown becomes a text that says why.
    """
    try:
        if depth > _DEEPEST:
            return _cut(reprlib.repr(value))
        return _to_json(value, depth + 1)
    except Exception as error:  # noqa: BLE001 - an object's own code may raise anything: it is told
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


def _to_json(value: object, depth: int) -> JsonValue:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        # Longer ones Python does not turn into text, nor JSON into a number that others can read.
        short = value.bit_length() <= _LONGEST_INTEGER
        return int(value) if short else _cut(f"{value:#x}")
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, PurePath):
        return printable(str(value))
    if isinstance(value, Mapping):
        return _from_mapping(value, depth)
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return to_json(value.item(), depth=depth)
    if isinstance(value, list | tuple | set | frozenset):
        return _from_items(value, depth)
    return _cut(repr(value))


def _from_mapping(values: Mapping[Any, object], depth: int) -> dict[str, JsonValue]:
    items = islice(values.items(), _LONGEST_LIST)
    kept = {_cut(str(key)): to_json(value, depth=depth) for key, value in items}
    if len(values) > _LONGEST_LIST:
        kept["…"] = f"{len(values) - _LONGEST_LIST} more"
    return kept


def _from_items(values: Collection[object], depth: int) -> list[JsonValue]:
    kept = [to_json(item, depth=depth) for item in islice(values, _LONGEST_LIST)]
    if len(values) > _LONGEST_LIST:
        kept.append(f"… {len(values) - _LONGEST_LIST} more")
    return kept


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
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cut(text: str) -> str:
    text = printable(text)
    if len(text) <= _LONGEST_TEXT:
        return text
    return f"{text[:_LONGEST_TEXT]}… {len(text) - _LONGEST_TEXT} more characters"
