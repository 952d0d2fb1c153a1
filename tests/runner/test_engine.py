"""``papermill --engine proofbook`` says only what is true of each cell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import papermill_io
from running import BEGIN
from waiting import HANG

from proofbook.errors import Incomplete, UsageError
from proofbook.processes import tree
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


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["cell_status", "client", "engine", "registered_engine"])
def test_what_needs_papermill_can_be_imported_before_it(name: str) -> None:
    """papermill imports the engine that is registered while it is being imported."""
    command = [sys.executable, "-c", f"import proofbook.runner.{name}, papermill"]
    assert subprocess.run(command, capture_output=True, text=True).stderr == ""


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


_TIMER = "import threading\nthreading.Timer(0.3, lambda: {}).start()"
_TRY = "try:\n    {}\nexcept Exception: pass"


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("cell", "last", "cause"),
    [
        ("checks.expect('one', True)", f"checks.finish()\n{_TIMER.format('1 / 0')}",
         "raised ZeroDivisionError"),
        ("checks.expect('one', False)", _TRY.format("checks.finish()"), "'one' did not pass"),
        (_TRY.format("checks.expect('one')"), _TRY.format("checks.finish()"), "was refused"),
        ("checks.expect('one', True)",
         "checks.finish()\n" + _TIMER.format("checks.expect('two', False)"), "'two' did not pass"),
    ],
    ids=["a late thread", "a failed check", "a refused check", "a late check"],
)  # fmt: skip
def test_what_finish_was_kept_from_saying_is_not_green(
    cell: str, last: str, cause: str, add_runbook: Add, execute: Callable[..., list[str]],
    tmp_path: Path,
) -> None:  # fmt: skip
    path = add_runbook("demo/one", BEGIN, cell, last)
    assert execute(path, Incomplete) == ["completed"] * 4
    state = json.loads((tmp_path / "out.ipynb").read_text())["metadata"]["papermill"]
    assert cause in state["exception_cause"]


@pytest.mark.exhaustive
def test_of_too_many_displays_the_first_and_the_last_stay(
    add_runbook: Add, execute: Callable[..., list[str]], tmp_path: Path
) -> None:
    path = add_runbook("demo/one", "for i in range(5000): display(i)", "print('after')")
    assert execute(path) == ["completed"] * 3
    cells = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    shown = [o["data"]["text/plain"] for o in cells[1]["outputs"] if "data" in o]
    assert (shown[0], shown[-1]) == (["0"], ["4999"])
    assert len(shown) <= 2000
    assert "outputs, 0.0 MB, left out here" in json.dumps(cells[1]["outputs"])
    assert "after" in json.dumps(cells[2]["outputs"])


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("leave", ["exit", "quit()", "print(1)\nexit()\nprint(2)"])
def test_a_cell_that_exits_is_named_and_the_next_does_not_begin(
    leave: str, add_runbook: Add, execute: Callable[..., list[str]]
) -> None:
    path = add_runbook("demo/one", leave, "print('never')")
    execution = Execution()
    states = execute(path, Incomplete, execution=execution)
    assert states == ["completed", "completed", "not_run"]
    assert execution.stop is not None
    assert execution.stop.kind == "incomplete"
    assert "called exit()" in execution.stop.cause
    assert "(cell cell-1)" in execution.stop.cause


def test_a_last_cell_may_exit(add_runbook: Add, execute: Callable[..., list[str]]) -> None:
    path = add_runbook("demo/one", BEGIN, "checks.expect('one', True)\nchecks.finish()\nexit")
    assert execute(path) == ["completed"] * 3


def test_checks_that_an_exit_leaves_unfinished_are_not_green(
    add_runbook: Add, execute: Callable[..., list[str]]
) -> None:
    path = add_runbook("demo/one", BEGIN, "import sys; sys.exit(0)", "checks.finish()")
    states = execute(path, Incomplete)
    assert states == ["completed", "completed", "failed", "not_run"]


def test_what_clears_the_begin_record_from_view_does_not_hide_it(
    add_runbook: Add, execute: Callable[..., list[str]]
) -> None:
    hide = "\nfrom IPython.display import clear_output; clear_output()"
    execute(add_runbook("demo/one", BEGIN + hide), Incomplete)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    "options", [{"allow_errors": True}, {"allow_error_names": ["ZeroDivisionError"]}]
)
def test_an_allowed_exception_does_not_stop_and_is_not_green(
    options: dict[str, Any], add_runbook: Add, execute: Callable[..., list[str]]
) -> None:
    path = add_runbook("demo/one", "1 / 0", "print(1)")
    execution = Execution()
    states = execute(path, PapermillExecutionError, execution=execution, **options)
    assert states == ["completed", "failed", "completed"]
    assert execution.stop is not None
    assert execution.stop.cause.startswith("ZeroDivisionError")


def test_an_interrupt_at_the_time_limit_is_not_green(
    add_runbook: Add, execute: Callable[..., list[str]]
) -> None:
    error = {"ename": "Slow", "evalue": "too slow", "traceback": []}
    path = add_runbook("demo/one", "import time; time.sleep(60)", "print(1)")
    states = execute(
        path,
        PapermillExecutionError,
        timeout_func=lambda cell: 1 if "sleep" in cell.source else HANG,
        interrupt_on_timeout=True,
        error_on_timeout=error,
        allow_errors=True,
    )
    assert states == ["completed", "failed", "completed"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("options", [{"timeout": 1}, {"timeout_func": lambda cell: 1}])
def test_every_way_to_limit_a_cell_is_honoured(
    options: dict[str, Any], add_runbook: Add, execute: Callable[..., list[str]]
) -> None:
    path = add_runbook("demo/one", "import time; time.sleep(60)")
    execution = Execution()
    assert execute(path, CellTimeoutError, execution=execution, **options)[1] == "interrupted"
    assert execution.stop is not None
    assert execution.stop.cause.startswith("the cell took longer than 1 s")


def test_options_of_the_client_reach_it(
    add_runbook: Add, execute: Callable[..., list[str]], tmp_path: Path
) -> None:
    calls: list[str] = []
    hooks = {
        f"on_{name}": lambda name=name, **_: calls.append(name)
        for name in (
            *("notebook_start", "cell_start", "cell_execute", "cell_complete", "cell_executed"),
            *("notebook_complete", "notebook_error", "cell_error"),
        )
    }
    path = add_runbook(
        "demo/one",
        "import sys, os\nprint('a'); print('b', file=sys.stderr)\nprint('c')\n"
        "assert os.environ['ASKED_FOR'] == 'yes'",
    )
    notebook = json.loads(path.read_text())
    notebook["cells"][0]["metadata"]["tags"].append("leave-out")
    path.write_text(json.dumps(notebook))
    states = execute(
        path,
        skip_cells_with_tag="leave-out",
        coalesce_streams=True,
        record_timing=False,
        extra_arguments=["--HistoryManager.hist_file=:memory:"],
        env={**os.environ, "ASKED_FOR": "yes"},
        iopub_timeout=30,
        **hooks,
    )
    assert states == ["not_run", "completed"]
    assert calls == [
        *("notebook_start", "cell_start", "cell_execute", "cell_complete", "cell_executed"),
        "notebook_complete",
    ]
    cell = json.loads((tmp_path / "out.ipynb").read_text())["cells"][1]
    assert "execution" not in cell["metadata"]
    assert ["".join(o["text"]) for o in cell["outputs"]] == ["a\nc\n", "b\n"]


@dataclass
class Store:
    """A handler of papermill's that keeps the states of the cells at each save."""

    states: list[list[str]] = field(default_factory=list)
    fails_at: tuple[int, ...] = ()
    saved: Path | None = None
    """Made once a cell was saved while it ran: the first save was of its start."""

    def write(self, text: str, path: str) -> None:
        cells = json.loads(text)["cells"]
        self.states.append([c["metadata"]["papermill"]["status"] for c in cells])
        if self.saved is not None and self.states.count(["completed", "running"]) == 2:
            self.saved.touch()
        if len(self.states) in self.fails_at:
            raise ConnectionError("away for a moment")

    def pretty_path(self, path: str) -> str:
        return path


