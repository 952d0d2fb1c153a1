"""What a film shows until when: one cue a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from proofbook_subjects.pipeline.timelines import Plan

__all__ = ["Cue", "cues_of"]


@dataclass(frozen=True, kw_only=True)
class Cue:
    """A picture with its words, and when it ends."""

    number: int
    image: Path | None
    """None is black."""
    speaker: str
    text: str
    until: float


def cues_of(plan: Plan) -> Iterator[Cue]:
    """Yield a cue for each line of a plan."""
    for shot in plan.shots:
        yield Cue(
            number=shot.line.number, image=shot.image, speaker=shot.line.character,
            text=shot.line.text, until=shot.start + shot.duration,
        )  # fmt: skip
