"""Types and bounds of the parameters of the MusicGen runbooks.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "RUNBOOKS",
    "GenerateConfig",
    "KeyMappingConfig",
    "LargeOffloadConfig",
    "MappingSettings",
    "PreloadConfig",
]


class GenerateConfig(BaseModel):
    """Parameters of ``musicgen/generate``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    prompts: list[str]
    takes: int = Field(ge=1, le=64)
    duration: float = Field(ge=0.2, le=600)
    tolerance: float = Field(ge=0)
    quietest: float
    most_silence: float = Field(ge=0, le=1)
    audio_limits: dict[str, float]
    seed: int = Field(ge=0, lt=2**63)
    guidance_scale: float = Field(ge=1)
    top_k: int = Field(ge=0)
    temperature: float = Field(gt=0)
    device: str = Field(pattern="^(auto|cpu|cuda(:\\d+)?|mps)$")
    output_dir: str


class PreloadConfig(BaseModel):
    """Parameters of ``musicgen/preload``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: dict[str, str] = Field(min_length=1)
    cache_dir: str
    manifest: str
    project: str
    mirror: str
    offline: bool
    dockerfile: str = Field(json_schema_extra={"subject": True})
    build_context: str
    image: str = Field(min_length=1)
    fallback_image: str
    engine: str = Field(min_length=1)
    container_command: list[str]
    container_mounts: dict[str, str]
    container_environment: dict[str, str]
    gpus: bool
    container_timeout: float = Field(gt=0)


class MappingSettings(BaseModel):
    """What the runbooks on audiocraft's checkpoints have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoints: str = Field(min_length=1)
    text_encoder: str
    proposed_threshold: float = Field(ge=0, le=1)
    apply_proposed: str = Field(pattern="^(auto|yes|no)$")
    apply_mapping: str
    allow_unfilled: list[str]
    allow_unused: list[str]
    seed: int = Field(ge=0, lt=2**63)
    output_dir: str


class KeyMappingConfig(MappingSettings):
    """Parameters of ``musicgen/key_mapping``."""

    original_output: str
    dry_run: bool
    save_applied: bool
    duration: float = Field(ge=0.2, le=60)


class LargeOffloadConfig(MappingSettings):
    """Parameters of ``musicgen/large_offload``."""

    checkpoints: str = Field(min_length=1)
    cpu_memory: str = Field(min_length=1)
    gpu_memory: str = Field(min_length=1)
    force_cpu_codec: str = Field(pattern="^(auto|yes|no)$")
    dtype: str = Field(pattern="^(float32|float16|bfloat16)$")
    prompt: str = Field(min_length=1)
    prompt_file: str
    duration: float = Field(ge=0.2, le=600)
    tolerance: float = Field(ge=0)
    quietest: float
    most_silence: float = Field(ge=0, le=1)
    warmup: float = Field(ge=0, le=60)
    compare_whole: bool
    offload_dir: str
    num_threads: int = Field(ge=0)


RUNBOOKS: dict[str, type[BaseModel]] = {
    "generate": GenerateConfig,
    "key_mapping": KeyMappingConfig,
    "large_offload": LargeOffloadConfig,
    "preload": PreloadConfig,
}
