"""What all records have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, model_validator

__all__ = ["Identifier", "Model", "Own", "ignores_earlier", "now"]


class Own(NamedTuple):
    """Marks a text by which the harness finds something again: a word in it is no secret."""


Identifier = Annotated[str, Own()]
"""A text such as a job's id or a hash."""


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def seconds_between(started: datetime, ended: datetime) -> float:
    """Return how long something took by the clock; 0 where the clock was set back meanwhile."""
    return max((ended - started).total_seconds(), 0.0)


class Model(BaseModel):
    """A frozen record that refuses keys it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_inf_nan="strings", use_attribute_docstrings=True
    )


def ignores_earlier(*names: str) -> Any:
    """Return a validator that reads records of earlier versions: it drops keys they had."""

    @model_validator(mode="before")
    def drop(values: Any) -> Any:
        if isinstance(values, dict) and not values.keys().isdisjoint(names):
            return {name: value for name, value in values.items() if name not in names}
        return values

    return drop
