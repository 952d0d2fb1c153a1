"""What a job declares that it occupies; read from profiles, kept in the plan of a run."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["Resources"]


class Resources(BaseModel):
    """What a job occupies while it runs; never more is in use than the machine has."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    cpus: int | None = Field(None, ge=1, strict=True)
    """Whole CPUs, and the threads of its numeric libraries; None is one slot's share of them."""
    gpus: float = Field(0.0, ge=0, allow_inf_nan=False, strict=True)
    """Whole GPUs for this job alone, or below 1: a share of one that others may use too."""
    memory_gb: float = Field(0.0, ge=0, allow_inf_nan=False, strict=True)
    """Memory, in GiB."""

    @property
    def declared(self) -> bool:
        """Whether anything is asked for."""
        return self.cpus is not None or self.gpus > 0 or self.memory_gb > 0

    @field_validator("gpus")
    @classmethod
    def _whole_or_share(cls, gpus: float) -> float:
        if gpus > 1 and not gpus.is_integer():
            raise ValueError(f"must be a whole number, or below 1 for a share, found {gpus:g}")
        return gpus

    def over(self, defaults: Resources) -> Resources:
        """Return these resources, with ``defaults`` for what was not set here."""
        return defaults.model_copy(update=self.model_dump(exclude_unset=True))
