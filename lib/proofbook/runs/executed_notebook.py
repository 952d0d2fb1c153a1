"""Read from an executed notebook what became of its cells, and what they raised.

Knows nothing about records, nor whether a job passed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Required, get_args

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from proofbook.files import read_file
from proofbook.records import CellState, CellStatus, Failure
from proofbook.runs.glued import Glued, broken_end, glued_records

__all__ = [
    "MAY_RAISE",
    "RAISES",
    "ExecutedNotebook",
    "cell_failure",
    "plain_text",
    "read_executed_notebook",
    "unfinished_cell",
]

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
MAY_RAISE = "raises-exception"
"""Tag of a cell that may raise any exception, unless others say which; nbclient's."""
RAISES = "raises:"
"""With the name of an exception: tag of a cell that has to raise it."""
_STATUSES = frozenset(get_args(CellStatus))


@dataclass(frozen=True, kw_only=True)
class ExecutedNotebook:
    """One executed notebook."""

    sha256: str = ""
    """Of the file; empty where it cannot be read."""
    cells: tuple[CellState, ...] = ()
    failure: Failure | None = None
    """The first exception in the outputs of a code cell that its tags do not expect."""
    problem: str = ""
    """Why the file cannot be read as a notebook."""
    glued: tuple[Glued, ...] = ()
    """The records in the outputs of its cells."""
    broken_end: str = ""
    """Why it did not end as it should: its own metadata tell of an exception, or its checks were
    not finished by its last code cell."""

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
    exception: bool | None
    exception_cause: str


class _Metadata(TypedDict, total=False):
    papermill: _Papermill
    tags: list[str]


class _Output(TypedDict, total=False):
    output_type: Required[str]
    ename: str
    evalue: str
    traceback: list[str]
    data: _Data


_Data = TypedDict("_Data", {"application/scrapbook.scrap.json+json": Any}, total=False)


class _Cell(TypedDict, total=False):
    cell_type: Required[str]
    id: str
    metadata: _Metadata
    source: str | list[str]
    outputs: list[_Output]


class _Notebook(TypedDict, total=False):
    cells: Required[list[_Cell]]
    metadata: _Metadata


_NOTEBOOK: TypeAdapter[_Notebook] = TypeAdapter(_Notebook)
_STATES: TypeAdapter[tuple[CellState, ...]] = TypeAdapter(tuple[CellState, ...])


def read_executed_notebook(path: Path) -> ExecutedNotebook:
    """Read a notebook; one that is missing or no notebook has a ``problem`` and no cells."""
    try:
        data = read_file(path)
    except FileNotFoundError:
        return ExecutedNotebook(problem="there is no executed notebook")
    except OSError as error:
        return ExecutedNotebook(problem=f"the executed notebook cannot be read: {error.strerror}")
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        notebook = _parse(data)
    except (ValueError, RecursionError):
        return ExecutedNotebook(
            sha256=sha256, problem="the executed notebook cannot be read: it is not a notebook"
        )
    cells = notebook["cells"]
    states = _STATES.validate_python([_state(index, cell) for index, cell in enumerate(cells)])
    return ExecutedNotebook(
        sha256=sha256,
        cells=states,
        failure=_failure(cells),
        glued=tuple(glued_records(cells)),
        broken_end=_exception(notebook) or broken_end(cells),
    )


def cell_failure(index: int, cell: Mapping[str, Any]) -> Failure | None:
    """Return the first exception in a code cell's outputs that its tags do not expect.

    One that they expect and that did not come is a failure too.
    """
    if cell["cell_type"] != "code":
        return None
    metadata = cell.get("metadata", {})
    tags = metadata.get("tags", [])
    expected = {tag.removeprefix(RAISES) for tag in tags if tag.startswith(RAISES)}
    errors = [each for each in cell.get("outputs", ()) if each["output_type"] == "error"]
    for error in errors:
        if not _is_expected(error.get("ename", ""), tags, expected):
            return _failure_of(index, cell, error)
    if expected and not errors and metadata.get("papermill", {}).get("status") != "not_run":
        evalue = f"the cell is tagged to raise {' or '.join(sorted(expected))} and raised nothing"
        return _failure_of(index, cell, {"ename": "NotRaised", "evalue": evalue})
    return None


def unfinished_cell(cells: Iterable[CellState]) -> str:
    """Return which code cell did not complete; empty where all did."""
    for cell in cells:
        if cell.cell_type == "code" and cell.status != "completed":
            return f"cell {cell.id} is {cell.status}"
    return ""


def plain_text(text: str) -> str:
    """Return a text without terminal colours."""
    return _ANSI.sub("", text)


def _parse(data: bytes) -> _Notebook:
    try:
        return _NOTEBOOK.validate_json(data)
    except ValueError:
        # Python's parser takes lone surrogates, which a program's output may hold.
        return _NOTEBOOK.validate_python(json.loads(data))


def _exception(notebook: _Notebook) -> str:
    state = notebook.get("metadata", {}).get("papermill", {})
    cause = state.get("exception_cause", "an exception that it does not name")
    return f"the notebook was ended by {cause}" if state.get("exception") else ""


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
    failures = (cell_failure(index, cell) for index, cell in enumerate(cells))
    return next((failure for failure in failures if failure is not None), None)


def _is_expected(ename: str, tags: Sequence[str], expected: set[str]) -> bool:
    """Say whether a cell's tags allow this exception: ``raises-exception`` alone allows any."""
    return MAY_RAISE in tags and (not expected or ename in expected)


def _failure_of(index: int, cell: Mapping[str, Any], error: Mapping[str, Any]) -> Failure:
    return Failure(
        cell_index=index,
        cell_id=cell.get("id"),
        source="".join(cell.get("source", "")),
        ename=error.get("ename", ""),
        evalue=plain_text(error.get("evalue", "")),
        traceback=plain_text("\n".join(error.get("traceback", ()))),
    )
