"""What the models are asked about a sound, and what they answer; as JSON between two processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Answer", "Observed", "Question", "Request"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """A sound, as it is or spoilt for a control, and what is to be found out about it."""

    name: str
    path: Path
    wants: tuple[str, ...]
    """Of ``speech``, ``speakers``, ``quality``."""
    texts: tuple[str, ...] = ()
    """Whose fit to the sound is asked for."""
    cut_start: float = 0.0
    """Seconds that are cut off where the speech begins, with the pause before it."""
    cut_end: float = 0.0
    """Seconds that are cut off where the speech ends, with the pause behind it."""
    noise: float | None = None
    """dB by which the speech is louder than white noise that is added; None adds none."""
    then: Path | None = None
    """A sound that is joined to its end."""
    is_silenced: bool = False


@dataclass(frozen=True, kw_only=True)
class Request:
    """All questions of a runbook: the models are loaded once."""

    questions: tuple[Question, ...]
    sentences: tuple[str, ...] = ()
    """Texts whose meaning is asked for."""
    threads: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Request:
        """Read it back."""
        questions = tuple(_question(each) for each in data["questions"])
        return cls(questions=questions, sentences=tuple(data["sentences"]), threads=data["threads"])


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What the models say of one sound."""

    seconds: float = 0.0
    speech_seconds: float = 0.0
    """Without its pauses."""
    transcript: str = ""
    totals: tuple[float, ...] = ()
    """Logarithm of the probability of each text; empty where untried."""
    tokens: tuple[int, ...] = ()
    """How many parts of words each text has, as the model counts them."""
    heard_total: float | None = None
    """The same of what was transcribed; None where nothing was, or the sound is too long."""
    voice: tuple[float, ...] = ()
    """Vector of length 1; empty where nobody is heard."""
    rating: float | None = None
    """Overall mean opinion score, 1 to 5."""
    error: str = ""
    """Why it could not be read."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """All that the models say."""

    sounds: Mapping[str, Observed] = field(default_factory=dict)
    """By the questions' names."""
    meanings: Sequence[tuple[float, ...]] = ()
    """One vector of length 1 for each sentence."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """What could not be asked, and why, by what the model is for."""
    told: tuple[str, ...] = ()
    """The weights that were used."""
    seconds: float = 0.0
    memory_mb: float = 0.0
    """The most that the models' process occupied."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Answer:
        """Read what the models' process wrote."""
        sounds = {name: _observed(each) for name, each in data["sounds"].items()}
        meanings = [tuple(each) for each in data["meanings"]]
        return cls(**{**data, "sounds": sounds, "meanings": meanings, "told": tuple(data["told"])})


def _question(data: Mapping[str, Any]) -> Question:
    read = {**data, "path": Path(data["path"]), "wants": tuple(data["wants"])}
    read["texts"] = tuple(data["texts"])
    read["then"] = None if data["then"] is None else Path(data["then"])
    return Question(**read)


def _observed(data: Mapping[str, Any]) -> Observed:
    lists = {name: tuple(data[name]) for name in ("totals", "tokens", "voice")}
    return Observed(**{**data, **lists})
