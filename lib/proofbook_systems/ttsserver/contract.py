"""What the server reads and answers, as far as it is used here. Fields beyond these are left alone.

``status`` of a generation: ``loading_model``, ``generating``, then ``completed`` or ``failed``;
``not_found`` where the server does not know it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

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


def _number(value: object) -> object:
    """Leave out a time in another form than seconds: nothing hangs on it."""
    return value if isinstance(value, int | float) else None


def _text(value: object) -> object:
    """Read a reason that is an object, or anything else, as text."""
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        return value["message"]
    return value if value is None or isinstance(value, str) else str(value)


Reason = Annotated[str | None, BeforeValidator(_text)]
Time = Annotated[float | None, BeforeValidator(_number)]


class _Answer(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", protected_namespaces=(), coerce_numbers_to_str=True
    )


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
    error: Reason = None

    @property
    def terminal(self) -> bool:
        """Whether no further event follows."""
        return self.status in TERMINAL


class HistoryEntry(StatusEvent):
    """``GET /history/{id}``: as the last event, with times where the server tells them."""

    started_at: object = None
    """When the server began with it; in any form."""
    completed_at: Time = None
    """Seconds since the epoch."""
    generation_seconds: Time = None
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
