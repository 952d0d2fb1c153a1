"""What the parameters of all runbooks on a pipeline have in common. Imports pydantic alone."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

__all__ = ["ARTEFACTS", "SLACK", "STAGES", "PipelineConfig", "Words"]

STAGES = (
    "validate", "init", "trends", "script", "audio", "images", "images_batch", "video", "metrics",
    "post", "cleanup",
)  # fmt: skip
"""What may have a command."""
ARTEFACTS = (
    "trends_db", "script", "audio", "timeline", "selections", "video", "metrics_db", "library_db",
)  # fmt: skip
"""What may have a path."""
SLACK = 300.0
"""Seconds that a job may take beside its commands."""
_T = TypeVar("_T")


def _split(value: object) -> object:
    """Read ``audio,images``, as a command line gives it."""
    return [w for w in value.replace(",", " ").split() if w] if isinstance(value, str) else value


Words = Annotated[list[str], BeforeValidator(_split)]


class PipelineConfig(BaseModel):
    """What all runbooks on a pipeline have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str = Field(min_length=1)
    interpreter: str
    commands: dict[str, list[str]]
    paths: dict[str, str]
    names: dict[str, str]
    environment: dict[str, str]
    link: list[str]
    timeout: float = Field(gt=0)

    @field_validator("commands")
    @classmethod
    def _stages_are_known(cls, commands: dict[str, list[str]]) -> dict[str, list[str]]:
        return _known(commands, STAGES, "stage")

    @field_validator("paths")
    @classmethod
    def _artefacts_are_known(cls, paths: dict[str, str]) -> dict[str, str]:
        return _known(paths, ARTEFACTS, "artefact")

    def longest_seconds(self) -> float:
        """Return how long a job may take while every command keeps to its limit."""
        return len(self.commands) * self.timeout + SLACK


def _known(given: dict[str, _T], known: tuple[str, ...], kind: str) -> dict[str, _T]:
    if unknown := [key for key in given if key not in known]:
        raise ValueError(f"there is no {kind} {unknown[0]!r}; there are {', '.join(known)}")
    return given
