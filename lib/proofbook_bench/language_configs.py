"""Types and bounds of the parameters of the benchmarks of language-model trainings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

__all__ = [
    "ChunkCuttingConfig",
    "LanguageSavingConfig",
    "LanguageSpeedConfig",
    "ResumeMatrixConfig",
]

_MATRIX = {
    "cuts": ("first", "middle", "last", "next"),
    "kinds": ("plain", "accumulation", "random-data", "dropout"),
    "peers": ("torchdata", "hf_trainer"),
}
"""What a resume matrix is made of, by parameter."""


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChunkCuttingConfig(_Config):
    """Parameters of ``benchmarks/chunk_cutting``."""

    documents: int = Field(ge=10)
    length: int = Field(ge=2)
    batch: int = Field(ge=0)
    rounds: int = Field(ge=1)
    bar: float = Field(gt=0)


class LanguageSavingConfig(_Config):
    """Parameters of ``benchmarks/language_saving``."""

    width: int = Field(ge=4, multiple_of=4)
    rounds: int = Field(ge=1)
    bar: float = Field(gt=0)


class LanguageSpeedConfig(_Config):
    """Parameters of ``benchmarks/language_speed``."""

    rounds: int = Field(ge=1)
    steps: int = Field(ge=10)
    bar: float = Field(gt=0)
    nanogpt: str
    nanogpt_steps: int = Field(ge=10)


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
