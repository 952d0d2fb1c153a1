"""Open a runbook: its parameters as they are now, validated, and its checks.

config, checks = open_runbook("musicgen/generate", globals())
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from proofbook.checks.checks import Checks
from proofbook.configs import find_config
from proofbook.errors import UsageError

__all__ = ["OpenRunbook", "open_runbook"]


class OpenRunbook(NamedTuple):
    """A runbook whose checks have begun."""

    config: Any
    """The parameters: the system's model, or one made of the parameters cell's annotations."""
    checks: Checks


def open_runbook(name: str, namespace: Mapping[str, Any]) -> OpenRunbook:
    """Validate a notebook's parameters and begin its checks.

    Args:
        name: ``<system>/<name>``, as the file under ``runbooks/`` is called.
        namespace: The notebook's ``globals()``, in which the parameters cell has run.

    Raises:
        UsageError: A parameter is missing, mistyped or out of bounds.
    """
    model = find_config(name) or _annotated(name, namespace)
    values = {field: namespace[field] for field in model.model_fields if field in namespace}
    try:
        config = model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{name}: parameter {field!r}: {first['msg']}") from error
    checks = Checks(name, parameters=config.model_dump(), namespace=namespace)
    return OpenRunbook(config, checks)


def _annotated(name: str, namespace: Mapping[str, Any]) -> type[BaseModel]:
    """Return a model of what has been annotated so far, which is the parameters cell."""
    fields: dict[str, Any] = {
        field: (annotation, ...)
        for field, annotation in namespace.get("__annotations__", {}).items()
    }
    return create_model(name, __config__=ConfigDict(frozen=True, strict=True), **fields)
