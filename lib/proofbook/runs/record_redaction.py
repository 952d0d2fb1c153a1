"""Redact our own records by their schema: what is a status, a time or an identifier stays readable.

A field's type says what may stand in it, never its name: a person's dict with the key ``status``
is a person's text. Knows nothing about where records are written.
"""

from __future__ import annotations

import functools
import json
import types
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel

from proofbook.records import AnyRecord
from proofbook.records.base import Own
from proofbook.runs.redaction import Redactor

__all__ = ["redact_record", "redact_record_values"]

_Rule = Callable[[Redactor, Any], Any]


def redact_record(redact: Redactor, record: BaseModel) -> dict[str, Any]:
    """Return a record as JSON values, without secrets."""
    values: dict[str, Any] = _rule(type(record))(redact, json.loads(record.model_dump_json()))
    return values


def redact_record_values(redact: Redactor, values: Any) -> Any:
    """Return JSON values without secrets; what claims to be a record, by the record's schema."""
    model = _models().get(values["kind"]) if _has_kind(values) else None
    return redact.walk(values) if model is None else _rule(model)(redact, values)


def _has_kind(values: Any) -> bool:
    return isinstance(values, Mapping) and isinstance(values.get("kind"), str)


@functools.cache
def _models() -> dict[str, type[BaseModel]]:
    """Return the records of a notebook by their kind."""
    return {model.model_fields["kind"].default: model for model in get_args(AnyRecord)}


@functools.cache
def _rule(annotation: Any) -> _Rule:
    """Return how a value of a type is redacted."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model_rule(annotation)
    if origin is Annotated:
        is_own = any(isinstance(each, Own) for each in arguments[1:])
        return _identifier if is_own else _rule(arguments[0])
    if origin is Literal:
        return _literal_rule(frozenset(arguments))
    if origin in (Union, types.UnionType):
        kinds = [each for each in arguments if each is not type(None)]
        return _rule(kinds[0]) if len(kinds) == 1 else Redactor.walk
    if origin is tuple:
        return _items_rule(_rule(arguments[0]))
    if origin is dict:
        return _mapping_rule(_rule(arguments[0]), _rule(arguments[1]))
    return _exact if annotation in (bool, int, float) else _text_rule(annotation)


def _exact(redact: Redactor, value: Any) -> Any:
    return value if isinstance(value, bool | int | float) else redact.walk(value)


def _identifier(redact: Redactor, value: Any) -> Any:
    return redact.identifier(value) if isinstance(value, str) else redact.walk(value)


def _text_rule(annotation: Any) -> _Rule:
    return _time if annotation in (datetime, AwareDatetime) else Redactor.walk


def _time(redact: Redactor, value: Any) -> Any:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return redact.walk(value)
    return value


def _literal_rule(values: frozenset[Any]) -> _Rule:
    def literal(redact: Redactor, value: Any) -> Any:
        is_one = isinstance(value, str | int) and value in values
        return value if is_one else redact.walk(value)

    return literal


def _items_rule(rule: _Rule) -> _Rule:
    def items(redact: Redactor, value: Any) -> Any:
        is_list = isinstance(value, list | tuple)
        return [rule(redact, item) for item in value] if is_list else redact.walk(value)

    return items


def _mapping_rule(key_rule: _Rule, rule: _Rule) -> _Rule:
    def mapping(redact: Redactor, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return redact.walk(value)
        return redact.distinct((key_rule(redact, k), rule(redact, v)) for k, v in value.items())

    return mapping


def _model_rule(model: type[BaseModel]) -> _Rule:
    rules: dict[str, _Rule] = {}

    def fields(redact: Redactor, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return redact.walk(value)
        if not rules:  # made at first use, as a model may hold itself
            rules.update({name: _field_rule(f) for name, f in model.model_fields.items()})
        return redact.distinct(
            (key, rules[key](redact, item)) if key in rules else (redact(key), redact.walk(item))
            for key, item in value.items()
        )

    return fields


def _field_rule(field: Any) -> _Rule:
    # pydantic moves what stands beside the outermost type to the field's metadata.
    is_own = any(isinstance(each, Own) for each in field.metadata)
    return _identifier if is_own else _rule(field.annotation)
