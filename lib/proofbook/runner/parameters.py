"""Verify parameters against a runbook's declaration and its system's config model."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, JsonValue, ValidationError

from proofbook.errors import UsageError
from proofbook.notebooks import Runbook
from proofbook.profiles import nearest
from proofbook.records import PlannedJob
from proofbook.runner.paths import anchor_path
from proofbook.runs.redaction import Redactor, is_secret_name
from proofbook.yamlfile import parse_scalar

__all__ = [
    "CONFIGS",
    "ParameterError",
    "config_model",
    "override_parameters",
    "read_override",
    "refuse_secret_overrides",
    "refuse_secrets",
    "verify_parameters",
]


CONFIGS = "proofbook.configs"
"""Entry points: a system's name, and the module whose ``RUNBOOKS`` are its models."""


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


def refuse_secrets(name: str, value: JsonValue) -> None:
    """Refuse a value that is, or holds at any depth, a secret: by its name or by what it says.

    Raises:
        ParameterError: It does; the message does not show it.
    """
    redact = Redactor.from_environment()
    for key, text in _texts(name, value):
        if text and is_secret_name(key):
            inside = "" if key == name else f"{key!r} in "
            raise ParameterError(
                name,
                f"{inside}parameter {name!r} looks like a secret and would be written into the "
                "notebook; put it in an environment variable and let the runbook read that",
            )
        if redact(text) != text or redact(key) != key:
            raise ParameterError(
                name,
                f"parameter {name!r} contains the value of a secret environment variable and "
                "would be written into the notebook; let the runbook read the variable",
            )


def refuse_secret_overrides(overrides: Mapping[str, str]) -> None:
    """Refuse ``-p`` with a secret, before any other message can show it.

    Raises:
        UsageError: One is a secret.
    """
    for name, text in overrides.items():
        try:
            refuse_secrets(name, text)
        except ParameterError as error:
            raise UsageError(f"-p {name}: {error}") from error


def override_parameters(
    jobs: list[PlannedJob], runbooks: Mapping[str, Runbook], overrides: Mapping[str, str]
) -> list[PlannedJob]:
    """Return ``jobs`` with ``overrides`` in all that have such a parameter, verified.

    Raises:
        UsageError: One is mistyped or out of range, or no job has it.
    """
    unused = set(overrides)
    changed: list[PlannedJob] = []
    for job in jobs:
        runbook = runbooks[job.runbook]
        mine = {
            n: read_override(t, n, runbook) for n, t in overrides.items() if n in runbook.parameters
        }
        unused -= mine.keys()
        try:
            parameters = verify_parameters({**job.parameters, **mine}, runbook)
        except ParameterError as error:
            where = f"-p {error.name}" if error.name in mine else f"job {job.id}"
            raise UsageError(f"{where}: {error}") from error
        changed.append(job.model_copy(update={"parameters": parameters}))
    for name in sorted(unused):
        known = {p for job in jobs for p in runbooks[job.runbook].parameters}
        hint = nearest(name, known) or f"there are: {', '.join(sorted(known)) or 'none'}"
        raise UsageError(f"-p {name}: no chosen runbook has this parameter; {hint}")
    return changed


def read_override(text: str, name: str, runbook: Runbook) -> JsonValue:
    """Read a command line's text; a relative path counts from the folder that it was typed in."""
    if runbook.parameters[name].annotation == "str":
        return anchor_path(text, Path.cwd())
    value: JsonValue = parse_scalar(text)
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


def config_model(runbook: str) -> type[BaseModel] | None:
    """Return the pydantic model that a system's ``config`` module declares for a runbook."""
    system, _, name = runbook.partition("/")
    for entry in importlib.metadata.entry_points(group=CONFIGS, name=system):
        models: dict[str, type[BaseModel]] = getattr(entry.load(), "RUNBOOKS", {})
        return models.get(name)
    return None


def _verify(name: str, value: JsonValue, runbook: Runbook) -> JsonValue:
    if name not in runbook.parameters:
        names = ", ".join(runbook.parameters) or "none"
        hint = nearest(name, runbook.parameters) or f"it has: {names}"
        raise ParameterError(name, f"{runbook.name} has no parameter {name!r}; {hint}")
    refuse_secrets(name, value)
    if not _has_text_keys(value):
        raise ParameterError(name, f"parameter {name!r} has a key that is not text; quote it")
    try:
        typed: JsonValue = runbook.parameters[name].validate(value)
    except ValueError as error:
        raise ParameterError(name, str(error)) from error
    return typed


def _has_text_keys(value: JsonValue) -> bool:
    """Say whether all keys are texts, as JSON has no others."""
    if isinstance(value, dict):
        return all(isinstance(k, str) and _has_text_keys(v) for k, v in value.items())
    return not isinstance(value, list) or all(map(_has_text_keys, value))


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
