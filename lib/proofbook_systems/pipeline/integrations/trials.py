"""One run of a stage against an API: what was planned, what was called, what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from proofbook_systems.apis.faulty_server import Call
from proofbook_systems.pipeline.integrations.cases import Case
from proofbook_systems.pipeline.integrations.leftovers import Leftovers
from proofbook_systems.pipeline.integrations.services import Service
from proofbook_systems.pipeline.stages import StageRun
from proofbook_systems.pipeline.workspace import Workspace

__all__ = ["Terms", "Trial"]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is expected of every run."""

    retries: int
    """How often one request may be repeated."""
    fallback: bool
    """Whether a stage may do without the API, if it tells so."""
    patience: float
    """Seconds within which a stage ends by itself."""
    refresh_path: str
    publish_path: str


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was seen of one run of a stage."""

    service: Service
    case: Case | None
    """None where nothing was wrong."""
    workspace: Workspace = field(repr=False)
    run: StageRun
    calls: Sequence[Call] = field(repr=False)
    leftovers: Leftovers
    leaks: Sequence[str] = ()
    """Where the key was written."""
    peak: int = 0
    """The most calls in flight."""

    @property
    def costing(self) -> list[Call]:
        """The calls that cost something."""
        return [call for call in self.calls if call.method not in ("GET", "HEAD", "OPTIONS")]

    @property
    def right(self) -> list[Call]:
        """The calls that got a right answer."""
        says_right = self.case is None or (self.case.right == "either" and self.case.says is None)
        own = ("", "body") if self.service.answers_itself and says_right else ("", "delay")
        return [
            call
            for call in self.costing
            if call.fault in own and call.status is not None and call.status < 400
        ]
