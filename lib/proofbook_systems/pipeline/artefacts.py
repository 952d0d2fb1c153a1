"""What the stages of a pipeline leave, as data. Knows nothing about the forms of files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Line", "PlacedLine", "Script", "Selection", "Selections", "Timeline", "Trend"]


@dataclass(frozen=True, kw_only=True)
class Trend:
    """One topic that people talk about."""

    name: str
    score: float | None
    """How much; None where the row has none."""
    at: str
    """When it was seen, as the row has it."""
    source: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of dialogue."""

    number: int
    """From 1."""
    character: str
    text: str
    emotion: str


@dataclass(frozen=True, kw_only=True)
class Script:
    """A dialogue."""

    path: Path
    episode: str
    lines: tuple[Line, ...]
    metadata: Mapping[str, Any]
    topics: tuple[str, ...]
    """Topics that it says it is about."""
    form: str
    """Which keys were found: ``lines``, ``script`` or a project's own."""


@dataclass(frozen=True, kw_only=True)
class PlacedLine:
    """One line with its sound and its place in the film; times are seconds."""

    number: int
    """From 1."""
    character: str
    text: str
    emotion: str
    audio: Path
    start: float
    duration: float
    end: float


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """When each line is spoken."""

    path: Path
    episode: str
    total: float
    """Seconds."""
    lines: tuple[PlacedLine, ...]
    cut_from: Path | None = None
    """The one sound that all lines were cut out of; None where each has its own."""

    @property
    def has_sounds(self) -> bool:
        """Whether its lines name sounds; subtitles of a project that keeps none do not."""
        return any(line.audio != Path() for line in self.lines)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The image that is shown during one line."""

    number: int
    """From 1."""
    character: str
    emotion: str
    image: Path
    is_found: bool
    """What the pipeline says of itself; True where it says nothing."""


@dataclass(frozen=True, kw_only=True)
class Selections:
    """The images of a film."""

    path: Path
    selections: tuple[Selection, ...]
