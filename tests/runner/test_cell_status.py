"""A notebook's metadata says of each cell what became of it, and each change is saved."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest

from proofbook.records import Failure
from proofbook.runner.cell_status import CellLedger

FAILURE = Failure(cell_index=0, cell_id="one", ename="KernelDied", evalue="the kernel was killed")


class Recorder:
    """Notes what a notebook's recorder is asked for."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def changed(self, index: int | None = None) -> None:
        self.asked.append(index)

    def save_step(self) -> None:
        self.asked.append("step")

    def autosave(self) -> None:
        self.asked.append("autosave")

    def save(self) -> None:
        self.asked.append("save")


@pytest.fixture
def ledger() -> CellLedger:
    """A ledger of a notebook that has started, with a code cell and a text."""
    cells = [nbformat.v4.new_code_cell("x"), nbformat.v4.new_markdown_cell("y")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    for each in (notebook, *cells):
        each.metadata["papermill"] = {}
    ledger = CellLedger(notebook, recorder=Recorder(), progress_bar=False)  # type: ignore[arg-type]
    ledger.notebook_start()
    ledger.recorder.asked.clear()  # type: ignore[attr-defined]
    return ledger


def state(ledger: CellLedger, index: int) -> dict[str, Any]:
    found: dict[str, Any] = ledger.nb.cells[index].metadata.papermill
    return found


def test_a_cell_that_has_not_run_is_not_completed(ledger: CellLedger) -> None:
    ledger.notebook_complete()
    assert [state(ledger, index)["status"] for index in (0, 1)] == ["not_run", "not_run"]


@pytest.mark.parametrize(
    ("end", "status"), [("cell_complete", "completed"), ("cell_exception", "failed")]
)
def test_a_cell_that_has_run_is_what_became_of_it_and_saved(
    ledger: CellLedger, end: str, status: str
) -> None:
    cell, asked = ledger.nb.cells[1], ledger.recorder.asked  # type: ignore[attr-defined]
    ledger.cell_start(cell, 1)
    assert state(ledger, 1)["status"] == "running"
    assert asked == [1, "step"]
    asked.clear()
    ledger.autosave_cell()
    assert asked == ["autosave"]
    asked.clear()
    getattr(ledger, end)(cell, 1)
    assert state(ledger, 1)["status"] == status
    assert asked[0] == 1
    ledger.cell_complete(cell, 1)  # as papermill does, whatever became of it
    assert state(ledger, 1)["status"] == status
    assert state(ledger, 1)["duration"] >= 0


@pytest.mark.parametrize("begun", [True, False])
def test_an_interrupted_cell_says_why_in_its_output(ledger: CellLedger, begun: bool) -> None:
    cell, asked = ledger.nb.cells[0], ledger.recorder.asked  # type: ignore[attr-defined]
    if begun:
        ledger.cell_start(cell, 0)
    asked.clear()
    ledger.cell_interrupted(cell, 0, FAILURE)
    found = state(ledger, 0)
    assert (found["status"], found["exception"]) == ("interrupted", True)
    assert found["end_time"]
    assert (found.get("duration") is not None) is begun
    (output,) = cell.outputs
    assert (output.output_type, output.ename, output.evalue) == (
        "error", "KernelDied", "the kernel was killed",
    )  # fmt: skip
    assert output.traceback == ["KernelDied: the kernel was killed"]
    assert asked == [0]
    about = ledger.nb.metadata.papermill
    assert about["exception"] is True
    assert about["exception_cause"] == "KernelDied: the kernel was killed"


def test_an_interrupted_text_has_no_output(ledger: CellLedger) -> None:
    ledger.cell_interrupted(ledger.nb.cells[1], 1, FAILURE)
    assert state(ledger, 1)["status"] == "interrupted"
    assert "outputs" not in ledger.nb.cells[1]


def test_the_end_is_noted_and_saved_in_any_case(ledger: CellLedger) -> None:
    ledger.notebook_complete()
    about = ledger.nb.metadata.papermill
    assert about["end_time"] == ledger.end_time.isoformat()
    assert about["duration"] == (ledger.end_time - ledger.start_time).total_seconds()
    assert ledger.recorder.asked == ["save"]  # type: ignore[attr-defined]
