"""``papermill --engine proofbook`` says only what is true of each cell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import papermill
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from running import BEGIN

from proofbook.errors import Incomplete
from proofbook.runner.execution import Execution

pytestmark = pytest.mark.slow

Add = Callable[..., Path]


@pytest.fixture
def execute(tmp_path: Path, forkserver: dict[str, str]) -> Callable[..., list[str]]:
    """Return a function that executes a notebook and returns the states of its cells."""

    def run(path: Path, error: type[Exception] | None = None, **kwargs: Any) -> list[str]:
        out = tmp_path / "out.ipynb"

        def go() -> None:
            papermill.execute_notebook(
                str(path),
                str(out),
                engine_name="proofbook",
                kernel_name="proofbook",
                progress_bar=False,
                **kwargs,
            )

        if error is None:
            go()
        else:
            with pytest.raises(error):
                go()
        notebook = json.loads(out.read_text())
        assert bool(notebook["metadata"]["papermill"]["exception"]) == (error is not None)
        states = [c["metadata"].get("papermill", {}).get("status") for c in notebook["cells"]]
        return [state for state in states if state]

    return run


def test_a_notebook_that_is_no_runbook_runs_as_ever(
    add_runbook: Add, execute: Callable[..., list[str]]
) -> None:
    path = add_runbook("demo/one", "print(x + 1)", parameters="x: int = 1")
    states = execute(path, parameters={"x": 3})
    assert states == ["completed"] * 3


def test_cells_after_a_dead_kernel_are_not_run(
    add_runbook: Add, execute: Callable[..., list[str]]
) -> None:
    path = add_runbook("demo/one", "import os; os.kill(os.getpid(), 9)", "print(1)")
    assert execute(path, DeadKernelError) == ["completed", "interrupted", "not_run"]


def test_cells_after_a_timeout_are_not_run(
    add_runbook: Add, execute: Callable[..., list[str]]
) -> None:
    path = add_runbook("demo/one", "import time; time.sleep(60)", "print(1)")
    states = execute(path, CellTimeoutError, execution_timeout=1)
    assert states == ["completed", "interrupted", "not_run"]


def test_cells_after_an_exception_are_not_run(
    add_runbook: Add, execute: Callable[..., list[str]]
) -> None:
    path = add_runbook("demo/one", "1 / 0", "print(1)")
    assert execute(path, PapermillExecutionError) == ["completed", "failed", "not_run"]


def test_a_runbook_without_finish_is_not_green(
    add_runbook: Add, execute: Callable[..., list[str]]
) -> None:
    path = add_runbook("demo/one", BEGIN, "checks.expect('one', True)")
    assert execute(path, Incomplete) == ["completed"] * 3


def test_what_is_displayed_too_often_is_cut(
    add_runbook: Add, execute: Callable[..., list[str]], tmp_path: Path
) -> None:
    path = add_runbook("demo/one", "for i in range(5000): display(i)", "print('after')")
    assert execute(path) == ["completed"] * 3
    cells = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    assert 2000 <= len(cells[1]["outputs"]) <= 2001
    assert "left out here" in json.dumps(cells[1]["outputs"][-1])
    assert "after" in json.dumps(cells[2]["outputs"])


def test_without_saving_nothing_is_written(add_runbook: Add, tmp_path: Path) -> None:
    path = add_runbook("demo/one", "print(1)")
    out = tmp_path / "n.ipynb"
    papermill.execute_notebook(
        str(path),
        None,
        engine_name="proofbook",
        progress_bar=False,
        execution=Execution(notebook=out, saving=False),
    )
    assert not out.exists()


@pytest.mark.parametrize("error", [None, PapermillExecutionError])
def test_what_papermill_saves_in_the_end_has_no_secret(
    add_runbook: Add,
    execute: Callable[..., list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception] | None,
) -> None:
    monkeypatch.setenv("HF_TOKEN", "Zq81xyzw42Ab")
    last = "raise ValueError(token)" if error else "token"
    path = add_runbook("demo/one", "import os; token = os.environ['HF_TOKEN']; print(token)", last)
    execute(path, error)
    assert "Zq81" not in (tmp_path / "out.ipynb").read_text()