@pytest.fixture
def store() -> Iterator[Store]:
    """A handler that is registered for ``store://``."""
    handlers = list(papermill_io._handlers)
    store = Store()
    papermill_io.register("store://", store)
    yield store
    papermill_io._handlers = handlers


def save_to_store(path: Path, **options: Any) -> None:
    papermill.execute_notebook(
        str(path), "store://a/out.ipynb", engine_name="proofbook", progress_bar=False, **options
    )


def test_any_of_papermills_handlers_saves_at_its_moments(
    add_runbook: Add, store: Store, forkserver: dict[str, str]
) -> None:
    save_to_store(add_runbook("demo/one", "print(1)"))
    r, c, n = "running", "completed", "not_run"
    assert store.states == [[n, n], [r, n], [c, n], [c, r], [c, c], [c, c], [c, c]]


@pytest.mark.exhaustive
def test_a_running_cell_is_saved_as_often_as_is_asked_for(
    add_runbook: Add, store: Store, forkserver: dict[str, str], tmp_path: Path
) -> None:
    store.saved = tmp_path / "saved"
    slow = (
        f"import pathlib, time\nwhile not pathlib.Path({str(store.saved)!r}).exists():\n"
        "    print(1); time.sleep(0.1)"
    )
    save_to_store(add_runbook("demo/one", slow), autosave_cell_every=1, execution_timeout=int(HANG))
    assert store.states.count(["completed", "running"]) >= 2


