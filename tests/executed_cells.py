"""A runbook whose code cells were executed in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook.records import AnyRecord, Check

RUNBOOKS = Path(__file__).parents[1] / "runbooks"


@dataclass(frozen=True, kw_only=True)
class Executed:
    """What a runbook left, and the exception that ended it."""

    folder: Path
    records: list[AnyRecord]
    error: Exception | None
    names: dict[str, Any]

    @property
    def checks(self) -> dict[str, Check]:
        """The checks made, by name."""
        return {r.name: r for r in self.records if isinstance(r, Check)}

    @property
    def red(self) -> list[str]:
        """Names of the checks that did not pass and were not skipped."""
        return [n for n, c in self.checks.items() if c.status in ("failed", "error")]


def code_cells(runbook: str) -> list[tuple[str, str, list[str]]]:
    """Return (id, source, tags) of each code cell."""
    notebook = json.loads((RUNBOOKS / f"{runbook}.ipynb").read_text())
    return [
        (cell["id"], "".join(cell["source"]), cell["metadata"].get("tags", []))
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]
