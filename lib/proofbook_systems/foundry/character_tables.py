"""Tables of characters and their ids, as small projects write them beside their tokens in JSON.

Known by what is in them, whatever the file is called: single characters, and names of special ids
such as ``<eos>``, each with an id of its own, and no id left out. Counts of letters are none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["find_characters"]

_FEWEST = 8
"""Characters from which on a table is one by no chance."""
_FIRST = 2
"""Ids below the first that may be used for something that the table does not name."""


def find_characters(values: Any) -> Mapping[str, int] | None:
    """Return ids by character, or by the name of a special id; None where there is no such table.

    Args:
        values: A JSON document: an object of ids by character, or a list of characters in the order
            of their ids; or one that holds such a table under a name.
    """
    inner = values.values() if isinstance(values, dict) else ()
    found = (_as_table(each) for each in (values, *inner))
    return next((table for table in found if table is not None), None)


def _as_table(values: Any) -> Mapping[str, int] | None:
    if isinstance(values, list) and all(isinstance(each, str) for each in values):
        values = {each: number for number, each in enumerate(values)}
    if not isinstance(values, dict) or len(values) < _FEWEST:
        return None
    ids = list(values.values())
    if any(isinstance(each, bool) or not isinstance(each, int) for each in ids):
        return None
    names = [name for name in values if len(name) != 1]
    if len(values) - len(names) < _FEWEST or not all(map(_is_special, names)):
        return None
    first = min(ids)
    if not 0 <= first <= _FIRST or sorted(ids) != list(range(first, first + len(ids))):
        return None
    return values


def _is_special(name: str) -> bool:
    return len(name) > 2 and (name[0], name[-1]) in (("<", ">"), ("[", "]"), ("{", "}"), ("_", "_"))
