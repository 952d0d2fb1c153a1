"""Fill a request of a contract with values. Sends nothing.

A value that is one placeholder, as ``"{seed}"``, keeps its type; one with text around it is text.
What mentions a placeholder that has no value is left out, so that a server uses its own default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pydantic import JsonValue

from proofbook.errors import SubjectError
from proofbook_systems.ttsserver.contract_files import Request

__all__ = ["fill_request", "without_placeholder"]

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class _MissingError(Exception):
    """A placeholder has no value."""


def fill_request(request: Request, values: Mapping[str, JsonValue]) -> tuple[str, dict[str, Any]]:
    """Return a request's path and httpx's options for it.

    Raises:
        SubjectError: A placeholder is not known, or the path has one without a value.
    """
    options: dict[str, Any] = {}
    # A query of the path would be replaced by an empty one.
    if query := _fill(request.query, values):
        options["params"] = query
    if headers := _fill(request.headers, values):
        options["headers"] = headers
    if request.body is not None:
        options["json"] = _fill(request.body, values)
    if request.form is not None:
        options["data"] = _fill(request.form, values)
    if request.text:
        options["content"] = str(_fill(request.text, values)).encode()
        options.setdefault("headers", {}).setdefault("Content-Type", "text/plain; charset=utf-8")
    try:
        path = _word(request.path, {k: _quoted(v) for k, v in values.items()})
    except _MissingError as missing:
        raise SubjectError(f"the contract's path {request.path} needs {{{missing}}}") from missing
    return str(path), options


def without_placeholder(value: JsonValue, name: str) -> JsonValue:
    """Return a template without all that mentions a placeholder."""
    match value:
        case dict():
            kept = {k: without_placeholder(v, name) for k, v in value.items()}
            return {k: v for k, v in kept.items() if not (v is None and value[k] is not None)}
        case list():
            return [without_placeholder(each, name) for each in value]
        case str() if f"{{{name}}}" in value:
            return None
    return value


def _fill(value: JsonValue, values: Mapping[str, JsonValue]) -> Any:
    match value:
        case dict():
            return {k: filled for k, v in value.items() if (filled := _kept(v, values)) is not None}
        case list():
            return [filled for v in value if (filled := _kept(v, values)) is not None]
    return _kept(value, values)


def _kept(value: JsonValue, values: Mapping[str, JsonValue]) -> Any:
    if not isinstance(value, str):
        return _fill(value, values) if isinstance(value, dict | list) else value
    try:
        return _word(value, values)
    except _MissingError:
        return None


def _word(word: str, values: Mapping[str, JsonValue]) -> JsonValue:
    if whole := _PLACEHOLDER.fullmatch(word):
        return _value(whole[1], values)
    return _PLACEHOLDER.sub(lambda found: str(_value(found[1], values)), word)


def _value(name: str, values: Mapping[str, JsonValue]) -> JsonValue:
    if name not in values:
        known = ", ".join(sorted(values))
        raise SubjectError(f"the contract has {{{name}}}; known are {known}")
    value = values[name]
    if value is None:
        raise _MissingError(name)
    return value


def _quoted(value: JsonValue) -> JsonValue:
    return None if value is None else quote(str(value), safe="")
