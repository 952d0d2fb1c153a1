"""What the tests on the frozen server share: the matrix, the time a row has, what a run left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from proofbook.notebooks import read_runbook
from proofbook_systems.ttsserver.rows import RowResult

RUNBOOK = Path(__file__).parents[3] / "runbooks" / "ttsserver" / "binary_e2e.ipynb"
MATRIX = read_runbook(RUNBOOK).parameters["matrix"].default
TIMEOUT = 12.0
"""Seconds for a row: many times what one takes beside five others on a busy machine."""


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """What a run over some rows left."""

    results: list[RowResult]
    restarts: list[str]
    log: str

    @property
    def verdicts(self) -> dict[str, str]:
        """Each row's status by its name."""
        return {result.row.name: result.status for result in self.results}
