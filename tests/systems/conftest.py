"""Run a runbook's code cells in this process, so that a broken subject costs no kernel."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proofbook.records import AnyRecord, Check
from proofbook.runs.folder import read_records

RUNBOOKS = Path(__file__).parents[2] / "runbooks"


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


@pytest.fixture
def run_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Executed]:
    """Return a function that executes a runbook's cells with parameters.

    ``after`` maps a cell's id to a function that gets the namespace once that cell has run.
    """
    folder = tmp_path / "job"

    def run(
        runbook: str,
        after: Mapping[str, Callable[[dict[str, Any]], object]] | None = None,
        **parameters: object,
    ) -> Executed:
        monkeypatch.setenv("PROOFBOOK_JOB_FOLDER", str(folder))
        monkeypatch.setenv("PROOFBOOK_MEDIA_FOLDER", str(tmp_path / "media"))
        names: dict[str, Any] = {}
        error = None
        try:
            for cell, source, tags in code_cells(runbook):
                exec(compile(source, f"{runbook}:{cell}", "exec"), names)
                names.update(parameters if "parameters" in tags else {})
                (after or {}).get(cell, len)(names)
        except Exception as raised:  # noqa: BLE001 - how it ended is what a test asks
            error = raised
        records, unreadable = read_records(folder / "records.jsonl")
        assert unreadable == 0
        return Executed(folder=folder, records=records, error=error, names=names)

    return run
