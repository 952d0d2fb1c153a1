"""Why two values are not equal that read the same: one is a list, the other a tuple.

Knows nothing about expectations.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from proofbook.checks.comparison import is_array, same, words_of
from proofbook.values import to_json

__all__ = ["other_kind"]

_MOST = 1000
"""So many parts of a value are looked at."""


def other_kind(found: Any, wanted: Any) -> str:
    """Return where ``found`` first has another type and yet reads the same; empty where nowhere.

    >>> other_kind([1, (2, 3)], [1, [2, 3]])
    'at [1]: expected a list, found a tuple; both read [2, 3]'
    """
    if same(found, wanted):
        return ""
    for words in _differences(found, wanted, ""):
        return words
    if _reads(found) == _reads(wanted):
        return "both read the same and are not equal: a key has another type, or NaN equals nothing"
    return ""


def _differences(found: Any, wanted: Any, place: str) -> Iterator[str]:
    if same(found, wanted):
        return
    if type(found) is not type(wanted) and _reads(found) == _reads(wanted):
        where = f"at {place}: " if place else ""
        shown = words_of(to_json(wanted))
        yield f"{where}expected {_kind(wanted)}, found {_kind(found)}; both read {shown}"
    for key, one, other in itertools.islice(_pairs(found, wanted), _MOST):
        yield from _differences(one, other, f"{place}[{key!r}]")


def _pairs(found: Any, wanted: Any) -> Iterator[tuple[object, Any, Any]]:
    """Yield what stands in the same place of both."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        yield from ((key, found[key], wanted[key]) for key in wanted if key in found)
    elif isinstance(found, list | tuple) and isinstance(wanted, list | tuple):
        for place, (one, other) in enumerate(zip(found, wanted, strict=False)):
            yield place, one, other
    elif hasattr(found, "columns") and hasattr(wanted, "columns"):
        for (name, column), (_, other) in zip(found.items(), wanted.items(), strict=False):
            yield name, *_objects(column, other)
    elif is_array(found) and is_array(wanted):
        yield from _pairs(*_objects(found, wanted))


def _objects(*columns: Any) -> list[Any]:
    """Return columns or arrays as lists, where they hold objects; numbers read as what they are."""
    return [each.tolist() if str(each.dtype) == "object" else None for each in columns]


def _reads(value: Any) -> str:
    """Return a value as a report shows it."""
    return json.dumps(to_json(value))


def _kind(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
