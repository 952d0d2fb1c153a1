"""Types and bounds of the parameters of the training runbooks.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "RUNBOOKS",
    "CheckpointsConfig",
    "ConfigurationsConfig",
    "MemoryConfig",
    "ResumeConfig",
    "ThroughputConfig",
    "TrainConfig",
    "TrainerConfig",
]


class TrainerConfig(BaseModel):
    """What all runbooks on a trainer have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    config_file: str
    project: str
    train_command: list[str] = Field(min_length=1)
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


class TrainConfig(TrainerConfig):
    """Parameters of ``training/train``."""

    checkpoint_every: int = Field(ge=0)
    final_files: list[str]
    weights: bool
    memory_growth: float = Field(gt=0)
    gpu: bool
    advice: dict[str, str]


class ResumeConfig(TrainerConfig):
    """Parameters of ``training/resume``."""

    trained: str
    record: str
    interruptions: list[str] = Field(min_length=1)
    repeats: bool
    saves_on_signal: bool
    exit_codes: list[int]
    made_once: list[str]
    seed: int = Field(ge=0)


class CheckpointsConfig(TrainerConfig):
    """Parameters of ``training/checkpoints``."""

    trained: str
    smallest: float = Field(ge=0)
    largest: float = Field(gt=0)
    corruptions: int = Field(ge=0)
    seed: int = Field(ge=0)


class ConfigurationsConfig(TrainerConfig):
    """Parameters of ``training/configurations``."""

    changes: dict[str, str]
    compared_steps: int = Field(ge=0)
    final_files: list[str]


class MemoryConfig(TrainerConfig):
    """Parameters of ``training/memory``."""

    steps: int = Field(ge=2)
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


class ThroughputConfig(TrainerConfig):
    """Parameters of ``training/throughput``."""

    steps: int = Field(ge=4)
    record: str
    slowest: float = Field(ge=0)
    gpu_speeds: dict[str, list[float]]
    least_utilisation: float = Field(ge=0, le=100)
    least_cores: float = Field(ge=0)
    hottest: float = Field(gt=0)
    memory_share: float = Field(gt=0, le=1)
    unevenness: float = Field(ge=1)


RUNBOOKS: dict[str, type[BaseModel]] = {
    "checkpoints": CheckpointsConfig,
    "configurations": ConfigurationsConfig,
    "memory": MemoryConfig,
    "resume": ResumeConfig,
    "throughput": ThroughputConfig,
    "train": TrainConfig,
}
