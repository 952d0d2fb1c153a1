"""What the tests on the frozen server share: the matrix, the time a row has, what a run left."""

from __future__ import annotations

from dataclasses import dataclass

from proofbook_systems.ttsserver.config import BinaryE2EConfig
from proofbook_systems.ttsserver.rows import RowResult

MATRIX = BinaryE2EConfig().matrix
TIMEOUT = 4.0
"""Seconds for a row."""


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
