"""What is read of an executed notebook, however little of it there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from executed import cell_of, output_of, write_notebook

from proofbook.files import hash_file
from proofbook.records import CellState, Failure
from proofbook.runs.executed_notebook import (
    ExecutedNotebook,
    cell_failure,
    plain_text,
    read_executed_notebook,
)


def read(path: Path, *cells: Any, **metadata: Any) -> ExecutedNotebook:
    path.write_text(json.dumps({"cells": cells, "metadata": metadata}))
    return read_executed_notebook(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notebook.ipynb"


def test_a_sparse_notebook_is_one(path: Path) -> None:
    found = read(path, {"cell_type": "code"}, {"cell_type": "markdown", "id": "about"})
    assert found.cells == (
        CellState(index=0, id="0", cell_type="code", status="not_run"),
        CellState(index=1, id="about", cell_type="markdown", status="not_run"),
    )
    assert (found.problem, found.failure, found.glued) == ("", None, ())
    assert found.sha256 == hash_file(path)
    assert found.unfinished == "cell 0 is not_run"


def test_cells_have_their_states_and_times(path: Path) -> None:
    write_notebook(path, cell_of("a"), cell_of("b", "failed"), cell_of("c", "unheard of"))
    cells = read_executed_notebook(path).cells
    states = [(cell.index, cell.id, cell.status, cell.seconds) for cell in cells]
    assert states == [(0, "a", "completed", 0.5), (1, "b", "failed", 0.5), (2, "c", "not_run", 0.5)]


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"cells": [{"id": "a"}]}'])
def test_what_is_no_notebook_still_has_its_hash(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    found = read_executed_notebook(path)
    assert found.problem == "the executed notebook cannot be read: it is not a notebook"
    assert (found.sha256, found.cells) == (hash_file(path), ())
    assert found.unfinished == found.problem


def test_what_cannot_be_opened_has_none(path: Path) -> None:
    assert read_executed_notebook(path) == ExecutedNotebook(problem="there is no executed notebook")
    path.mkdir()
    found = read_executed_notebook(path)
    assert found == ExecutedNotebook(problem="the executed notebook cannot be read: Is a directory")


def test_a_failure_has_all_that_the_cell_tells() -> None:
    cell = cell_of(
        "load", source=["a = 1\n", "b"], outputs=[output_of("KeyError", "\x1b[1;31m'x'")]
    )
    assert cell_failure(3, cell) == Failure(
        cell_index=3, cell_id="load", source="a = 1\nb", ename="KeyError", evalue="'x'",
        traceback="Traceback\nKeyError: \x1b[1;31m'x'".replace("\x1b[1;31m", ""),
    )  # fmt: skip


def test_the_first_exception_that_is_not_expected_is_the_failure(path: Path) -> None:
    tags = {"tags": ["raises-exception", "raises:KeyError"]}
    outputs = [output_of("KeyError"), output_of("OSError"), output_of("ValueError")]
    found = read(path, cell_of("a"), cell_of("b", outputs=outputs, metadata=tags))
    assert found.failure is not None
    assert (found.failure.ename, found.failure.cell_index) == ("OSError", 1)


@pytest.mark.parametrize(
    ("cell", "failure"),
    [
        ({"cell_type": "code"}, None),
        ({"cell_type": "code", "outputs": [{"output_type": "stream"}]}, None),
        ({"cell_type": "markdown", "outputs": [{"output_type": "error"}]}, None),
        (
            {"cell_type": "code", "outputs": [{"output_type": "error"}]},
            Failure(cell_index=7, ename="", evalue=""),
        ),
        (
            {
                "cell_type": "code", "outputs": [{"output_type": "error"}],
                "metadata": {"tags": ["raises-exception"]},
            },
            None,
        ),
        (
            {
                "cell_type": "code", "outputs": [{"output_type": "error"}],
                "metadata": {"tags": ["raises-exception", "raises:KeyError"]},
            },
            Failure(cell_index=7, ename="", evalue=""),
        ),
        (
            {"cell_type": "code", "metadata": {"tags": ["raises:B", "raises:A", "other"]}},
            Failure(
                cell_index=7,
                ename="NotRaised",
                evalue="the cell is tagged to raise A or B and raised nothing",
            ),
        ),
        (
            {
                "cell_type": "code",
                "metadata": {"tags": ["raises:A"], "papermill": {"status": "not_run"}},
            },
            None,
        ),
        (
            {
                "cell_type": "code",
                "metadata": {"tags": ["raises:A"], "papermill": {"status": "completed"}},
            },
            Failure(
                cell_index=7,
                ename="NotRaised",
                evalue="the cell is tagged to raise A and raised nothing",
            ),
        ),
    ],
)  # fmt: skip
def test_a_sparse_cell_fails_by_what_it_shows(
    cell: dict[str, Any], failure: Failure | None
) -> None:
    assert cell_failure(7, cell) == failure


@pytest.mark.parametrize(
    ("state", "end"),
    [
        ({"exception": True, "exception_cause": "KeyError"}, "the notebook was ended by KeyError"),
        ({"exception": True}, "the notebook was ended by an exception that it does not name"),
        ({"exception": None, "exception_cause": "KeyError"}, "no cell of the notebook began"),
        ({}, "no cell of the notebook began"),
    ],
)
def test_a_notebook_tells_what_ended_it(path: Path, state: dict[str, Any], end: str) -> None:
    assert read(path, cell_of("a"), papermill=state).broken_end.startswith(end)


def test_a_notebook_whose_text_holds_lone_surrogates_is_read(path: Path) -> None:
    found = read(path, cell_of("a", source="\udcff"))
    assert (found.problem, found.cells[0].id) == ("", "a")


def test_colours_are_no_text() -> None:
    assert plain_text("\x1b[0;31mred\x1b[0m [31m plain\x1b[K") == "red [31m plain"
