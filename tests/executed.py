"""Write executed notebooks as the runner saves them, without executing anything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from proofbook.records import AnyRecord, Begin, CellState, Finish
from proofbook.runs.glued import SCRAP

BEGIN, FINISH = Begin(runbook="demo/one"), Finish(counts={"begin": 1})


def output_of(ename: str, evalue: str = "it broke") -> dict[str, Any]:
    """Return the output of a cell that raised."""
    trace = ["\x1b[31mTraceback\x1b[0m", f"{ename}: {evalue}"]
    return {"output_type": "error", "ename": ename, "evalue": evalue, "traceback": trace}


def cell_of(id: str, status: str = "completed", **fields: Any) -> dict[str, Any]:
    """Return a code cell that ended in this state."""
    state = {"status": status, "duration": 0.5}
    return {
        "cell_type": "code", "id": id, "metadata": {"papermill": state}, "source": f"{id}()",
        "execution_count": 1, "outputs": [], **fields,
    }  # fmt: skip


def glue(cell: dict[str, Any], records: Sequence[AnyRecord]) -> dict[str, Any]:
    """Return a cell whose outputs show that it made these records."""
    scraps = [
        {"output_type": "display_data", "metadata": {}, "data": {SCRAP: {"data": values}}}
        for values in (record.model_dump(mode="json") for record in records)
    ]
    return {**cell, "outputs": [*cell["outputs"], *scraps]}


def write_notebook(
    path: Path, *cells: dict[str, Any], records: Sequence[AnyRecord] = (BEGIN, FINISH)
) -> None:
    """Write a notebook of these cells; without any, of one that completed.

    The last code cell has made the records.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    written = list(cells) or [cell_of("finish")]
    last = max((i for i, c in enumerate(written) if c["cell_type"] == "code"), default=None)
    if last is not None:
        written[last] = glue(written[last], records)
    notebook = {"cells": written, "metadata": {}, "nbformat": 4}
    path.write_text(json.dumps({**notebook, "nbformat_minor": 5}))


def write_states(path: Path, states: Iterable[CellState]) -> None:
    """Write a notebook whose cells ended in these states."""
    cells = []
    for state in states:
        cell = cell_of(state.id, state.status, cell_type=state.cell_type)
        cell["metadata"]["papermill"]["duration"] = state.seconds
        cells.append(cell)
    write_notebook(path, *cells)
