"""Types and bounds of the parameters of the language models' runbooks.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from proofbook_systems.training.config import MOST_TRIES, ResumedTrainerConfig, TrainerConfig

__all__ = [
    "RUNBOOKS",
    "CheckpointRecoveryConfig",
    "ComponentsConfig",
    "DataPipelineConfig",
    "FullRunConfig",
    "TrainingPipelineConfig",
]

_PREPARATIONS = 12
"""Two at first, two for each of three changes, and one for each of the unusual inputs, at most."""
_TRAININGS = 2
_UNUSUAL = {"empty", "single", "short", "unicode"}
_SLACK = 300.0
"""Seconds to read and compare what they leave."""


class DataPipelineConfig(BaseModel):
    """Parameters of ``foundry/data_pipeline``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: str = Field(json_schema_extra={"subject": True})
    config_file: str
    prepare_command: list[str] = Field(json_schema_extra={"starts": "project config_file"})
    environment: dict[str, str]
    texts: list[str]
    tokens: list[str]
    chunks: list[str]
    tokenizer: str
    vocabulary: str
    separated: bool
    chunk_length: int = Field(ge=0)
    most_lost: float = Field(ge=0, le=1)
    remainder: str = Field(pattern="^(recognised|kept|dropped)$")
    text_change: bool
    length_change: str
    tokenizer_change: str
    unusual_inputs: list[str]
    validate_command: list[str]
    invalid_configs: list[str]
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
        validations = 1 + len(self.invalid_configs) if self.validate_command else 0
        return (_PREPARATIONS + _TRAININGS + validations) * self.timeout + _SLACK


class TrainingPipelineConfig(ResumedTrainerConfig):
    """Parameters of ``foundry/training_pipeline``."""

    checkpoint_steps: list[int]
    checkpoint_every: str
    checkpoint_schedule: str
    schedule_command: list[str]
    saves_last: bool
    told_in: list[str]
    learning_rate: str
    lr_schedule: str
    warmup_steps: str
    lowest_rate: float = Field(ge=0, le=1)
    max_grad_norm: str
    accumulation: str
    accumulation_base: dict[str, str]
    accumulation_change: dict[str, str]
    amp_change: dict[str, str]
    overflow_change: dict[str, str]
    dropout: str
    may_repeat: float = Field(ge=0, le=1)
    trial_steps: int = Field(ge=2)
    texts: list[str]
    loss_tolerance: float = Field(gt=0)
    crash: str = Field(min_length=1)
    seed: int = Field(ge=0)

    def _most_starts(self) -> int:
        """Return one left alone, one that is interrupted and resumed, and the variants."""
        variants = (self.accumulation_change, self.amp_change, self.overflow_change)
        return 2 + MOST_TRIES * 2 + 2 * sum(map(bool, variants))


class CheckpointRecoveryConfig(ResumedTrainerConfig):
    """Parameters of ``foundry/checkpoint_recovery``."""

    interruptions: list[str] = Field(min_length=1)
    no_checkpoints: dict[str, str]
    other_config: dict[str, str]
    disk_full: bool
    logged_once: bool
    repeats: bool
    seed: int = Field(ge=0)

    def _most_starts(self) -> int:
        """Return two left alone, one without checkpoints, the crashes, and the refusals."""
        crashes = MOST_TRIES * (len(self.interruptions) + 1)
        refusals = len(self.other_config) + 2 * self.disk_full
        return 3 + bool(self.no_checkpoints) + crashes + refusals


class FullRunConfig(TrainerConfig):
    """Parameters of ``foundry/full_run``."""

    texts: list[str]
    held_texts: list[str]
    sequences: int = Field(ge=0)
    sizes: dict[str, str]
    checkpoint_steps: list[int]
    model: str
    tokenizer: str
    generate_command: list[str]
    prompts: list[str] = Field(min_length=2)
    new_tokens: int = Field(ge=1)
    loss_tolerance: float = Field(gt=0)
    memory_factor: float = Field(gt=1)

    def _most_starts(self) -> int:
        """Return the training, what its libraries take, and a text for each prompt."""
        return 2 + (len(self.prompts) if self.generate_command else 0)


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
    "checkpoint_recovery": CheckpointRecoveryConfig,
    "components": ComponentsConfig,
    "data_pipeline": DataPipelineConfig,
    "full_run": FullRunConfig,
    "training_pipeline": TrainingPipelineConfig,
}
