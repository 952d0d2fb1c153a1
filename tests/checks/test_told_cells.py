"""A kernel says which cell runs, and tells whoever wants to know that one begins."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import IPython.core.getipython
import pytest
from IPython.core.events import EventManager, available_events

from proofbook.checks.cells import after_this_cell, current_cell, tell_of_cells


class Notes:
    def __init__(self) -> None:
        self.cells: list[str] = []

    def begins(self, cell: str) -> None:
        self.cells.append(cell)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have this process be a kernel that has been asked for nothing yet."""
    shell = SimpleNamespace(events=None)
    shell.events = EventManager(shell, available_events)
    kernel = SimpleNamespace(shell=shell, get_parent=lambda: None)
    monkeypatch.setattr(
        IPython.core.getipython, "get_ipython", lambda: SimpleNamespace(kernel=kernel)
    )
    return kernel


def begin(kernel: Any, cell: str | None) -> None:
    kernel.shell.events.trigger("pre_run_cell", SimpleNamespace(cell_id=cell))


def test_each_cell_that_has_an_id_is_told_of_as_it_begins(kernel: Any) -> None:
    notes = Notes()
    tell_of_cells(notes.begins)
    for cell in ("one", None, "two", ""):
        begin(kernel, cell)
    assert notes.cells == ["one", "two"]


def test_nobody_is_kept_alive_to_be_told(kernel: Any) -> None:
    told: list[str] = []

    class Brief(Notes):
        def begins(self, cell: str) -> None:
            told.append(cell)

    brief = Brief()
    tell_of_cells(brief.begins)
    del brief
    begin(kernel, "one")
    assert told == []


def test_without_a_kernel_nobody_is_told_and_no_cell_runs() -> None:
    tell_of_cells(Notes().begins)
    assert current_cell() == ""


@pytest.mark.parametrize(
    ("parent", "cell"),
    [
        ({"metadata": {"cellId": "one"}}, "one"),
        ({"metadata": {"cellId": 3}}, ""),
        ({"metadata": {}}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_the_cell_is_that_of_the_request(
    parent: dict[str, Any] | None, cell: str, kernel: Any
) -> None:
    kernel.get_parent = lambda: parent
    assert current_cell() == cell


def test_the_end_of_a_cell_is_told_once_and_before_the_loop_goes_on(kernel: Any) -> None:
    told: list[str] = []

    async def cell() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(told.append, "by the cell")
        after_this_cell(lambda: told.append("ended"), lambda: told.append("idle"))
        assert told == []
        kernel.shell.events.trigger("post_run_cell", None)
        kernel.shell.events.trigger("post_run_cell", None)
        assert told == ["ended"]
        await asyncio.sleep(0)

    asyncio.run(cell())
    assert told == ["ended", "by the cell", "idle"]


def test_the_end_of_a_cell_is_told_without_a_loop_and_without_a_kernel(
    kernel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    after_this_cell(lambda: told.append("ended"), lambda: told.append("idle"))
    assert told == []
    kernel.shell.events.trigger("post_run_cell", None)
    assert told == ["ended", "idle"]
    monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: None)
    after_this_cell(lambda: told.append("at once"), lambda: told.append("and idle"))
    assert told[2:] == ["at once", "and idle"]
