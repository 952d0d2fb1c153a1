"""The parameters of the checklists.

Imports pydantic alone. Field names, types and defaults equal those of each runbook's parameters
cell.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RUNBOOKS", "PostingConfig", "QualityConfig", "ReleaseConfig"]

_PIPELINE = [
    "Trending topics can be fetched", "Scripts can be generated from trends",
    "Audio can be generated for both characters", "Images can be selected or generated",
    "The final video can be assembled", "The video plays correctly", "The audio quality is good",
]  # fmt: skip
_FEATURES = [
    "The DreamBooth model is trained, if there is one", "Animation works, if it is used",
    "ComfyUI is integrated, if it is used", "A dry run of posting succeeded",
]  # fmt: skip
_SECURITY = [
    "Input is validated", "Paths outside of the project are refused", "Rates are limited",
    "Errors are handled gracefully", "Logs say enough",
]  # fmt: skip
_DOCUMENTS = [
    "The README is up to date", "API keys are documented", "Common issues are documented",
    "The setup guide is accurate",
]  # fmt: skip


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class QualityConfig(_Config):
    """Parameters of ``checklists/quality``."""

    video: str = Field(default="reference:clip", min_length=1)
    """The film, or ``reference:clip``."""
    width: int = Field(default=1080, ge=1)
    """Pixels; with the height it gives the aspect ratio."""
    height: int = Field(default=1920, ge=1)
    """Pixels."""
    drift: float = Field(default=0.5, ge=0)
    """Seconds by which sound and pictures may differ in length."""
    quietest: float = -45.0
    """dBFS that the sound must reach."""
    most_silence: float = Field(default=0.9, ge=0, le=1)
    """Share of the sound that may be silent."""
    longest_still: float = Field(default=10.0, gt=0)
    """Seconds for which one picture may stand."""
    black_share: float = Field(default=0.1, ge=0, le=1)
    """Part of the pictures that may be black."""
    reviewer_role: str = ""
    """Who must answer; empty is anyone."""


class PostingConfig(_Config):
    """Parameters of ``checklists/posting``."""

    video: str = Field(default="reference:clip", min_length=1)
    """The film, or ``reference:clip``."""
    caption: str = Field(default="reference:caption", min_length=1)
    """Text file with the caption, or ``reference:caption``."""
    width: int = Field(default=1080, ge=1)
    """Pixels that the film must have."""
    height: int = Field(default=1920, ge=1)
    """Pixels that the film must have."""
    longest: float = Field(default=90.0, gt=0)
    """Seconds that the film may last."""
    largest: float = Field(default=100.0, gt=0)
    """MB that the file may have."""
    quietest: float = -45.0
    """dBFS that the sound must reach."""
    most_silence: float = Field(default=0.9, ge=0, le=1)
    """Share of the sound that may be silent."""
    caption_length: int = Field(default=2200, ge=1)
    """Characters that the caption may have."""
    hashtags: int = Field(default=30, ge=0)
    """How many hashtags it may have."""
    posted: bool = False
    """Whether it was posted: then that is asked about, too."""


class ReleaseConfig(_Config):
    """Parameters of ``checklists/release``."""

    project: str = "."
    """Folder that relative paths start from."""
    folders: list[str] = []
    """What must be there and writable."""
    keys: list[str] = []
    """Environment variables that must be set; values are never shown."""
    disk_gb: float = Field(default=1.0, ge=0)
    """GiB that must be free."""
    sections: dict[str, list[str]] = {
        "core pipeline": _PIPELINE,
        "advanced features": _FEATURES,
        "security and validation": _SECURITY,
        "documentation": _DOCUMENTS,
    }
    """What a person confirms, by section."""
    reviewer_role: str = ""
    """Who must answer; empty is anyone."""


RUNBOOKS: dict[str, type[BaseModel]] = {
    "posting": PostingConfig,
    "quality": QualityConfig,
    "release": ReleaseConfig,
}
