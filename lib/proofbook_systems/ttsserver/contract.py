"""What is asked of a server, and what it answers of a generation, whatever its own words are.

``status`` of a generation: what the server says until it is ``completed`` or ``failed``;
``not_found`` where the server does not know it. Fields beyond these are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue

from proofbook_systems.ttsserver.contract_files import Job

__all__ = [
    "TERMINAL",
    "HistoryEntry",
    "ProfileRequest",
    "SpeechRequest",
    "StatusEvent",
    "read_status",
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


class StatusEvent(_Answer):
    """What is told of a generation once."""

    status: str
    duration: float | None = None
    """Seconds of audio, once it is completed."""
    error: Reason = None

    @property
    def terminal(self) -> bool:
        """Whether no further event follows."""
        return self.status in TERMINAL


class HistoryEntry(StatusEvent):
    """What a server has kept of a generation, with times where it tells them."""

    started_at: object = None
    """When the server began with it; in any form."""
    completed_at: Time = None
    """Seconds since the epoch."""
    generation_seconds: Time = None
    """What the server itself says it took."""


class ProfileRequest(BaseModel):
    """A voice that is created before it speaks."""

    name: str
    voice_type: str
    language: str
    preset_engine: str | None = None
    preset_voice_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class SpeechRequest:
    """What is to be said, and how."""

    text: str
    voice: str = ""
    """Empty is the server's own choice, as everywhere below."""
    language: str = ""
    model: str = ""
    model_size: str = ""
    seed: int | None = None
    normalize: bool | None = None
    speed: float | None = None
    """1 is the usual speed, 2 twice as fast."""
    profile: str = ""
    """A voice that was created before."""
    key: str = ""
    """What the server asks for before it speaks."""

    def values(self) -> dict[str, JsonValue]:
        """Return the placeholders that have a value, and those of a contract's own that have none.

        ``length_scale`` is how much longer than usual the speech lasts.
        """
        slowness = None if self.speed is None else round(1 / self.speed, 4)
        values: dict[str, JsonValue] = {
            "voice": self.voice, "language": self.language, "model_size": self.model_size,
            "engine": self.model, "seed": self.seed, "normalize": self.normalize,
            "speed": self.speed, "length_scale": slowness, "profile": self.profile,
            "key": self.key,
        }  # fmt: skip
        filled = {name: None if value == "" else value for name, value in values.items()}
        own: dict[str, JsonValue] = {"model": self.model} if self.model else {}
        return {**filled, **own, "text": self.text}


_Status = TypeVar("_Status", bound=StatusEvent)


def read_status(value: object, job: Job, model: type[_Status]) -> _Status:
    """Return what a server says of a generation, in the words of this module.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, dict):
        raise ValueError("not an object")
    states = dict.fromkeys(job.completed, "completed") | dict.fromkeys(job.failed, "failed")
    states |= dict.fromkeys(job.unknown, "not_found")
    fields = {"duration": value.get(job.duration), "error": value.get(job.error)}
    if job.state in value:
        state = value[job.state]
        fields["status"] = states.get(state, state) if isinstance(state, str) else state
    return model.model_validate({**value, **fields})
