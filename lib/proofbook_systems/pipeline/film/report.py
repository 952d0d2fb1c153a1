"""What was found out about a film."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from proofbook_systems.pipeline.findings import Finding

__all__ = ["FilmReport"]


@dataclass(frozen=True, kw_only=True)
class FilmReport:
    """Claims with what speaks against them, the cause first, and what was measured."""

    findings: list[Finding]
    """In an order in which no finding is the consequence of a later one."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """By name, with the unit as its last word: ``sync_ms``."""
    notes: tuple[str, ...] = ()
    """What was found out and taken as given: a title, a normalised loudness, whose limits hold."""
    offsets: Mapping[int, tuple[float, float | None]] = field(default_factory=dict)
    """For each line that was found: ms by which its sound and its picture are off the time-line."""

    @property
    def faults(self) -> list[str]:
        """All of them, each with the name of its claim."""
        return [f"{each.name}: {fault}" for each in self.findings for fault in each.faults]

    @property
    def cause(self) -> str:
        """The first finding that has a fault; empty where all is well."""
        return next((each.name for each in self.findings if each.faults), "")
