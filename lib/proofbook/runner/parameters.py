"""Verify parameters against a runbook's declaration and its system's config model."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from pydantic import BaseModel, JsonValue, ValidationError

from proofbook.configs import (
    TimeBounded,
    find_config,
    mismatch,
    path_fields,
    started_fields,
    subject_fields,
)
from proofbook.errors import UsageError
from proofbook.notebooks import Runbook
from proofbook.profiles import nearest
from proofbook.runner.outputs import has_expression
from proofbook.runs.redaction import Redactor
from proofbook.runs.secrets.variables import secrets_of

__all__ = ["ParameterError", "ParameterVerifier"]

_LISTED = re.compile(r"[^\s,]+(?:\s*,\s*[^\s,]+)*")
"""Words without blanks, with commas between them."""


class ParameterError(ValueError):
    """One parameter is unknown, mistyped, out of range or missing; ``name`` says which."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


class ParameterVerifier:
    """Verifies the parameters of many jobs; looks secrets and config models up once.

    Args:
        redact: Finds secrets; by default those of this process's environment.
    """

    def __init__(self, redact: Redactor | None = None) -> None:
        self._redact = redact or Redactor.from_environment()
        self._models: dict[str, type[BaseModel] | None] = {}

    def verify(self, parameters: Mapping[str, JsonValue], runbook: Runbook) -> dict[str, JsonValue]:
        """Return planned ``parameters`` in the types that the runbook declares.

        Raises:
            ParameterError: The first parameter that is unknown, mistyped, a secret, out of range
                or missing.
        """
        typed = {n: self.verify_value(n, value, runbook) for n, value in parameters.items()}
        self.verify_together(typed, runbook)
        return typed

    def verify_resolved(
        self, parameters: Mapping[str, JsonValue], runbook: Runbook
    ) -> dict[str, JsonValue]:
        """As :meth:`verify`, with outputs in the place of their names: every type is verified."""
        typed = {name: self._type(name, value, runbook) for name, value in parameters.items()}
        self._verify_together(typed, runbook, ())
        return typed

    def verify_value(self, name: str, value: JsonValue, runbook: Runbook) -> JsonValue:
        """Return one planned value in the type that the runbook declares.

        One that names an output of another job stays as it is, and fits any type: what it becomes
        is known when the job starts.

        Raises:
            ParameterError: It is of no parameter, mistyped or a secret.
        """
        verify = self._verify_alone if has_expression(value) else self._type
        return verify(name, value, runbook)

    def verify_together(self, typed: Mapping[str, JsonValue], runbook: Runbook) -> None:
        """Verify values that have each been verified, but those that name outputs.

        Raises:
            ParameterError: One is missing, or the config model refuses it.
        """
        deferred = [name for name, value in typed.items() if has_expression(value)]
        self._verify_together(typed, runbook, deferred)

    def longest_seconds(
        self, parameters: Mapping[str, JsonValue], runbook: Runbook
    ) -> float | None:
        """Return how long a job may take by the time limits among its planned parameters.

        None where the runbook's config model does not say. A parameter that names an output of
        another job counts as its default.
        """
        model = self._model(runbook)
        if model is None or not issubclass(model, TimeBounded):
            return None
        planned = {n: value for n, value in parameters.items() if not has_expression(value)}
        values = {p.name: p.default for p in runbook.parameters.values() if not p.required}
        try:
            return model.model_validate(values | planned).longest_seconds()
        except ValidationError:
            return None  # a required parameter is deferred: it is known when the job starts

    def paths(self, runbook: Runbook) -> frozenset[str]:
        """Return the parameters that the runbook's config model declares to be paths."""
        return path_fields(self._model(runbook))

    def subjects(self, runbook: Runbook) -> frozenset[str]:
        """Return the parameters that the runbook's config model declares to name its subject."""
        return subject_fields(self._model(runbook))

    def started(self, runbook: Runbook) -> dict[str, frozenset[str]]:
        """Return the parameters that name what each of the runbook's commands starts."""
        return started_fields(self._model(runbook))

    def refuse_secrets(self, name: str, value: JsonValue) -> None:
        """Refuse a value that is, or holds at any depth, a secret: by its name or by its text.

        Raises:
            ParameterError: It does; the message does not show it.
        """
        for key, text in _texts(name, value):
            if secrets_of(key, text):
                inside = "" if key == name else f"{key!r} in "
                raise ParameterError(
                    name,
                    f"{inside}parameter {name!r} looks like a secret and would be written into the "
                    "notebook; put it in an environment variable and let the runbook read that",
                )
            if self._redact(text) != text or self._redact(key) != key:
                raise ParameterError(
                    name,
                    f"parameter {name!r} contains the value of a secret environment variable and "
                    "would be written into the notebook; let the runbook read the variable",
                )

    def _type(self, name: str, value: JsonValue, runbook: Runbook) -> JsonValue:
        self._verify_alone(name, value, runbook)
        declared = runbook.parameters[name]
        try:
            typed: JsonValue = declared.validate(_as_list(value, declared.annotation))
        except ValueError as error:
            raise ParameterError(name, str(error)) from error
        return typed

    def _verify_alone(self, name: str, value: JsonValue, runbook: Runbook) -> JsonValue:
        """Return a value that a runbook may get, whatever its type."""
        if name not in runbook.parameters:
            names = ", ".join(runbook.parameters) or "none"
            hint = nearest(name, runbook.parameters) or f"it has: {names}"
            raise ParameterError(name, f"{runbook.name} has no parameter {name!r}; {hint}")
        if name in runbook.set_again:
            raise ParameterError(
                name,
                f"cell {runbook.set_again[name]} of {runbook.name} sets parameter {name!r} again, "
                "so no planned value would hold; remove that line",
            )
        self.refuse_secrets(name, value)
        if not _has_text_keys(value):
            raise ParameterError(name, f"parameter {name!r} has a key that is not text; quote it")
        return value

    def _verify_together(
        self, typed: Mapping[str, JsonValue], runbook: Runbook, deferred: Collection[str]
    ) -> None:
        """Find what is missing, and what the config model refuses of all that is not deferred."""
        for parameter in runbook.parameters.values():
            if parameter.required and parameter.name not in typed:
                raise ParameterError(
                    parameter.name,
                    f"{runbook.name} requires parameter {parameter.name!r} "
                    f"({parameter.annotation})",
                )
        model = self._model(runbook)
        if model is None:
            return
        values = {p.name: p.default for p in runbook.parameters.values() if not p.required}
        values |= {name: value for name, value in typed.items() if name not in deferred}
        try:
            model.model_validate(values)
        except ValidationError as error:
            for fault in error.errors():
                name = str(fault["loc"][0]) if fault["loc"] else ""
                # A fault of no single parameter may come from a deferred one.
                if not deferred or (name and name not in deferred):
                    raise ParameterError(name, f"parameter {name!r}: {fault['msg']}") from error

    def _model(self, runbook: Runbook) -> type[BaseModel] | None:
        if runbook.name not in self._models:
            model = find_config(runbook.name)
            if model and (difference := mismatch(model, runbook.parameters)):
                raise UsageError(f"{runbook.path}: {difference}; give both the same names")
            self._models[runbook.name] = model
        return self._models[runbook.name]


def _as_list(value: JsonValue, annotation: str) -> JsonValue:
    """Return ``kokoro,qwen`` as the list that it means; a text with blanks stays, to be refused."""
    if annotation == "list[str]" and isinstance(value, str) and _LISTED.fullmatch(value):
        return [word.strip() for word in value.split(",")]
    return value


def _texts(key: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    """Yield each text of a value with the key that it stands under; items of a list have none."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for item in value:
            yield from _texts("", item)
    elif isinstance(value, dict):
        for inner, item in value.items():
            yield str(inner), ""
            yield from _texts(str(inner), item)


def _has_text_keys(value: JsonValue) -> bool:
    """Say whether all keys are texts, as JSON has no others."""
    if isinstance(value, dict):
        return all(isinstance(k, str) and _has_text_keys(v) for k, v in value.items())
    return not isinstance(value, list) or all(map(_has_text_keys, value))
