"""The parameters of the MusicGen runbooks.

Imports pydantic alone, so that a profile is validated without torch. Field names, types and
defaults equal those of each runbook's parameters cell.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RUNBOOKS", "GenerateConfig"]


class GenerateConfig(BaseModel):
    """Parameters of ``musicgen/generate``."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str = Field(default="reference:small", min_length=1)
    """``reference:small``, ``reference:medium``, a folder, or a hub id."""
    prompt: str = Field(default="a short grand piano jazz improvisation", min_length=1)
    """What the clip should sound like."""
    duration: float = Field(default=2.0, ge=0.2, le=600)
    """Seconds of audio."""
    tolerance: float = Field(default=0.1, ge=0)
    """Seconds by which the clip may be longer or shorter."""
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
    """Folder for the clip and the log; empty is beside the records."""


RUNBOOKS: dict[str, type[BaseModel]] = {"generate": GenerateConfig}
