"""Types and bounds of the parameters of the benchmarks.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

__all__ = [
    "RUNBOOKS",
    "ApiCallsConfig",
    "CheckpointSavingConfig",
    "ChunkCuttingConfig",
    "ClusterRunsConfig",
    "FilmEncodingConfig",
    "GenerationSpeedConfig",
    "HeavyImportsConfig",
    "KernelMemoryConfig",
    "KeyMatchingConfig",
    "LanguageSavingConfig",
    "LanguageSpeedConfig",
    "LargeReportConfig",
    "ManyJobsConfig",
    "ManyNotebooksConfig",
    "ManyReviewersConfig",
    "ModelLoadingConfig",
    "ModelTypesConfig",
    "NotebookSavingConfig",
    "PlanningConfig",
    "ResumeMatrixConfig",
    "RunKillsConfig",
    "SpeechKillsConfig",
    "SpeechRowsConfig",
    "StartUpConfig",
    "TinySuiteConfig",
    "TrainingKillsConfig",
    "TrainingSpeedConfig",
    "TrivialNotebookConfig",
    "WarmAttachConfig",
]


_MATRIX = {
    "cuts": ("first", "middle", "last", "next"),
    "kinds": ("plain", "accumulation", "random-data", "dropout"),
    "peers": ("torchdata", "hf_trainer"),
}
"""What a resume matrix is made of, by parameter."""


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Measured(_Config):
    rounds: int = Field(ge=1)
    bar: float = Field(gt=0)


class ModelTypesConfig(_Measured):
    """Parameters of ``benchmarks/model_types``."""

    limit: int = Field(ge=0)
    fresh: int = Field(ge=1)
    sample_seed: int
    devices: list[str]
    cores: int = Field(ge=1, le=64)
    minutes: float = Field(gt=0)


class ChunkCuttingConfig(_Measured):
    """Parameters of ``benchmarks/chunk_cutting``."""

    documents: int = Field(ge=10)
    length: int = Field(ge=2)
    batch: int = Field(ge=0)


class LanguageSavingConfig(_Measured):
    """Parameters of ``benchmarks/language_saving``."""

    width: int = Field(ge=4, multiple_of=4)


class FilmEncodingConfig(_Measured):
    """Parameters of ``benchmarks/film_encoding``."""

    seconds: float = Field(gt=0)
    cost_bar: float = Field(gt=0)


class HeavyImportsConfig(_Measured):
    """Parameters of ``benchmarks/heavy_imports``."""

    in_a_row: int = Field(ge=1)
    modules: list[str] = Field(min_length=1)


class TrivialNotebookConfig(_Measured):
    """Parameters of ``benchmarks/trivial_notebook``."""

    modules: list[str]


class WarmAttachConfig(_Measured):
    """Parameters of ``benchmarks/warm_attach``."""

    modules: list[str]


class TinySuiteConfig(_Measured):
    """Parameters of ``benchmarks/tiny_suite``."""

    profile: str = Field(min_length=1)
    slots: int = Field(ge=1)


class NotebookSavingConfig(_Measured):
    """Parameters of ``benchmarks/notebook_saving``."""

    cells: int = Field(ge=1)
    kilobytes: int = Field(ge=1)


class ManyNotebooksConfig(_Config):
    """Parameters of ``benchmarks/many_notebooks``."""

    notebooks: int = Field(ge=1)
    slots: int = Field(ge=1)
    patience: float = Field(ge=0)


class ClusterRunsConfig(_Measured):
    """Parameters of ``benchmarks/cluster_runs``."""

    jobs: int = Field(ge=1)
    nodes: int = Field(ge=1)
    cpus: int = Field(ge=1)
    megabytes: int = Field(ge=1)
    transfer_bar: float = Field(gt=0)
    gpu_jobs: int = Field(ge=2)
    killed_jobs: int = Field(ge=1)
    work: float = Field(ge=0)
    every: float = Field(gt=0)
    seed: int = Field(ge=0)


class ManyJobsConfig(_Measured):
    """Parameters of ``benchmarks/many_jobs``."""

    jobs: int = Field(ge=2)
    fewer: int = Field(ge=1)
    slots: int = Field(ge=1)
    memory_bar: float = Field(gt=0)


class StartUpConfig(_Measured):
    """Parameters of ``benchmarks/start_up``."""

    command: str = Field(min_length=1)


class PlanningConfig(_Measured):
    """Parameters of ``benchmarks/planning``."""

    jobs: int = Field(ge=10)
    growth: float = Field(gt=0)
    shapes: list[str] = Field(min_length=1)


class KernelMemoryConfig(_Measured):
    """Parameters of ``benchmarks/kernel_memory``."""

    kernels: int = Field(ge=1)
    modules: list[str] = Field(min_length=1)


class KeyMatchingConfig(_Measured):
    """Parameters of ``benchmarks/key_matching``."""

    layers: int = Field(ge=1)
    width: int = Field(ge=2)
    seed: int = Field(ge=0)


class GenerationSpeedConfig(_Measured):
    """Parameters of ``benchmarks/generation_speed``."""

    checkpoints: str = Field(min_length=1)
    duration: float = Field(ge=0.2)
    cpu_memory: str = Field(min_length=1)
    offload_bar: float = Field(gt=0)


class ModelLoadingConfig(_Measured):
    """Parameters of ``benchmarks/model_loading``."""

    checkpoints: str = Field(min_length=1)
    dtype: str = Field(pattern="^(float32|float16|bfloat16)$")
    cpu_memory: str = Field(min_length=1)


class RunKillsConfig(_Config):
    """Parameters of ``benchmarks/run_kills``."""

    kills: int = Field(ge=1)
    slots: int = Field(ge=1)
    short: int = Field(ge=1)
    long: int = Field(ge=0)
    seconds: float = Field(gt=0)
    patience: float = Field(gt=0)
    seed: int = Field(ge=0)


class ResumeMatrixConfig(_Config):
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


class LanguageSpeedConfig(_Measured):
    """Parameters of ``benchmarks/language_speed``."""

    steps: int = Field(ge=10)
    nanogpt: str
    nanogpt_steps: int = Field(ge=10)


class SpeechRowsConfig(_Config):
    """Parameters of ``benchmarks/speech_rows``."""

    rounds: int = Field(ge=1)
    project: str = Field(min_length=1)
    share: float = Field(gt=0)
    extra: float = Field(ge=0)
    notice: float = Field(gt=0)


class SpeechKillsConfig(_Config):
    """Parameters of ``benchmarks/speech_kills``."""

    project: str = Field(min_length=1)
    kills: int = Field(ge=1)
    slots: int = Field(ge=1)
    latest: float = Field(gt=0)
    patience: float = Field(gt=0)
    seed: int = Field(ge=0)


class TrainingKillsConfig(_Config):
    """Parameters of ``benchmarks/training_kills``."""

    interruptions: int = Field(ge=3)
    steps: int = Field(ge=2)
    checkpoint_every: int = Field(ge=1)
    slots: int = Field(ge=1)
    seed: int = Field(ge=0)


class TrainingSpeedConfig(_Measured):
    """Parameters of ``benchmarks/training_speed``."""

    config_file: str = Field(min_length=1)
    steps: int = Field(ge=10)
    batch: int = Field(ge=1)
    precision: str = Field(pattern="^(no|fp16|bf16)$")


class CheckpointSavingConfig(_Measured):
    """Parameters of ``benchmarks/checkpoint_saving``."""

    parameters: int = Field(ge=4000000)
    step_seconds: float = Field(gt=0)
    steps: int = Field(ge=1)
    interval: int = Field(ge=1)
    stall_bar: float = Field(gt=0)


class LargeReportConfig(_Config):
    """Parameters of ``benchmarks/large_report``."""

    jobs: int = Field(ge=1)
    rounds: int = Field(ge=1)
    build_bar: float = Field(gt=0)
    paint_bar: float = Field(gt=0)
    act_bar: float = Field(gt=0)
    bytes_bar: float = Field(gt=0)


class ManyReviewersConfig(_Config):
    """Parameters of ``benchmarks/many_reviewers``."""

    reviewers: int = Field(ge=1)
    answers: int = Field(ge=1)
    kills: int = Field(ge=0)
    jobs: int = Field(ge=1)
    seed: int = Field(ge=0)


class ApiCallsConfig(_Measured):
    """Parameters of ``benchmarks/api_calls``."""

    calls: int = Field(ge=1)
    first_event: float = Field(ge=0)
    requests: int = Field(ge=1)
    limit: int = Field(ge=1)
    seconds: float = Field(gt=0)
    litellm_calls: int = Field(ge=0)
    first_event_bar: float = Field(gt=0)
    schedule_bar: float = Field(gt=0)


RUNBOOKS: dict[str, type[BaseModel]] = {
    "api_calls": ApiCallsConfig,
    "checkpoint_saving": CheckpointSavingConfig,
    "chunk_cutting": ChunkCuttingConfig,
    "cluster_runs": ClusterRunsConfig,
    "film_encoding": FilmEncodingConfig,
    "generation_speed": GenerationSpeedConfig,
    "heavy_imports": HeavyImportsConfig,
    "kernel_memory": KernelMemoryConfig,
    "key_matching": KeyMatchingConfig,
    "language_saving": LanguageSavingConfig,
    "language_speed": LanguageSpeedConfig,
    "large_report": LargeReportConfig,
    "many_jobs": ManyJobsConfig,
    "many_notebooks": ManyNotebooksConfig,
    "many_reviewers": ManyReviewersConfig,
    "model_loading": ModelLoadingConfig,
    "model_types": ModelTypesConfig,
    "notebook_saving": NotebookSavingConfig,
    "speech_kills": SpeechKillsConfig,
    "speech_rows": SpeechRowsConfig,
    "planning": PlanningConfig,
    "resume_matrix": ResumeMatrixConfig,
    "run_kills": RunKillsConfig,
    "start_up": StartUpConfig,
    "tiny_suite": TinySuiteConfig,
    "training_kills": TrainingKillsConfig,
    "training_speed": TrainingSpeedConfig,
    "trivial_notebook": TrivialNotebookConfig,
    "warm_attach": WarmAttachConfig,
}
