"""The parameters of the MusicGen runbooks.

Imports pydantic alone, so that a profile is validated without torch. Field names, types and
defaults equal those of each runbook's parameters cell.
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

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str = Field(default="reference:small", min_length=1)
    """``reference:small``, ``reference:medium``, a folder, or a hub id."""
    prompt: str = Field(default="a short grand piano jazz improvisation", min_length=1)
    """What the clip should sound like."""
    prompts: list[str] = []
    """Further prompts, generated in the same batch."""
    takes: int = Field(default=1, ge=1, le=64)
    """Clips for each prompt, all in one batch."""
    duration: float = Field(default=2.0, ge=0.2, le=600)
    """Seconds of audio."""
    tolerance: float = Field(default=0.1, ge=0)
    """Seconds by which the clip may be longer or shorter."""
    quietest: float = -50.0
    """dBFS that each clip must reach."""
    most_silence: float = Field(default=0.5, ge=0, le=1)
    """Share of each clip that may be silent."""
    seed: int = Field(default=7, ge=0, lt=2**63)
    """The same seed gives the same clip."""
    guidance_scale: float = Field(default=3.0, ge=1)
    """How strictly the prompt is followed; 1 turns guidance off."""
    top_k: int = Field(default=250, ge=0)
    """Sample among this many likeliest tokens; 0 samples among all."""
    temperature: float = Field(default=1.0, gt=0)
    """Below 1 is more predictable, above 1 is wilder."""
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")
    """``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``."""
    output_dir: str = ""
    """Folder for the clip and the log; empty is the job's folder."""


class PreloadConfig(BaseModel):
    """Parameters of ``musicgen/preload``."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    models: dict[str, str] = Field(
        default={
            "small": "reference:small",
            "medium": "reference:medium",
            "large": "reference:large/pair",
        },
        min_length=1,
    )
    """Short key to source: ``reference:…``, a folder, an address, a hub id, or empty for the
    manifest's, else the published one of that size."""
    cache_dir: str = "fresh"
    """Folder of the cache; ``fresh`` is a new one that goes at the end; empty is
    ``AUDIOCRAFT_CACHE_DIR``, else Proofbook's own."""
    manifest: str = ""
    """``models_manifest.json``; empty is the one in the cache."""
    project: str = ""
    """Folder that relative paths of cache, manifest and container start from; empty is the current
    one."""
    mirror: str = ""
    """Address or folder under which hub ids are looked for."""
    offline: bool = False
    """Whether to leave the network alone."""
    dockerfile: str = ""
    """Dockerfile of the image to preload in; empty uses none."""
    build_context: str = ""
    """Folder that the build sees; empty is the Dockerfile's."""
    image: str = Field(default="audiocraft:large.community", min_length=1)
    """Name of the image to build."""
    fallback_image: str = ""
    """Published image that stands in when the build fails."""
    engine: str = Field(default="auto", min_length=1)
    """``docker``, ``podman``, or ``auto`` for the first that answers."""
    container_command: list[str] = []
    """What preloads inside the container."""
    container_mounts: dict[str, str] = {}
    """Folder here to place inside."""
    container_environment: dict[str, str] = {}
    """Variables for what preloads inside."""
    gpus: bool = False
    """Whether the container gets the GPUs."""
    container_timeout: float = Field(default=7200.0, gt=0)
    """Seconds that building, and then preloading inside, may take."""


class MappingSettings(BaseModel):
    """What the runbooks on audiocraft's checkpoints have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    checkpoints: str = Field(default="reference:tiny/pair", min_length=1)
    """``reference:<size>/<form>``, a folder with audiocraft's two files, or a hub id."""
    text_encoder: str = ""
    """T5 as a folder or a hub id; empty is what is next to the checkpoints."""
    proposed_threshold: float = Field(default=0.85, ge=0, le=1)
    """Score from which an unambiguous proposal is applied."""
    apply_proposed: str = Field(default="auto", pattern=r"^(auto|yes|no)$")
    """``yes``, ``no``, or ``auto``: as ``APPLY_PROPOSED`` says, else yes."""
    apply_mapping: str = ""
    """JSON file of parameter to key, applied before anything else."""
    allow_unfilled: list[str] = Field(default=[])
    """Patterns of parameters that may be without a source."""
    seed: int = Field(default=7, ge=0, lt=2**63)
    """The same seed gives the same clip."""
    output_dir: str = ""
    """Folder for clips, logs and debug files; empty is the job's folder."""


class KeyMappingConfig(MappingSettings):
    """Parameters of ``musicgen/key_mapping``."""

    original_output: str = ""
    """What the original computed, as safetensors; empty is what is next to the checkpoints."""
    dry_run: bool = False
    """Propose and write the debug files, but apply nothing."""
    save_applied: bool = True
    """Write what was applied as a mapping file."""
    duration: float = Field(default=0.5, ge=0.2, le=60)
    """Seconds of audio for the comparison of two loads."""


class LargeOffloadConfig(MappingSettings):
    """Parameters of ``musicgen/large_offload``."""

    checkpoints: str = Field(default="reference:large/pair", min_length=1)
    """``reference:<size>/<form>``, a folder with audiocraft's two files, or a hub id."""
    cpu_memory: str = Field(default="50%", min_length=1)
    """Budget for weights in memory: 4GiB, or a share of the model."""
    gpu_memory: str = Field(default="0", min_length=1)
    """Budget on each GPU; 0 uses none."""
    force_cpu_codec: str = Field(default="auto", pattern=r"^(auto|yes|no)$")
    """``yes``, ``no``, or ``auto``: as ``FORCE_CPU_COMP`` says, else yes."""
    dtype: str = Field(default="float32", pattern=r"^(float32|float16|bfloat16)$")
    """Number format of the weights."""
    prompt: str = Field(default="a slow soft piano song", min_length=1)
    """What the clip should sound like, where no file says so."""
    prompt_file: str = ""
    """JSON file with lyrics and style metadata."""
    duration: float = Field(default=1.0, ge=0.2, le=600)
    """Seconds of audio."""
    tolerance: float = Field(default=0.1, ge=0)
    """Seconds by which the clip may be longer or shorter."""
    quietest: float = -50.0
    """dBFS that the clip must reach."""
    most_silence: float = Field(default=0.5, ge=0, le=1)
    """Share of the clip that may be silent."""
    warmup: float = Field(default=0.2, ge=0, le=60)
    """Seconds of audio generated first and thrown away; 0 is none."""
    compare_whole: bool = True
    """Also generate with the whole model in memory, and compare the tokens."""
    offload_dir: str = ""
    """Folder for weights that cannot stay in the model's own files; empty is the clip's folder."""
    num_threads: int = Field(default=0, ge=0)
    """Threads that compute; 0 leaves it to torch."""


RUNBOOKS: dict[str, type[BaseModel]] = {
    "generate": GenerateConfig,
    "key_mapping": KeyMappingConfig,
    "large_offload": LargeOffloadConfig,
    "preload": PreloadConfig,
}
