"""Types and bounds of the parameters of the runbook on a text-to-speech server.

The runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone, so
that a profile is validated at once.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RUNBOOKS", "BinaryE2EConfig"]


class BinaryE2EConfig(BaseModel):
    """Parameters of ``ttsserver/binary_e2e``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str = Field(min_length=1)
    binary: str
    skip_build: bool
    build_command: list[str]
    build_timeout: float = Field(gt=0)
    reference_wav: str
    reference_text: str
    matrix: list[dict[str, str]] = Field(min_length=1)
    only: list[str]
    skip: list[str]
    text: str = Field(min_length=1)
    language: str = Field(min_length=2)
    seed: int = Field(ge=0, lt=2**63)
    normalize: bool
    duration_tolerance: float = Field(ge=0)
    quietest: float
    most_silence: float = Field(ge=0, le=1)
    audio_limits: dict[str, float]
    timeout_health: float = Field(gt=0)
    timeout_cached: float = Field(gt=0)
    timeout_download: float = Field(gt=0)
    parent_death_bound: float = Field(gt=0)
    shutdown_bound: float = Field(gt=0)
    port: int = Field(ge=0, le=65535)
    keep_data_dir: bool
    isolated_cache: bool
    environment: dict[str, str]
    output_dir: str


RUNBOOKS: dict[str, type[BaseModel]] = {"binary_e2e": BinaryE2EConfig}
