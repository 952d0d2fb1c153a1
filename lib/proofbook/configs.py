"""The parameter models of runbooks, which packages bring by entry points.

A runbook's parameters cell declares name, type, default and help. A model repeats name and type
alone: it adds bounds, and gives the library a typed value. A runbook without a model has none of
these, and works.

    [project.entry-points."proofbook.configs"]
    musicgen = "proofbook_systems.musicgen.config"     # a module with RUNBOOKS: name to model
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping

from pydantic import BaseModel

from proofbook.errors import UsageError

__all__ = ["GROUP", "find_config", "mismatch"]

GROUP = "proofbook.configs"


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
