"""The benchmarks' runbooks: green where the subject is fast enough, red where it is not.

What takes minutes is replaced by canned measurements; each runbook's own cells judge them.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from proofbook.errors import ChecksFailed
from proofbook.records import Evidence, Metric
from proofbook_bench.config import RUNBOOKS
from proofbook_bench.pairs import Pairs

ROOT = Path(__file__).parents[2]
FAST, SLOW = (1.0, 1.1), (40.0, 90.0)
PEER = (100.0, 90.0)


def test_every_runbook_has_a_model_and_a_place_in_the_profile():
    found = {path.stem for path in (ROOT / "runbooks" / "benchmarks").glob("*.ipynb")}
    assert found == RUNBOOKS.keys()
    profile = (ROOT / "parameters" / "benchmarks.yaml").read_text()
    assert all(f"runbook: benchmarks/{name}\n" in profile for name in found)


@pytest.mark.parametrize("name", sorted(RUNBOOKS))
def test_what_a_runbook_imports_exists(name: str):
    cells = json.loads((ROOT / "runbooks" / "benchmarks" / f"{name}.ipynb").read_text())["cells"]
    (imports,) = ("".join(cell["source"]) for cell in cells if cell["id"] == "imports")
    for node in ast.walk(ast.parse(imports)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("proofbook_bench"):
            module = importlib.import_module(node.module or "")
            names = {each.name for each in node.names} - set(module.__all__)
            assert all(importlib.util.find_spec(f"{node.module}.{each}") for each in names), names


def measured(amounts: tuple[float, ...]) -> Callable[..., Pairs]:
    """Return a stand-in for ``alternate``: both sides are done already."""

    def alternate(
        subject: object, peer: object, rounds: int, *, names: tuple[str, str], unit: str = "s"
    ) -> Pairs:
        return Pairs(subject=amounts, peer=PEER, names=names, unit=unit)

    return alternate


@contextlib.contextmanager
def no_forkserver(*args: object, **kwargs: object) -> Iterator[Any]:
    yield SimpleNamespace(wait_ready=lambda: None, socket="none", pid=1)


@contextlib.contextmanager
def started_forkserver(*args: object, **kwargs: object) -> Iterator[float]:
    yield 1.0


def stand_ins(amounts: tuple[float, ...], kind: str) -> Callable[[dict[str, Any]], None]:
    """Return what replaces a runbook's imports: canned amounts, kernels of one kind."""
    fixed: dict[str, Any] = {
        "alternate": measured(amounts),
        "start_forkserver": no_forkserver,
        "warm_forkserver": started_forkserver,
        "run_command": lambda *args, **kwargs: 1.0,
        "execute_notebook": lambda *args, **kwargs: None,
        "time_first_cell": lambda *args: 1.0,
        "count_kernels": lambda outputs: {kind: 8},
        "WarmKernelManager": lambda: SimpleNamespace(kernel_kind=kind),
        "Execution": lambda **kwargs: SimpleNamespace(kernel=kind, notebook=Path(__file__)),
    }

    def replace(names: dict[str, Any]) -> None:
        names.update({name: value for name, value in fixed.items() if name in names})

    return replace


def write_saved(names: dict[str, Any]) -> None:
    """Write the notebook that the saving side would have left."""
    write_printed(names, "x" * names["kilobytes"] * 1000)


def write_printed(names: dict[str, Any], text: str) -> None:
    output = {"output_type": "stream", "text": [text]}
    cells = [{"cell_type": "code", "outputs": [output]}] * names["cells"]
    names["kept"].write_text(json.dumps({"cells": cells}))


RATIOS = {
    "heavy_imports": ("times-faster", {"rounds": 1}),
    "kernel_memory": ("share-of-memory", {}),
    "notebook_saving": ("share-of-time", {"cells": 2, "kilobytes": 2, "bar": 0.1}),
    "tiny_suite": ("times-faster", {"rounds": 1}),
    "trivial_notebook": ("share-of-time", {}),
    "warm_attach": ("share-of-time", {}),
}


