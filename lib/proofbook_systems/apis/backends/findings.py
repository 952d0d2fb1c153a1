"""What was found out about one claim, in the words of the checklist's result files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["GROUPS", "Finding", "Group"]

Group = Literal["connection", "request", "queue", "retry", "specific"]
GROUPS: tuple[Group, ...] = ("connection", "request", "queue", "retry", "specific")
"""The checklist's five groups, in its order."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One claim about a client and a backend."""

    group: Group
    name: str
    why: str
    """What breaks for whom where the claim does not hold."""
    fault: str = ""
    """What was found instead; empty where the claim holds."""
    untried: str = ""
    """Why it could not be tried, as neither client nor server claims it; empty where it was."""

    @property
    def word(self) -> str:
        """``Success``, ``Failed: …`` or ``Not tried: …``."""
        if self.untried:
            return f"Not tried: {self.untried}"
        return f"Failed: {self.fault}" if self.fault else "Success"
