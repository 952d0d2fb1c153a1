"""What was found out about one claim. Knows nothing about checks: the notebook makes them of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["Finding", "blamed", "finding"]

_MOST = 12


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One claim, and what speaks against it."""

    name: str
    """Of the check: ``audio-plays``."""
    faults: list[str] = field(default_factory=list)
    """Empty where the claim holds; the first is the cause."""
    why: str
    """What breaks for whom where it does not hold."""
    untried: str = ""
    """Why nothing could be looked at; the claim then neither holds nor fails."""


def finding(name: str, faults: Iterable[str], *, why: str, untried: str = "") -> Finding:
    """Return a finding of at most a dozen faults; how many more there are is told.

    What could not be looked at has none.
    """
    listed = [] if untried else list(faults)
    if len(listed) > _MOST:
        listed = [*listed[:_MOST], f"and {len(listed) - _MOST} more"]
    return Finding(name=name, faults=listed, why=why, untried=untried)


def blamed(findings: Iterable[Finding]) -> list[str]:
    """Return the names of the findings that have faults."""
    return [each.name for each in findings if each.faults]