@pytest.fixture
def judge(run_cells: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that has a runbook judge canned measurements."""

    def run(name: str, amounts: tuple[float, ...], kind: str = "warm") -> Any:
        after = {"imports": stand_ins(amounts, kind), "peer": write_saved}
        if name == "tiny_suite":
            after["suite"] = lambda names: names.update(chosen=names["chosen"][:1] * 4)
        return run_cells(f"benchmarks/{name}", after=after, **RATIOS[name][1])

    return run


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", RATIOS)
def test_a_subject_that_is_fast_enough_is_green(name: str, judge: Callable[..., Any]):
    done = judge(name, FAST)
    assert done.error is None
    assert done.red == []
    ratio = [
        r
        for r in done.records
        if isinstance(r, Metric) and r.labels.get("statistic") in ("ratio", "low", "high")
    ]
    assert len(ratio) >= 3
    assert all(r.labels["peer"] for r in ratio)
    assert any(isinstance(r, Evidence) and r.media_kind == "plot" for r in done.records)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", RATIOS)
def test_a_slower_subject_is_red(name: str, judge: Callable[..., Any]):
    done = judge(name, SLOW)
    assert done.red == [RATIOS[name][0]]
    assert isinstance(done.error, ChecksFailed)


@pytest.mark.parametrize("job", ["training-resume", "training-resum"])
def test_a_job_that_papermill_cannot_run_alone_is_red(job: str, run_cells: Callable[..., Any]):
    done = run_cells("benchmarks/tiny_suite", jobs=["environment", job])
    assert done.red == ["jobs-known"]


@pytest.mark.parametrize("name", [name for name in RATIOS if name != "notebook_saving"])
def test_an_ordinary_kernel_on_our_side_is_red(name: str, judge: Callable[..., Any]):
    done = judge(name, FAST, kind="ordinary")
    assert done.red == ["kernels-were-warm"]
    assert isinstance(done.error, ChecksFailed)


def test_a_saving_that_loses_output_is_red(run_cells: Callable[..., Any]):
    after = {
        "imports": stand_ins(FAST, "warm"),
        "peer": lambda names: write_printed(names, "x"),
    }
    done = run_cells("benchmarks/notebook_saving", after=after, cells=2, kilobytes=2)
    assert done.red == ["whole-on-disk"]


@pytest.mark.exhaustive
@pytest.mark.slow
def test_three_notebooks_at_once_are_green(run_cells: Callable[..., Any]):
    done = run_cells("benchmarks/many_notebooks", notebooks=3, slots=3)
    assert done.red == []
    assert done.error is None


def fabricate(names: dict[str, Any], folder: Path) -> None:
    """Have ``run_command`` leave a run whose second notebook ran as if it were the first."""
    jobs = folder / "jobs"

    def run(*args: object, log: Path, **kwargs: object) -> float:
        for number in (0, 1):
            work = jobs / f"notebook-{number:03d}" / "work"
            work.mkdir(parents=True)
            (work.parent / "output.log").write_text("OSError: Address already in use\n")
            stamp = "2026-01-02T03:04:05Z"
            outcome = {"status": "passed", "kernel": "warm", "attempts": [{}] * (number + 1)}
            (work.parent / "outcome.json").write_text(
                json.dumps({**outcome, "started": stamp, "ended": stamp})
            )
            mark = {"number": 0, "job": "notebook-000", "cwd": str(jobs / "notebook-000" / "work")}
            more = {"pid": 7, "temporary": str(folder), "found": ["0", None]}
            (work / "mark.json").write_text(json.dumps(mark | more))
        (names["bench"].outputs / "run").symlink_to(folder)
        (folder / "run.json").touch()
        (names["bench"].runtime / "pb-left").mkdir()
        log.write_text("")
        return 1.0

    names["run_command"] = run


@pytest.mark.skipif(sys.platform != "linux", reason="symbolic links")
def test_notebooks_that_share_anything_are_red(run_cells: Callable[..., Any], tmp_path: Path):
    folder = tmp_path / "run"
    after = {"setup": lambda names: fabricate(names, folder)}
    done = run_cells("benchmarks/many_notebooks", after=after, notebooks=2, patience=0.0)
    own = ["own-number", "own-cwd", "own-job", "own-pid", "own-temporary"]
    logs = ["logs-without-trouble", "no-temporary-folder"]
    assert done.red == ["first-attempt", *own, "at-home", "found-nothing", *logs, "no-socket"]


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_a_command_that_starts_slowly_is_red(run_cells: Callable[..., Any], tmp_path: Path):
    slow = tmp_path / "slow"
    real = Path(sys.executable).parent / "proofbook"
    slow.write_text(f'#!/bin/sh\nsleep 0.6\nexec "{real}" "$@"\n')
    slow.chmod(0o755)
    done = run_cells("benchmarks/start_up", command=str(slow), rounds=1)
    assert done.red == ["help", "profile-error"]


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_command_that_starts_in_time_is_green(run_cells: Callable[..., Any]):
    done = run_cells("benchmarks/start_up", rounds=1, bar=60.0)
    assert done.red == []
    assert done.error is None
