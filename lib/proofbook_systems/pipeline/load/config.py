"""Parameters of ``pipeline/load``. Imports pydantic alone."""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from proofbook_systems.pipeline.project.config import SLACK, STAGES, PipelineConfig, Words

__all__ = ["LoadConfig"]


class LoadConfig(PipelineConfig):
    """Parameters of ``pipeline/load``."""

    videos: int = Field(ge=2)
    workers: int = Field(ge=1, le=64)
    prepare: Words
    stages: Words
    batch: list[str]
    kills: int = Field(ge=0)
    halt: float = Field(ge=0, lt=1)
    memory_bound_gb: float = Field(gt=0)
    growth_share: float = Field(ge=0)
    server: str = Field(json_schema_extra={"subject": True})
    proxy: str
    addresses: dict[str, str]
    calls_a_minute: int = Field(ge=0)
    seed: int = Field(ge=0)
    output_dir: str

    @field_validator("prepare", "stages")
    @classmethod
    def _stages_exist(cls, stages: list[str]) -> list[str]:
        if unknown := [name for name in stages if name not in STAGES]:
            raise ValueError(f"there is no stage {unknown[0]!r}; there are {', '.join(STAGES)}")
        return stages

    @model_validator(mode="after")
    def _films_are_made_somehow(self) -> Self:
        if not self.stages and not self.batch:
            raise ValueError("nothing makes films: give stages, or a batch command")
        return self

    def longest_seconds(self) -> float:
        """Return how long a job may take while every command keeps to its limit."""
        films = -(-self.videos // self.workers) + 1
        starts = (films + self.kills) * max(len(self.stages), 1) + len(self.prepare)
        return starts * self.timeout + SLACK
