"""Parameters that name outputs of other jobs: ``${{ jobs.<id>.outputs.<name> }}``.

Alone, the expression becomes the output in its type; inside a longer text, the text of it. Pure
functions: knows nothing about profiles, folders or records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from pydantic import JsonValue

from proofbook.yamlfile import Place

__all__ = [
    "ExpressionError",
    "Reference",
    "find_references",
    "has_expression",
    "locate_references",
    "rename_jobs",
    "resolve",
    "shorten_references",
]

_OPENING = "${{"
_EXPRESSION = re.compile(
    r"\$\{\{\s*jobs\.(?P<job>[^\s{}]+)\.outputs\.(?P<output>[A-Za-z0-9_-]+)\s*\}\}"
)
_FORM = "${{ jobs.<id>.outputs.<name> }}"
_LONGEST_SHOWN = 60


class ExpressionError(ValueError):
    """An expression is not sound, or cannot be used where it is; ``place`` says where that is."""

    def __init__(self, message: str, place: Place = ()) -> None:
        self.place = place
        super().__init__(message)


class Reference(NamedTuple):
    """One output of one job."""

    job: str
    output: str

    def __str__(self) -> str:
        """Return it as a profile has it."""
        return f"${{{{ jobs.{self.job}.outputs.{self.output} }}}}"


def has_expression(value: JsonValue) -> bool:
    """Say whether a value holds an expression, sound or not, at any depth."""
    if isinstance(value, str):
        return _OPENING in value
    if isinstance(value, list):
        return any(map(has_expression, value))
    return isinstance(value, dict) and any(map(has_expression, (*value, *value.values())))


def find_references(value: JsonValue) -> list[Reference]:
    """Return all outputs that a value names, in order.

    Raises:
        ExpressionError: An expression is not sound, or stands where a key does.
    """
    return [reference for reference, _ in locate_references(value, ())]


def locate_references(value: JsonValue, place: Place) -> Iterator[tuple[Reference, Place]]:
    """Yield all outputs that a value names, with the places of their texts; its own is ``place``.

    Raises:
        ExpressionError: As :func:`find_references`.
    """
    if isinstance(value, str):
        if _OPENING in value:
            yield from ((reference, place) for reference in _parse(value, place))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from locate_references(item, (*place, number))
    elif isinstance(value, dict):
        for key, item in value.items():
            if has_expression(key):
                message = f"{_shown(key)} is a key; only values can name outputs"
                raise ExpressionError(message, (*place, key))
            yield from locate_references(item, (*place, key))


def rename_jobs(value: JsonValue, ids: Mapping[str, str]) -> JsonValue:
    """Return ``value`` with other ids in its expressions; a job without one keeps its own."""

    def renamed(match: re.Match[str]) -> str:
        return str(Reference(ids.get(match["job"], match["job"]), match["output"]))

    return _map_texts(value, lambda text: _EXPRESSION.sub(renamed, text))


def shorten_references(text: str) -> str:
    """Return a text with ``<id>-<name>`` in the place of each expression."""
    return _EXPRESSION.sub(r"\g<job>-\g<output>", text)


def resolve(value: JsonValue, lookup: Callable[[Reference], JsonValue]) -> JsonValue:
    """Return ``value`` with every expression replaced by what ``lookup`` returns for it.

    Raises:
        ExpressionError: A list, a dict or null would have to stand inside a longer text.
    """

    def resolved(text: str) -> JsonValue:
        if match := _EXPRESSION.fullmatch(text):
            return lookup(Reference(**match.groupdict()))
        return _EXPRESSION.sub(inserted, text)

    def inserted(match: re.Match[str]) -> str:
        reference = Reference(**match.groupdict())
        return _as_text(lookup(reference), reference)

    return _map_texts(value, resolved)


def _parse(text: str, place: Place) -> list[Reference]:
    rest = _EXPRESSION.sub("", text)
    if _OPENING in rest:
        shown = _shown(rest[rest.index(_OPENING) :])
        raise ExpressionError(f"{shown} is not of the form {_FORM}", place)
    return [Reference(**match.groupdict()) for match in _EXPRESSION.finditer(text)]


def _shown(text: str) -> str:
    """Return the expression that a text begins with, or what there is of it."""
    expression = text.partition("}}")[0] + ("}}" if "}}" in text else "")
    return repr(expression[:_LONGEST_SHOWN])


def _as_text(value: JsonValue, reference: Reference) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    kind = "null" if value is None else f"a {type(value).__name__}"
    raise ExpressionError(f"{reference} is {kind}, which cannot stand inside a longer text")


def _map_texts(value: JsonValue, change: Callable[[str], JsonValue]) -> JsonValue:
    if isinstance(value, str):
        return change(value) if _OPENING in value else value
    if isinstance(value, list):
        return [_map_texts(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _map_texts(item, change) for key, item in value.items()}
    return value
