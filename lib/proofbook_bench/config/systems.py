"""Types and bounds of the parameters of the benchmarks of the systems."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from proofbook_bench.config.base import BenchConfig, MeasuredConfig

__all__ = [
    "ApiCallsConfig",
    "CheckpointSavingConfig",
    "ChunkCuttingConfig",
    "FilmEncodingConfig",
    "GenerationSpeedConfig",
    "KeyMatchingConfig",
    "LanguageSavingConfig",
    "LanguageSpeedConfig",
    "ModelLoadingConfig",
    "ModelTypesConfig",
    "ResumeMatrixConfig",
    "SpeechKillsConfig",
    "SpeechRowsConfig",
    "TrainingKillsConfig",
    "TrainingSpeedConfig",
]

_MATRIX = {
    "cuts": ("first", "middle", "last", "next"),
    "kinds": ("plain", "accumulation", "random-data", "dropout"),
    "peers": ("torchdata", "hf_trainer"),
}
"""What a resume matrix is made of, by parameter."""


class ModelTypesConfig(MeasuredConfig):
    """Parameters of ``benchmarks/model_types``."""

    limit: int = Field(ge=0)
    fresh: int = Field(ge=1)
    sample_seed: int
    devices: list[str]
    cores: int = Field(ge=1, le=64)
    minutes: float = Field(gt=0)


class ChunkCuttingConfig(MeasuredConfig):
    """Parameters of ``benchmarks/chunk_cutting``."""

    documents: int = Field(ge=10)
    length: int = Field(ge=2)
    batch: int = Field(ge=0)


class LanguageSavingConfig(MeasuredConfig):
    """Parameters of ``benchmarks/language_saving``."""

    width: int = Field(ge=4, multiple_of=4)


class FilmEncodingConfig(MeasuredConfig):
    """Parameters of ``benchmarks/film_encoding``."""

    seconds: float = Field(gt=0)
    cost_bar: float = Field(gt=0)


class KeyMatchingConfig(MeasuredConfig):
    """Parameters of ``benchmarks/key_matching``."""

    layers: int = Field(ge=1)
    width: int = Field(ge=2)
    seed: int = Field(ge=0)


class GenerationSpeedConfig(MeasuredConfig):
    """Parameters of ``benchmarks/generation_speed``."""

    checkpoints: str = Field(min_length=1)
    duration: float = Field(ge=0.2)
    cpu_memory: str = Field(min_length=1)
    offload_bar: float = Field(gt=0)


class ModelLoadingConfig(MeasuredConfig):
    """Parameters of ``benchmarks/model_loading``."""

    checkpoints: str = Field(min_length=1)
    dtype: str = Field(pattern="^(float32|float16|bfloat16)$")
    cpu_memory: str = Field(min_length=1)


class ResumeMatrixConfig(BenchConfig):
    """Parameters of ``benchmarks/resume_matrix``."""

    workers: list[int] = Field(min_length=1)
    cuts: list[str] = Field(min_length=1)
    kinds: list[str] = Field(min_length=1)
    resumes: list[int] = Field(min_length=1)
    peers: list[str]

    @field_validator("cuts", "kinds", "peers")
    @classmethod
    def _known(cls, names: list[str], info: ValidationInfo) -> list[str]:
        known = _MATRIX[str(info.field_name)]
        if unknown := set(names) - set(known):
            raise ValueError(f"{min(unknown)} is none of {', '.join(known)}")
        return names


class LanguageSpeedConfig(MeasuredConfig):
    """Parameters of ``benchmarks/language_speed``."""

    steps: int = Field(ge=10)
    nanogpt: str
    nanogpt_steps: int = Field(ge=10)


class SpeechRowsConfig(BenchConfig):
    """Parameters of ``benchmarks/speech_rows``."""

    rounds: int = Field(ge=1)
    project: str = Field(min_length=1)
    share: float = Field(gt=0)
    extra: float = Field(ge=0)
    notice: float = Field(gt=0)


class SpeechKillsConfig(BenchConfig):
    """Parameters of ``benchmarks/speech_kills``."""

    project: str = Field(min_length=1)
    kills: int = Field(ge=1)
    slots: int = Field(ge=1)
    latest: float = Field(gt=0)
    patience: float = Field(gt=0)
    seed: int = Field(ge=0)


class TrainingKillsConfig(BenchConfig):
    """Parameters of ``benchmarks/training_kills``."""

    interruptions: int = Field(ge=3)
    steps: int = Field(ge=2)
    checkpoint_every: int = Field(ge=1)
    slots: int = Field(ge=1)
    seed: int = Field(ge=0)


class TrainingSpeedConfig(MeasuredConfig):
    """Parameters of ``benchmarks/training_speed``."""

    config_file: str = Field(min_length=1)
    steps: int = Field(ge=10)
    batch: int = Field(ge=1)
    precision: str = Field(pattern="^(no|fp16|bf16)$")


class CheckpointSavingConfig(MeasuredConfig):
    """Parameters of ``benchmarks/checkpoint_saving``."""

    parameters: int = Field(ge=4000000)
    step_seconds: float = Field(gt=0)
    steps: int = Field(ge=1)
    interval: int = Field(ge=1)
    stall_bar: float = Field(gt=0)


class ApiCallsConfig(MeasuredConfig):
    """Parameters of ``benchmarks/api_calls``."""

    calls: int = Field(ge=1)
    first_event: float = Field(ge=0)
    requests: int = Field(ge=1)
    limit: int = Field(ge=1)
    seconds: float = Field(gt=0)
    litellm_calls: int = Field(ge=0)
    first_event_bar: float = Field(gt=0)
    schedule_bar: float = Field(gt=0)
