"""Read from an executed notebook what became of each of its cells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from proofbook.records import CellState, CellStatus

__all__ = ["read_cells"]


def read_cells(notebook: Path) -> tuple[CellState, ...]:
    """Return the state of every cell, or nothing where no notebook was written."""
    try:
        cells = json.loads(notebook.read_bytes())["cells"]
    except FileNotFoundError:
        return ()
    return tuple(_state(index, cell) for index, cell in enumerate(cells))


def _state(index: int, cell: dict[str, Any]) -> CellState:
    state = cell.get("metadata", {}).get("papermill", {})
    status = state.get("status", "not_run")
    return CellState(
        index=index,
        id=str(cell.get("id", index)),
        cell_type=cell["cell_type"],
        status=status if status in get_args(CellStatus) else "not_run",
        seconds=state.get("duration"),
    )
