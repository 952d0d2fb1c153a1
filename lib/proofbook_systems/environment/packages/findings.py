"""What was found of one side of an environment."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One side: nothing is wrong with it, some things are, or nothing can be said of it."""

    name: str
    why: str
    """What breaks for whom."""
    issues: tuple[str, ...] = ()
    """What is wrong, the gravest first, in sentences that name file and line."""
    unjudged: str = ""
    """Why nothing can be said."""