def test_a_handler_that_fails_for_a_moment_ends_nothing(
    add_runbook: Add, store: Store, forkserver: dict[str, str]
) -> None:
    store.fails_at = (2, 3)
    save_to_store(add_runbook("demo/one", "print(1)"))
    assert store.states[-1] == ["completed"] * 2


@pytest.mark.exhaustive
def test_no_save_that_fails_hides_the_death_of_the_kernel(
    add_runbook: Add, store: Store, forkserver: dict[str, str]
) -> None:
    store.fails_at = tuple(range(4, 12))
    die = "import os, time\nprint(1, flush=True); time.sleep(2); os._exit(3)"
    execution = Execution()
    with pytest.raises((DeadKernelError, ConnectionError)):
        save_to_store(
            add_runbook("demo/one", die),
            autosave_cell_every=0.1,
            execution_timeout=200,
            execution=execution,
        )
    assert execution.stop is not None
    assert execution.stop.kind == "crashed"


@pytest.mark.exhaustive
def test_no_full_disk_hides_the_death_of_the_kernel(
    add_runbook: Add,
    mount_disk: Callable[[str], Path],
    forkserver: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = mount_disk("size=1m")
    fill = (
        "import os, time\n"
        f"filler = os.open({str(disk / 'filler')!r}, os.O_CREAT | os.O_WRONLY)\n"
        "try:\n    while True: os.write(filler, bytes(4096))\n"
        "except OSError as error: print(error, flush=True)\n"
        "time.sleep(3); os._exit(3)"
    )
    execution = Execution()
    with pytest.raises((DeadKernelError, OSError)):
        papermill.execute_notebook(
            str(add_runbook("demo/one", fill)),
            str(disk / "out.ipynb"),
            engine_name="proofbook",
            kernel_name="proofbook",
            progress_bar=False,
            autosave_cell_every=0.1,
            execution_timeout=200,
            execution=execution,
        )
    assert any("No space left on device" in record.getMessage() for record in caplog.records)
    assert execution.stop is not None
    assert (execution.stop.kind, execution.stop.cause[:32]) == (
        "crashed",
        "the kernel exited with code 3 (c",
    )


SET, INJECTED = "parameters", "injected-parameters"


def execute_tagged(folder: Path, tags: list[str], given: dict[str, int]) -> None:
    """Execute cells that set ``x`` to their index where they are tagged, and show it elsewhere."""
    sources = [f"x = {number}" if tag else "print('x is', x)" for number, tag in enumerate(tags)]
    cells = [
        nbformat.v4.new_code_cell(
            source, id=f"cell-{number}", metadata={"tags": [tag] if tag else []}
        )
        for number, (source, tag) in enumerate(zip(sources, tags, strict=True))
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "n.ipynb")
    papermill.execute_notebook(
        str(folder / "n.ipynb"),
        str(folder / "out.ipynb"),
        given,
        engine_name="proofbook",
        kernel_name="proofbook",
        language="python",
        progress_bar=False,
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("tags", "given", "shown"),
    [
        ([SET, ""], {"x": 9}, 9),
        ([SET, INJECTED, ""], {"x": 9}, 9),
        ([SET, INJECTED, ""], {}, 1),
        ([SET, INJECTED, "", INJECTED], {}, 1),  # an executed notebook, as it was saved
        ([SET, SET, ""], {"y": 9}, 1),
    ],
)
def test_parameters_are_injected_in_the_place_of_an_earlier_executions(
    tmp_path: Path, forkserver: dict[str, str], tags: list[str], given: dict[str, int], shown: int
) -> None:
    execute_tagged(tmp_path, tags, given)
    assert f"x is {shown}" in (tmp_path / "out.ipynb").read_text()


@pytest.mark.parametrize(
    ("tags", "cell"),
    [
        ([SET, INJECTED, "", INJECTED], "cell-3, tagged injected-parameters"),
        ([INJECTED, SET, ""], "cell-1, tagged parameters"),
    ],
)
def test_a_cell_that_would_undo_the_parameters_is_refused_by_name(
    tmp_path: Path, tags: list[str], cell: str
) -> None:
    with pytest.raises(UsageError, match=cell):
        execute_tagged(tmp_path, tags, {"x": 9})


@pytest.mark.exhaustive
def test_a_large_exception_is_shortened_everywhere(
    add_runbook: Add, execute: Callable[..., list[str]], tmp_path: Path
) -> None:
    path = add_runbook("demo/one", "print('y' * 90_000)\nraise ValueError('x' * 5_000_000)")
    execution = Execution()
    execute(path, PapermillExecutionError, execution=execution)
    assert (tmp_path / "out.ipynb").stat().st_size < 200_000
    assert execution.stop is not None
    failure = execution.stop.failure
    assert failure is not None
    assert len(failure.evalue) + len(failure.traceback) < 50_000
    assert "left out here" in failure.evalue


@pytest.mark.exhaustive
def test_what_drawing_a_value_raised_is_named_in_the_cause(
    add_runbook: Add, execute: Callable[..., list[str]]
) -> None:
    path = add_runbook("demo/one", "class Odd:\n    def _repr_html_(self): {}['a']\nOdd()")
    execution = Execution()
    execute(path, PapermillExecutionError, execution=execution)
    assert execution.stop is not None
    assert execution.stop.cause.startswith("KeyError: 'a' (cell ")


@pytest.mark.exhaustive
def test_an_exception_that_cannot_be_shown_is_told(
    add_runbook: Add, execute: Callable[..., list[str]]
) -> None:
    odd = (
        "class Odd(Exception):\n    def __repr__(self): 1 / 0\n    __str__ = __repr__\nraise Odd()"
    )
    states = execute(add_runbook("demo/one", odd, "print(1)"), PapermillExecutionError)
    assert states == ["completed", "failed", "not_run"]


@pytest.mark.exhaustive
@pytest.mark.skipif(not tree.SUPPORTED, reason="reads /proc")
def test_what_keeps_a_pipe_open_is_named_at_the_time_limit(
    add_runbook: Add, execute: Callable[..., list[str]]
) -> None:
    path = add_runbook("demo/one", "%%bash\nsleep 303 &")
    execution = Execution()
    execute(path, CellTimeoutError, execution_timeout=10, execution=execution)
    assert execution.stop is not None
    assert re.search(r"process \d+ \(sleep 303\) still holds a pipe", execution.stop.cause)


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


@pytest.mark.exhaustive
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
