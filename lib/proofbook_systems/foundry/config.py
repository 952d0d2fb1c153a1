"""Types and bounds of the parameters of the language models' runbooks.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["RUNBOOKS", "DataPipelineConfig"]

_PREPARATIONS = 10
"""Two at first, two for each of three changes, and one for each of the unusual inputs, at most."""
_TRAININGS = 2
_UNUSUAL = {"empty", "single", "short"}
_SLACK = 300.0
"""Seconds to read and compare what they leave."""


class DataPipelineConfig(BaseModel):
    """Parameters of ``foundry/data_pipeline``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str
    config_file: str
    prepare_command: list[str]
    environment: dict[str, str]
    texts: list[str]
    tokens: list[str]
    chunks: list[str]
    tokenizer: str
    chunk_length: int = Field(ge=0)
    most_lost: float = Field(ge=0, le=1)
    text_change: bool
    length_change: str
    tokenizer_change: str
    unusual_inputs: list[str]
    train_command: list[str]
    steps: int = Field(ge=0)
    workers_change: str
    order: str = Field(pattern="^(recognised|shuffled|windows|file)$")
    timeout: float = Field(gt=0)
    output_dir: str

    @field_validator("unusual_inputs")
    @classmethod
    def _known(cls, kinds: list[str]) -> list[str]:
        unknown = sorted(set(kinds) - _UNUSUAL)
        if unknown:
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(sorted(_UNUSUAL))}")
        return kinds

    def longest_seconds(self) -> float:
        """Return how long a job may take while every start keeps to its limit."""
        return (_PREPARATIONS + _TRAININGS) * self.timeout + _SLACK


RUNBOOKS: dict[str, type[BaseModel]] = {"data_pipeline": DataPipelineConfig}
