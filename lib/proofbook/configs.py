"""The parameter models of runbooks, which packages bring by entry points.

A runbook's parameters cell declares name, type, default and help. A model repeats name and type
alone: it adds bounds, and gives the library a typed value. A runbook without a model has none of
these, and works.

    [project.entry-points."proofbook.configs"]
    musicgen = "proofbook_systems.musicgen.config"     # a module with RUNBOOKS: name to model

A model whose parameters hold time limits may have a method ``longest_seconds``: a job's own limit
follows from it. A text field with ``json_schema_extra={"format": "path"}`` is a path, whether or
not there is such a file yet. A field with ``json_schema_extra={"subject": True}`` names what is
tested although its default is no ``reference:…``, as a program that is used in place of one. A
command with ``json_schema_extra={"starts": "project config_file"}`` starts what these name: it is
given with them, as a reference subject's program knows nothing of anybody else's files.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, JsonValue

from proofbook.errors import UsageError

__all__ = [
    "GROUP",
    "TimeBounded",
    "find_config",
    "mismatch",
    "path_fields",
    "started_fields",
    "subject_fields",
]

GROUP = "proofbook.configs"


@runtime_checkable
class TimeBounded(Protocol):
    """A config model that knows how long a job with its parameters may take."""

    def longest_seconds(self) -> float:
        """Return the seconds after which a job with these parameters has broken its own limits."""
        ...


def find_config(runbook: str) -> type[BaseModel] | None:
    """Return the model of ``<system>/<name>``, or None where no installed package brings one.

    Raises:
        UsageError: A package promises the system's models and does not bring them.
    """
    system, _, name = runbook.partition("/")
    for entry in importlib.metadata.entry_points(group=GROUP, name=system):
        models = _load(entry)
        if name in models:
            return models[name]
    return None


def mismatch(model: type[BaseModel], declared: Mapping[str, object]) -> str:
    """Return how the names that a model takes differ from those that a runbook declares."""
    fields = set(model.model_fields)
    lacking, unknown = sorted(fields - set(declared)), sorted(set(declared) - fields)
    parts = [f"the parameters cell lacks {', '.join(lacking)}"] if lacking else []
    parts += [f"{model.__name__} lacks {', '.join(unknown)}"] if unknown else []
    return " and ".join(parts)


def path_fields(model: type[BaseModel] | None) -> frozenset[str]:
    """Return the parameters that a model declares to be paths."""
    return _marked(model, "format", "path")


def subject_fields(model: type[BaseModel] | None) -> frozenset[str]:
    """Return the parameters that a model declares to name what is tested."""
    return _marked(model, "subject", True)


def started_fields(model: type[BaseModel] | None) -> dict[str, frozenset[str]]:
    """Return the parameters that name what each command starts, by the command's own."""
    extras = _extras(model)
    return {
        name: frozenset(str(extra["starts"]).split())
        for name, extra in extras.items()
        if "starts" in extra
    }


def _marked(model: type[BaseModel] | None, key: str, value: str | bool) -> frozenset[str]:
    return frozenset(name for name, extra in _extras(model).items() if extra.get(key) == value)


def _extras(model: type[BaseModel] | None) -> dict[str, dict[str, JsonValue]]:
    fields = {} if model is None else model.model_fields
    extras = {name: field.json_schema_extra for name, field in fields.items()}
    return {name: extra for name, extra in extras.items() if isinstance(extra, dict)}


def _load(entry: importlib.metadata.EntryPoint) -> Mapping[str, type[BaseModel]]:
    promise = f"entry point {entry.name!r} of {GROUP} promises {entry.value}"
    try:
        module = entry.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"{promise}, which cannot be imported: {error}") from error
    models = getattr(module, "RUNBOOKS", None)
    if not isinstance(models, Mapping):
        raise UsageError(f"{promise}, which has no RUNBOOKS: runbook names to pydantic models")
    return models
