"""The seven engines as data: sizes, languages, voices, and what a model's file says.

A model's file holds the settings that the synthesis really uses, so that ten models sound
different. Knows nothing about the synthesis.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

__all__ = ["ENGINES", "MODELS", "OTHER_MODELS", "Engine", "Model", "VoiceSettings", "find_model"]

_ENGLISH = ("en",)
_MANY = ("en", "de", "es", "fr", "it", "pt")


@dataclass(frozen=True, kw_only=True)
class VoiceSettings:
    """How a model sounds."""

    variant: str
    """Timbre, as eSpeak NG names it."""
    pitch: int
    """0 to 99."""
    speed: int
    """Words a minute."""
    rate: int
    """Hz."""
    work_seconds: float
    """What a generation takes beyond the synthesis, in place of a large network's computation."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """One engine in one size."""

    name: str
    engine: str
    size: str
    languages: tuple[str, ...]
    settings: VoiceSettings

    @property
    def content(self) -> bytes:
        """What its file holds."""
        return json.dumps({"model": self.name, **asdict(self.settings)}, indent=1).encode()


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What a profile must have to speak with it."""

    presets: tuple[str, ...]
    """Ids of its preset voices; an engine without them clones."""


ENGINES = {
    "qwen": Engine(presets=()),
    "qwen_custom_voice": Engine(presets=("Ryan", "Vivian", "Serena")),
    "luxtts": Engine(presets=()),
    "chatterbox": Engine(presets=()),
    "chatterbox_turbo": Engine(presets=()),
    "tada": Engine(presets=()),
    "kokoro": Engine(presets=("af_heart", "am_adam", "bf_emma")),
}


def _model(
    name: str, engine: str, size: str, languages: tuple[str, ...], *settings: object
) -> Model:
    fields = ("variant", "pitch", "speed", "rate", "work_seconds")
    return Model(
        name=name,
        engine=engine,
        size=size,
        languages=languages,
        settings=VoiceSettings(**dict(zip(fields, settings, strict=True))),  # type: ignore[arg-type]
    )


MODELS = [
    _model("qwen-tts-1.7B", "qwen", "1.7B", _MANY, "m3", 45, 165, 24000, 0.5),
    _model("qwen-tts-0.6B", "qwen", "0.6B", _MANY, "m3", 52, 180, 24000, 0.3),
    _model("qwen-custom-voice-1.7B", "qwen_custom_voice", "1.7B", _MANY, "m7", 40, 160, 24000, 0.5),
    _model("qwen-custom-voice-0.6B", "qwen_custom_voice", "0.6B", _MANY, "m7", 46, 175, 24000, 0.3),
    _model("luxtts", "luxtts", "", _ENGLISH, "f2", 55, 170, 48000, 0.2),
    _model("chatterbox-tts", "chatterbox", "", _MANY, "m1", 50, 155, 24000, 0.4),
    _model("chatterbox-turbo", "chatterbox_turbo", "", _ENGLISH, "m2", 58, 190, 24000, 0.2),
    _model("tada-1b", "tada", "1B", _ENGLISH, "f4", 50, 160, 24000, 0.4),
    _model("tada-3b-ml", "tada", "3B", _MANY, "f4", 42, 150, 24000, 0.6),
    _model("kokoro", "kokoro", "", _MANY, "f3", 62, 170, 24000, 0.2),
]

OTHER_MODELS = ["whisper-base", "llm-small"]
"""Listed, as the real server lists them, but of no use for speech."""


def find_model(engine: str, size: str | None) -> Model | None:
    """Return the model of an engine and size; without a size, that of its first."""
    for model in MODELS:
        if model.engine == engine and (model.size == size or not size):
            return model
    return None
