"""Read from an executed notebook what became of its cells, and what they raised.

Knows nothing about records, nor whether a job passed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Required, get_args

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from proofbook.records import CellState, CellStatus, Failure

__all__ = ["ExecutedNotebook", "plain_text", "read_executed_notebook"]

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MAY_RAISE = "raises-exception"
_STATUSES = frozenset(get_args(CellStatus))


@dataclass(frozen=True, kw_only=True)
class ExecutedNotebook:
    """One executed notebook."""

    sha256: str = ""
    """Of the file; empty where it cannot be read."""
    cells: tuple[CellState, ...] = ()
    failure: Failure | None = None
    """The first exception in the outputs of a code cell that is not tagged ``raises-exception``."""
    problem: str = ""
    """Why the file cannot be read as a notebook."""

    @property
    def unfinished(self) -> str:
        """Return why not every code cell is known to have been executed; empty where it is."""
        if self.problem:
            return self.problem
        if not any(cell.cell_type == "code" for cell in self.cells):
            return "the executed notebook has no code cell"
        return unfinished_cell(self.cells)


# What is read of a notebook; all else in it is skipped without being turned into Python objects.
class _Papermill(TypedDict, total=False):
    status: str
    duration: float | None


class _Metadata(TypedDict, total=False):
    papermill: _Papermill
    tags: list[str]


class _Output(TypedDict, total=False):
    output_type: Required[str]
    ename: str
    evalue: str
    traceback: list[str]


class _Cell(TypedDict, total=False):
    cell_type: Required[str]
    id: str
    metadata: _Metadata
    source: str | list[str]
    outputs: list[_Output]


class _Notebook(TypedDict):
    cells: list[_Cell]


_NOTEBOOK: TypeAdapter[_Notebook] = TypeAdapter(_Notebook)
_STATES: TypeAdapter[tuple[CellState, ...]] = TypeAdapter(tuple[CellState, ...])


def read_executed_notebook(path: Path) -> ExecutedNotebook:
    """Read a notebook; one that is missing or no notebook has a ``problem`` and no cells."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ExecutedNotebook(problem="there is no executed notebook")
    except OSError as error:
        return ExecutedNotebook(problem=f"the executed notebook cannot be read: {error.strerror}")
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        cells = _parse(data)
    except (ValueError, RecursionError):
        return ExecutedNotebook(
            sha256=sha256, problem="the executed notebook cannot be read: it is not a notebook"
        )
    states = _STATES.validate_python([_state(index, cell) for index, cell in enumerate(cells)])
    return ExecutedNotebook(sha256=sha256, cells=states, failure=_failure(cells))


def unfinished_cell(cells: Iterable[CellState]) -> str:
    """Return which code cell did not complete; empty where all did."""
    for cell in cells:
        if cell.cell_type == "code" and cell.status != "completed":
            return f"cell {cell.id} is {cell.status}"
    return ""


def plain_text(text: str) -> str:
    """Return a text without terminal colours."""
    return _ANSI.sub("", text)


def _parse(data: bytes) -> list[_Cell]:
    try:
        return _NOTEBOOK.validate_json(data)["cells"]
    except ValueError:
        # Python's parser takes lone surrogates, which a program's output may hold.
        return _NOTEBOOK.validate_python(json.loads(data))["cells"]


def _state(index: int, cell: _Cell) -> dict[str, object]:
    state = cell.get("metadata", {}).get("papermill", {})
    status = state.get("status")
    return {
        "index": index,
        "id": cell.get("id", str(index)),
        "cell_type": cell["cell_type"],
        "status": status if status in _STATUSES else "not_run",
        "seconds": state.get("duration"),
    }


def _failure(cells: Sequence[_Cell]) -> Failure | None:
    for index, cell in enumerate(cells):
        tags = cell.get("metadata", {}).get("tags", ())
        if cell["cell_type"] != "code" or _MAY_RAISE in tags:
            continue
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error":
                return Failure(
                    cell_index=index,
                    cell_id=cell.get("id"),
                    source="".join(cell.get("source", "")),
                    ename=output.get("ename", ""),
                    evalue=plain_text(output.get("evalue", "")),
                    traceback=plain_text("\n".join(output.get("traceback", ()))),
                )
    return None
