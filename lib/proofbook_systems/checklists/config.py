"""Types and bounds of the parameters of the checklists.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RUNBOOKS", "PostingConfig", "QualityConfig", "ReleaseConfig"]

_FEATURES = [
    "The DreamBooth model is trained, if there is one", "Animation works, if it is used",
    "ComfyUI is integrated, if it is used", "A dry run of posting succeeded",
]  # fmt: skip
_DOCUMENTS = [
    "The README is up to date", "API keys are documented", "Common issues are documented",
    "The setup guide is accurate",
]  # fmt: skip


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class QualityConfig(_Config):
    """Parameters of ``checklists/quality``."""

    video: str = Field(min_length=1)
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    drift: float = Field(ge=0)
    quietest: float
    most_silence: float = Field(ge=0, le=1)
    audio_limits: dict[str, float]
    longest_still: float = Field(gt=0)
    black_share: float = Field(ge=0, le=1)
    reviewer_role: str


class PostingConfig(_Config):
    """Parameters of ``checklists/posting``."""

    video: str = Field(min_length=1)
    caption: str = Field(min_length=1)
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    longest: float = Field(gt=0)
    largest: float = Field(gt=0)
    quietest: float
    most_silence: float = Field(ge=0, le=1)
    caption_length: int = Field(ge=1)
    hashtags: int = Field(ge=0)
    posted: bool


class ReleaseConfig(_Config):
    """Parameters of ``checklists/release``."""

    project: str
    folders: list[str]
    keys: list[str]
    disk_gb: float = Field(ge=0)
    sections: dict[str, list[str]]
    reviewer_role: str


RUNBOOKS: dict[str, type[BaseModel]] = {
    "posting": PostingConfig,
    "quality": QualityConfig,
    "release": ReleaseConfig,
}
