"""Types and bounds of the parameters of the DreamBooth runbooks.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RUNBOOKS", "InferenceConfig", "PicturesConfig", "ProgressionConfig"]


class PicturesConfig(BaseModel):
    """Parameters of ``dreambooth/pictures``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trained: str = Field(min_length=1)
    class_dir: str
    steps: int = Field(ge=1)
    validation_every: int = Field(ge=0)
    validation_images: int = Field(ge=0)
    validation_folders: str = Field(pattern=r"\*")
    class_images: int = Field(ge=0)
    info_file: str
    info_keys: list[str]
    info_steps_key: str


class ProgressionConfig(BaseModel):
    """Parameters of ``dreambooth/progression``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trained: str = Field(min_length=1)
    instance_dir: str
    least_gain: float


class InferenceConfig(BaseModel):
    """Parameters of ``dreambooth/inference``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trained: str = Field(min_length=1)
    instance_dir: str
    infer_command: list[str] = Field(min_length=1)
    environment: dict[str, str]
    character: str
    emotions: list[str] = Field(min_length=1)
    template: str = Field(min_length=1)
    number: int = Field(ge=2)
    seed: int = Field(ge=0)
    least_consistency: float = Field(ge=0, le=1)
    least_likeness: float = Field(ge=0, le=1)
    timeout: float = Field(gt=0)


RUNBOOKS: dict[str, type[BaseModel]] = {
    "inference": InferenceConfig,
    "pictures": PicturesConfig,
    "progression": ProgressionConfig,
}
