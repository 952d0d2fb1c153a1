"""The steps of a trainer that tells none: those of the checkpoints that it writes.

They say nothing of losses, and nothing between two checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from proofbook_systems.training.layouts import find_checkpoints

__all__ = ["SavedSteps"]


@dataclass(kw_only=True)
class SavedSteps:
    """Sees the checkpoints of one start: those that were there before it are left out."""

    output: Path
    pattern: str = ""
    """Of their places in the output folder; empty recognises them."""
    _before: frozenset[int] = frozenset()
    _seen: set[int] = field(default_factory=set)

    def begin(self) -> None:
        """Note which are there already."""
        self._before = frozenset(self._listed())

    def look(self) -> list[int]:
        """Return the steps of those that were seen since, in order, removed ones included."""
        self._seen |= self._listed() - self._before
        return sorted(self._seen)

    def _listed(self) -> set[int]:
        return {each.step for each in find_checkpoints(self.output, self.pattern) if each.step > 0}
