"""Types and bounds of the parameters of the training runbooks.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

__all__ = [
    "MOST_TRIES",
    "RUNBOOKS",
    "CheckpointsConfig",
    "ConfigurationsConfig",
    "MemoryConfig",
    "ResumeConfig",
    "ResumedTrainerConfig",
    "ThroughputConfig",
    "TrainConfig",
    "TrainerConfig",
]
MOST_TRIES = 4
"""How often a training is started for signals that come when it is over."""
_CONTROLS = 3
"""Trainings left alone: the third decides where two differ."""
_LOOKS = 3
"""How often a training is measured that is over before it was looked at."""
_STARTS: dict[str, JsonValue] = {"starts": "project config_file"}
_SLACK = 900.0
"""Seconds to read, compare and draw what trainings leave."""


def _or_none(least: int) -> AfterValidator:
    """Return a bound on steps: so many at least, or 0, which leaves them to the trainer."""

    def check(steps: int) -> int:
        if 0 < steps < least:
            raise ValueError(f"must be {least} or more, or 0, which leaves them to the trainer")
        return steps

    return AfterValidator(check)


class TrainerConfig(BaseModel):
    """What all runbooks on a trainer have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    config_file: str
    project: str = Field(json_schema_extra={"subject": True})
    train_command: list[str] = Field(min_length=1, json_schema_extra=_STARTS)
    resume_command: list[str] = Field(min_length=1)
    config_keys: dict[str, str]
    environment: dict[str, str]
    steps: int = Field(ge=0)
    checkpoints: str
    checkpoint_files: list[str]
    log_file: str
    log_pattern: str
    timeout: float = Field(gt=0)
    output_dir: str

    def longest_seconds(self) -> float:
        """Return how long a job may take while every start of the trainer keeps to its limit."""
        return self._most_starts() * self.timeout + _SLACK

    def _most_starts(self) -> int:
        """Return how often the trainer is started at the most."""
        return 1


class ResumedTrainerConfig(TrainerConfig):
    """What the runbooks have in common that resume a training, too."""

    resume_command: list[str] = Field(min_length=1, json_schema_extra=_STARTS)


class TrainConfig(TrainerConfig):
    """Parameters of ``training/train``."""

    checkpoint_every: int = Field(ge=0)
    final_files: list[str]
    frozen: list[str]
    weights: bool
    memory_growth: float = Field(gt=0)
    gpu: bool
    advice: dict[str, str]


class ResumeConfig(ResumedTrainerConfig):
    """Parameters of ``training/resume``."""

    trained: str = Field(json_schema_extra={"subject": True})
    record: str = Field(json_schema_extra={"subject": True})
    interruptions: list[str] = Field(min_length=1)
    repeats: bool
    saves_on_signal: bool
    exit_codes: list[int]
    made_once: list[str]
    probes: int = Field(ge=0)
    seed: int = Field(ge=0)

    def _most_starts(self) -> int:
        tries = MOST_TRIES * (len(self.interruptions) + 1)
        return _CONTROLS - bool(self.trained) + tries + (self.probes and self.probes + 4)


class CheckpointsConfig(TrainerConfig):
    """Parameters of ``training/checkpoints``."""

    trained: str = Field(json_schema_extra={"subject": True})
    smallest: float = Field(ge=0)
    largest: float = Field(gt=0)
    corruptions: int = Field(ge=0)
    seed: int = Field(ge=0)

    def _most_starts(self) -> int:
        return 0 if self.trained else 1


class ConfigurationsConfig(TrainerConfig):
    """Parameters of ``training/configurations``."""

    changes: dict[str, str]
    compared_steps: int = Field(ge=0)
    final_files: list[str]

    def _most_starts(self) -> int:
        return 3 if self.compared_steps else 1


class MemoryConfig(ResumedTrainerConfig):
    """Parameters of ``training/memory``."""

    steps: Annotated[int, Field(ge=0), _or_none(2)]
    batch_key: str = Field(min_length=1)
    first_batch: int = Field(ge=1)
    largest_batch: int = Field(ge=1)
    tolerance: float = Field(ge=0)
    least_batch: int = Field(ge=0)
    trial_steps: int = Field(ge=1)
    memory_limit: int = Field(ge=0)
    limit_above_batch: int = Field(ge=0)
    cycles: int = Field(ge=1)
    slack: float = Field(gt=0)
    growth: float = Field(gt=0)

    def _most_starts(self) -> int:
        """Return the trials by doubling and by halving, those for a limit, and the cycles."""
        doublings = max(0, math.ceil(math.log2(max(1, self.largest_batch / self.first_batch))))
        halvings = math.ceil(math.log2(max(2, self.largest_batch)))
        limit = 2 * _LOOKS if self.limit_above_batch else 0
        return 2 + doublings + halvings + limit + MOST_TRIES * (self.cycles + 1)


class ThroughputConfig(TrainerConfig):
    """Parameters of ``training/throughput``."""

    steps: Annotated[int, Field(ge=0), _or_none(4)]
    record: str = Field(json_schema_extra={"subject": True})
    slowest: float = Field(ge=0)
    gpu_speeds: dict[str, list[float]]
    least_utilisation: float = Field(ge=0, le=100)
    least_cores: float = Field(ge=0)
    hottest: float = Field(gt=0)
    memory_share: float = Field(gt=0, le=1)
    unevenness: float = Field(ge=1)

    def _most_starts(self) -> int:
        return 0 if self.record else 1


RUNBOOKS: dict[str, type[BaseModel]] = {
    "checkpoints": CheckpointsConfig,
    "configurations": ConfigurationsConfig,
    "memory": MemoryConfig,
    "resume": ResumeConfig,
    "throughput": ThroughputConfig,
    "train": TrainConfig,
}
