"""Types and bounds of the parameters of ``pipeline/end_to_end``. Imports pydantic alone."""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from proofbook_systems.pipeline.project.config import SLACK, PipelineConfig, Words

__all__ = ["STEPS", "EndToEndConfig"]

STEPS = ("environment", "trends", "script", "audio", "images", "video", "quality", "metadata")
"""The eight steps of the checklist."""


class EndToEndConfig(PipelineConfig):
    """Parameters of ``pipeline/end_to_end``."""

    steps: Words
    workspace: str = Field(json_schema_extra={"subject": True})
    episode: str = Field(pattern=r"^[A-Za-z0-9_.-]*$")
    keys: Words
    env_file: str
    characters: list[str]
    emotions: list[str]
    least_trends: int = Field(ge=0)
    score_range: list[float] = Field(max_length=2)
    days: float = Field(gt=0)
    least_lines: int = Field(ge=1)
    script_keys: list[str]
    longest_gap: float = Field(ge=0)
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    turned: bool
    platforms: Words
    at_once: int = Field(ge=0, le=8)
    content: bool
    voices: dict[str, str]
    clean_up: bool
    environment_name: str
    reviewer_role: str

    @field_validator("steps")
    @classmethod
    def _steps_are_known(cls, steps: list[str]) -> list[str]:
        if unknown := [step for step in steps if step not in STEPS]:
            raise ValueError(f"there is no step {unknown[0]!r}; there are {', '.join(STEPS)}")
        return [step for step in STEPS if step in steps]

    @field_validator("score_range")
    @classmethod
    def _range_has_two_ends(cls, ends: list[float]) -> list[float]:
        if ends and (len(ends) != 2 or ends[0] >= ends[1]):
            raise ValueError("give the least and the highest score, [0, 100], or nothing: []")
        return ends

    @model_validator(mode="after")
    def _later_steps_have_a_workspace(self) -> Self:
        first = self.steps[0] if self.steps else STEPS[0]
        if first not in ("environment", "trends", "script") and not self.workspace:
            raise ValueError(
                f"step {first} needs what the steps before it left: give workspace, the output of "
                "the job that ran them"
            )
        return self

    def longest_seconds(self) -> float:
        """Return how long a job may take while every command keeps to its limit."""
        return (len(self.commands) + 3) * self.timeout + SLACK
