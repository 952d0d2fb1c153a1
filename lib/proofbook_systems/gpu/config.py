"""Types and bounds of the parameters of the runbook on GPUs.

The runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RUNBOOKS", "EnvironmentConfig"]


class EnvironmentConfig(BaseModel):
    """Parameters of ``gpu/environment``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: int = Field(ge=0)
    name: str
    cuda: str = Field(pattern=r"^\d+(\.\d+)*$")
    memory_gb: float = Field(ge=0)
    free_gb: float = Field(ge=0)
    size: int = Field(ge=16)


RUNBOOKS: dict[str, type[BaseModel]] = {"environment": EnvironmentConfig}
