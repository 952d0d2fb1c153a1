"""The parameters of the runbook on a text-to-speech server.

Imports pydantic alone, so that a profile is validated at once. Field names, types and defaults
equal those of the runbook's parameters cell.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RUNBOOKS", "BinaryE2EConfig"]


class BinaryE2EConfig(BaseModel):
    """Parameters of ``ttsserver/binary_e2e``."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    project: str = Field(default="reference:voicebox", min_length=1)
    """Folder of the server's sources, where ``backend/dist`` is looked for; or ``reference:…``."""
    binary: str = ""
    """Use this program instead of looking for one."""
    skip_build: bool = False
    """Fail where there is no program, instead of building one."""
    build_command: list[str] = []
    """Builds the program, in the project; empty runs ``backend/build_binary.py``."""
    build_timeout: float = Field(default=2400.0, gt=0)
    """Seconds that the build may take."""
    reference_wav: str = ""
    """Speech to clone, 2 to 30 s; empty is the project's ``reference_voice.wav``."""
    reference_text: str = ""
    """What is said in it; empty is what the ``.txt`` beside it says."""
    matrix: list[dict[str, str]] = Field(
        default=[
            {"engine": "qwen", "model_size": "1.7B", "voice": "cloned"},
            {"engine": "qwen", "model_size": "0.6B", "voice": "cloned"},
            {"engine": "qwen_custom_voice", "model_size": "1.7B", "voice": "Ryan"},
            {"engine": "qwen_custom_voice", "model_size": "0.6B", "voice": "Ryan"},
            {"engine": "luxtts", "voice": "cloned"},
            {"engine": "chatterbox", "voice": "cloned"},
            {"engine": "chatterbox_turbo", "voice": "cloned"},
            {"engine": "tada", "model_size": "1B", "voice": "cloned"},
            {"engine": "tada", "model_size": "3B", "voice": "cloned"},
            {"engine": "kokoro", "voice": "af_heart"},
        ],
        min_length=1,
    )
    """Rows: engine, model_size, voice (``cloned`` or a preset's id), language, model (its name)."""
    only: list[str] = []
    """Run only these engines."""
    skip: list[str] = []
    """Leave these engines out."""
    text: str = Field(default="The quick brown fox jumps over the lazy dog.", min_length=1)
    """What is said in every row."""
    language: str = Field(default="en", min_length=2)
    """Language of rows that do not name theirs."""
    seed: int = Field(default=42, ge=0, lt=2**63)
    """Sent with every row."""
    normalize: bool = True
    """Whether the server should even out the level."""
    duration_tolerance: float = Field(default=0.1, ge=0)
    """Seconds by which the audio may differ from what the server claims."""
    quietest: float = -50.0
    """dBFS that the audio must reach."""
    most_silence: float = Field(default=0.9, ge=0, le=1)
    """Share of the audio that may be silent."""
    timeout_health: float = Field(default=120.0, gt=0)
    """Seconds from launch to healthy."""
    timeout_cached: float = Field(default=180.0, gt=0)
    """Seconds for a row whose model is there."""
    timeout_download: float = Field(default=1200.0, gt=0)
    """Seconds for a row whose model has to be downloaded."""
    parent_death_bound: float = Field(default=10.0, gt=0)
    """Seconds within which the server ends when its parent has."""
    port: int = Field(default=0, ge=0, le=65535)
    """Port to listen on; 0 picks a free one."""
    keep_data_dir: bool = False
    """Leave the server's data folder where it is."""
    isolated_cache: bool = False
    """Start without any model, which downloads them all."""
    environment: dict[str, str] = {}
    """Further variables for the server."""
    output_dir: str = ""
    """Folder for results, audio and logs; empty is beside the records."""


RUNBOOKS: dict[str, type[BaseModel]] = {"binary_e2e": BinaryE2EConfig}
