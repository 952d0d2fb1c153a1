"""What the parameters of all benchmarks have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["BenchConfig", "MeasuredConfig"]


class BenchConfig(BaseModel):
    """No parameter but those that are named, and none that changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MeasuredConfig(BenchConfig):
    """Both sides in turns, against a bar."""

    rounds: int = Field(ge=1)
    bar: float = Field(gt=0)
