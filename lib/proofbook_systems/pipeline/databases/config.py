"""Parameters of ``pipeline/databases``. Imports pydantic alone."""

from __future__ import annotations

from pydantic import Field, field_validator

from proofbook_systems.pipeline.project.config import SLACK, STAGES, PipelineConfig, Words

__all__ = ["DATABASES", "DatabasesConfig"]

DATABASES = ("trends_db", "metrics_db", "library_db")
"""Artefacts that are databases."""
_STARTS = 40
"""Of one stage, at most, beside those that the parameters count."""


class DatabasesConfig(PipelineConfig):
    """Parameters of ``pipeline/databases``."""

    prepare: Words
    writers: Words
    tables: dict[str, list[str]]
    unique: dict[str, list[str]]
    workers: int = Field(ge=2, le=32)
    short_lock: float = Field(gt=0)
    long_lock: float = Field(gt=0)
    kills: int = Field(ge=0)
    old: dict[str, str]
    migrate: str
    batch_transactions: int = Field(ge=1)
    seed: int = Field(ge=0)
    output_dir: str

    @field_validator("prepare", "writers")
    @classmethod
    def _stages_exist(cls, stages: list[str]) -> list[str]:
        return _all_known(stages, STAGES, "stage")

    @field_validator("tables", "old")
    @classmethod
    def _databases_exist(cls, given: dict[str, object]) -> dict[str, object]:
        _all_known(list(given), DATABASES, "database")
        return given

    def longest_seconds(self) -> float:
        """Return how long a job may take while every command keeps to its limit."""
        starts = _STARTS + 2 * self.workers + 2 * self.kills
        return (len(self.prepare) + len(self.writers) * starts) * self.timeout + SLACK


def _all_known(given: list[str], known: tuple[str, ...], kind: str) -> list[str]:
    if unknown := [name for name in given if name not in known]:
        raise ValueError(f"there is no {kind} {unknown[0]!r}; there are {', '.join(known)}")
    return given
