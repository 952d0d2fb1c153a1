"""Verify parameters against a runbook's declaration and its system's config model."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping

from pydantic import BaseModel, JsonValue, ValidationError

from proofbook.notebooks import Runbook
from proofbook.profiles import nearest
from proofbook.redaction import is_secret_name

__all__ = ["ParameterError", "config_model", "verify_parameters"]


class ParameterError(ValueError):
    """One parameter is unknown, mistyped, out of range or missing; ``name`` says which."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


def verify_parameters(given: Mapping[str, JsonValue], runbook: Runbook) -> dict[str, JsonValue]:
    """Return ``given`` in the types that the runbook declares.

    Raises:
        ParameterError: The first parameter that is unknown, mistyped, a secret, out of range or
            missing.
    """
    typed = {name: _verify(name, value, runbook) for name, value in given.items()}
    for parameter in runbook.parameters.values():
        if parameter.required and parameter.name not in typed:
            raise ParameterError(
                parameter.name,
                f"{runbook.name} requires parameter {parameter.name!r} ({parameter.annotation})",
            )
    _verify_ranges(typed, runbook)
    return typed


def config_model(runbook: str) -> type[BaseModel] | None:
    """Return the pydantic model that a system's ``config`` module declares for a runbook."""
    system, _, name = runbook.partition("/")
    module = f"proofbook.systems.{system}.config"
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    if found is None:
        return None
    models: dict[str, type[BaseModel]] = getattr(importlib.import_module(module), "RUNBOOKS", {})
    return models.get(name)


def _verify(name: str, value: JsonValue, runbook: Runbook) -> JsonValue:
    if name not in runbook.parameters:
        names = ", ".join(runbook.parameters) or "none"
        hint = nearest(name, runbook.parameters) or f"it has: {names}"
        raise ParameterError(name, f"{runbook.name} has no parameter {name!r}; {hint}")
    if is_secret_name(name) and isinstance(value, str) and value:
        raise ParameterError(
            name,
            f"parameter {name!r} looks like a secret and would be written into the notebook; "
            "put it in an environment variable and let the runbook read that",
        )
    try:
        typed: JsonValue = runbook.parameters[name].validate(value)
    except ValueError as error:
        raise ParameterError(name, str(error)) from error
    return typed


def _verify_ranges(typed: Mapping[str, JsonValue], runbook: Runbook) -> None:
    model = config_model(runbook.name)
    if model is None:
        return
    defaults = {p.name: p.default for p in runbook.parameters.values() if not p.required}
    try:
        model.model_validate({**defaults, **typed})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        raise ParameterError(name, f"parameter {name!r}: {first['msg']}") from error
