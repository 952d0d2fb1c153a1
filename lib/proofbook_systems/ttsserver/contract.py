"""What the server reads and answers, as far as it is used here. Fields beyond these are left alone.

``status`` of a generation: ``loading_model``, ``generating``, then ``completed`` or ``failed``;
``not_found`` where the server does not know it.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "TERMINAL",
    "Generation",
    "GenerationRequest",
    "Health",
    "HistoryEntry",
    "ModelState",
    "ModelStates",
    "Profile",
    "ProfileRequest",
    "StatusEvent",
]

TERMINAL = ("completed", "failed", "not_found")
"""No further event follows one of these."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Health(_Answer):
    """``GET /health``."""

    status: str


class Profile(_Answer):
    """``POST /profiles``."""

    id: str = Field(min_length=1)


class ModelState(_Answer):
    """One model of ``GET /models/status``."""

    model_name: str
    downloaded: bool = False
    downloading: bool = False
    loaded: bool = False


class ModelStates(_Answer):
    """``GET /models/status``."""

    models: list[ModelState]


class Generation(_Answer):
    """``POST /generate``."""

    id: str = Field(min_length=1)
    status: str = ""


class StatusEvent(_Answer):
    """One event of ``GET /generate/{id}/status``."""

    status: str
    duration: float | None = None
    """Seconds of audio, once it is completed."""
    error: str | None = None

    @property
    def terminal(self) -> bool:
        """Whether no further event follows."""
        return self.status in TERMINAL


class HistoryEntry(StatusEvent):
    """``GET /history/{id}``: as the last event, with times where the server tells them."""

    completed_at: float | None = None
    """Seconds since the epoch."""
    generation_seconds: float | None = None
    """What the server itself says it took."""


class ProfileRequest(BaseModel):
    """Body of ``POST /profiles``."""

    name: str
    voice_type: str
    language: str
    preset_engine: str | None = None
    preset_voice_id: str | None = None


class GenerationRequest(BaseModel):
    """Body of ``POST /generate``."""

    model_config = ConfigDict(protected_namespaces=())

    profile_id: str
    text: str
    language: str
    engine: str
    model_size: str | None = None
    seed: int
    normalize: bool
