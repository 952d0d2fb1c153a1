"""Write executed notebooks as the runner saves them, without executing anything."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from proofbook.records import CellState


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


def write_notebook(path: Path, *cells: dict[str, Any]) -> None:
    """Write a notebook of these cells; without any, of one that completed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = {"cells": list(cells) or [cell_of("finish")], "metadata": {}, "nbformat": 4}
    path.write_text(json.dumps({**notebook, "nbformat_minor": 5}))


def write_states(path: Path, states: Iterable[CellState]) -> None:
    """Write a notebook whose cells ended in these states."""
    cells = []
    for state in states:
        cell = cell_of(state.id, state.status, cell_type=state.cell_type)
        cell["metadata"]["papermill"]["duration"] = state.seconds
        cells.append(cell)
    write_notebook(path, *cells)
