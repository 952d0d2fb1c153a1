"""Whether the parameters in force at the end are those that the checks began with.

The record of the beginning says what was tested; a cell that sets ``steps`` again, or a loop over
``seed``, would make it say something else. Looked at is what a parameters cell can hold. What has
become another kind of value by then, as in ``folder = Path(folder)`` or ``names.split(",")``, was
converted and is not compared. Knows nothing about records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from numbers import Number
from typing import Any

from pydantic import JsonValue

from proofbook.checks.comparison import same
from proofbook.values import exact_json

__all__ = ["changed_parameters", "plain_values"]

_KINDS = (bool, Number, str, list, dict)
_LONGEST = 100


def plain_values(names: Iterable[str], namespace: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Return copies of the variables; None for what no parameters cell could hold."""
    return {name: _plain(namespace[name]) for name in names if name in namespace}


def _plain(value: Any) -> JsonValue:
    try:
        return exact_json(value)
    except Exception:  # noqa: BLE001 - an object's own code may raise anything
        return None


def changed_parameters(
    begun: Mapping[str, JsonValue], namespace: Mapping[str, Any]
) -> Iterator[str]:
    """Yield a line for each variable that is another value of its kind than it began as."""
    for name, now in plain_values(begun, namespace).items():
        before = begun[name]
        if _kind(now) is _kind(before) and not same(now, before):
            was, has_become = _words(before), _words(now)
            yield (
                f"parameter {name!r} was {was} when the checks began, and is {has_become} now; "
                "give the new value another name"
            )


def _kind(value: JsonValue) -> type | None:
    return next((kind for kind in _KINDS if isinstance(value, kind)), None)


def _words(value: JsonValue) -> str:
    """Return a value in full or not at all: a part of a secret would not be known for one."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{len(text)} characters long"
