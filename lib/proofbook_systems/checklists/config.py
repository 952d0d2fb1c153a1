"""Types and bounds of the parameters of the checklists.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RUNBOOKS", "QualityConfig"]


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class QualityConfig(_Config):
    """Parameters of ``checklists/quality``."""

    video: str = Field(min_length=1)
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    drift: float = Field(ge=0)
    quietest: float
    most_silence: float = Field(ge=0, le=1)
    audio_limits: dict[str, float]
    longest_still: float = Field(gt=0)
    black_share: float = Field(ge=0, le=1)
    reviewer_role: str


RUNBOOKS: dict[str, type[BaseModel]] = {"quality": QualityConfig}
