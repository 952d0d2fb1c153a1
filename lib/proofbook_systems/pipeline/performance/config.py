"""Parameters of ``pipeline/performance``. Imports pydantic alone."""

from __future__ import annotations

from pydantic import Field, field_validator

from proofbook_systems.pipeline.project.config import SLACK, STAGES, PipelineConfig, Words

__all__ = ["PerformanceConfig"]


class PerformanceConfig(PipelineConfig):
    """Parameters of ``pipeline/performance``."""

    prepare: Words
    stages: Words
    quicker: dict[str, list[str]]
    workers: int = Field(ge=1, le=64)
    repetitions: int = Field(ge=1)
    warmup: int = Field(ge=0)
    slowest: dict[str, float]
    least_speedup: dict[str, float]
    whole_bound: float = Field(ge=0)
    memory_bound_gb: float = Field(gt=0)
    output_dir: str

    @field_validator("prepare", "stages")
    @classmethod
    def _stages_exist(cls, stages: list[str]) -> list[str]:
        return _all_known(stages)

    @field_validator("quicker", "slowest", "least_speedup")
    @classmethod
    def _keys_exist(cls, given: dict[str, object]) -> dict[str, object]:
        _all_known(list(given))
        return given

    def longest_seconds(self) -> float:
        """Return how long a job may take while every command keeps to its limit."""
        each = len(self.stages) + len(self.quicker)
        turns = self.repetitions + self.warmup
        return (len(self.prepare) + turns * each) * self.timeout + SLACK


def _all_known(given: list[str]) -> list[str]:
    if unknown := [name for name in given if name not in STAGES]:
        raise ValueError(f"there is no stage {unknown[0]!r}; there are {', '.join(STAGES)}")
    return given
