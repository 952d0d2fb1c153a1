"""Types and bounds of the parameters of the language models' runbooks.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RUNBOOKS", "ComponentsConfig", "DataPipelineConfig"]

_PREPARATIONS = 10
"""Two at first, two for each of three changes, and one for each of the unusual inputs, at most."""
_TRAININGS = 2
_SLACK = 300.0
"""Seconds to read and compare what they leave."""


class DataPipelineConfig(BaseModel):
    """Parameters of ``foundry/data_pipeline``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str
    config_file: str
    prepare_command: list[str] = Field(min_length=1)
    environment: dict[str, str]
    texts: list[str]
    tokens: list[str]
    chunks: list[str]
    tokenizer: str
    chunk_length: int = Field(ge=0)
    text_change: bool
    length_change: str
    tokenizer_change: str
    unusual_inputs: list[Literal["empty", "single", "short"]]
    train_command: list[str]
    steps: int = Field(ge=0)
    workers_change: str
    order: Literal["recognised", "shuffled", "windows", "file"]
    timeout: float = Field(gt=0)
    output_dir: str

    def longest_seconds(self) -> float:
        """Return how long a job may take while every start keeps to its limit."""
        return (_PREPARATIONS + _TRAININGS) * self.timeout + _SLACK


class ComponentsConfig(BaseModel):
    """Parameters of ``foundry/components``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str = Field(min_length=1)
    test_command: list[str] = Field(min_length=1)
    interpreter: str
    environment: dict[str, str]
    leave_out: list[str]
    components: dict[str, list[str]]
    goals: dict[str, float]
    priorities: dict[str, str]
    sources: list[str]
    overall: float = Field(ge=0, le=100)
    measure_coverage: bool
    suites: dict[str, str]
    limits: dict[str, float]
    test_limit: float = Field(gt=0)
    pass_rate: float = Field(ge=0, lt=1)
    known_failures: list[str]
    may_deselect: list[str]
    repetitions: int = Field(ge=1)
    shuffled: bool
    flaky_rate: float = Field(gt=0, le=1)
    critical_tests: dict[str, str]
    timeout: float = Field(gt=0)

    def longest_seconds(self) -> float:
        """Return how long a job may take while every run of the tests keeps to its limit."""
        return self.repetitions * self.timeout + _SLACK


RUNBOOKS: dict[str, type[BaseModel]] = {
    "components": ComponentsConfig,
    "data_pipeline": DataPipelineConfig,
}
