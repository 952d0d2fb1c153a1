"""Memory and throughput are green where they should be, and each check goes red on its fault."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import HANG

from proofbook.errors import ChecksFailed, SubjectError
from proofbook.records import Metric
from proofbook_systems.training.record import write_record
from proofbook_systems.training.running import Training

Run = Callable[..., Any]
SMALL = {"largest_batch": 16, "memory_limit": 400, "cycles": 1, "slack": 10.0}
FAST = {"steps": 40, "least_cores": 0.0, "unevenness": 1e5}
"""On a busy machine one step may take hundreds of times as long as the others."""


@pytest.fixture
def run(run_hungry: Run) -> Run:
    return run_hungry


@pytest.fixture(autouse=True)
def _own_shared_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder in its place, as that of the machine changes whenever another test runs."""
    folder = tmp_path / "shared-memory"
    folder.mkdir()
    monkeypatch.setattr("proofbook_systems.training.gpu_watch._SHARED", folder)
    monkeypatch.setenv("SHARED_MEMORY", str(folder))


@pytest.mark.exhaustive
@pytest.mark.usefixtures("no_gpu")
def test_the_largest_batch_is_found_and_memory_comes_back(run: Run) -> None:
    done = run("memory", "waits", **SMALL)
    assert done.error is None
    assert done.red == []
    assert 4 <= done.names["largest"] <= 9
    assert any(not trial.fits for trial in done.names["trials"].results)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("fault", ["well", "holds-more"])
def test_a_limit_follows_from_what_batches_take_here(run: Run, fault: str) -> None:
    sizes = {"first_batch": 8, "largest_batch": 64, "limit_above_batch": 8, "tolerance": 1.0}
    done = run("memory", fault, "waits", **sizes, cycles=1)
    assert done.error is None
    assert done.names["largest"] == 8
    assert [trial.size for trial in done.names["trials"].results] == [8, 16]
    assert done.names["trials"].limit > (520 if fault == "holds-more" else 320)
    (metric,) = [r for r in done.records if isinstance(r, Metric) and r.name == "largest_batch"]
    assert metric.labels == {"device": "CPU, measured limit"}


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("constant", r"train_batch_size 8 takes \d+ MB and 16 takes \d+ MB, too close"),
        ("fails", "with train_batch_size 8 the trainer exited with code 1: bad luck"),
    ],
)
def test_a_limit_that_cannot_be_found_is_one_line(run: Run, fault: str, message: str) -> None:
    done = run("memory", fault, limit_above_batch=8)
    assert isinstance(done.error, SubjectError)
    assert re.match(message, str(done.error))
    assert "\n" not in str(done.error)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    ("fault", "parameters", "red"),
    [
        ("killed", {}, ["says-out-of-memory"]),
        ("well", {"least_batch": 12}, ["batch-fits"]),
        ("litter", {}, ["memory-back-after-interrupt", "memory-back-after-training"]),
        ("grows", {}, ["no-leak-over-cycles"]),
    ],
)
def test_memory_that_is_lost_is_red(
    run: Run, monkeypatch: pytest.MonkeyPatch, fault: str, parameters: dict[str, Any],
    red: list[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("proofbook_systems.training.cycling._PATIENCE", 0.3)
    done = run("memory", fault, "waits", **{**SMALL, **parameters})
    assert isinstance(done.error, ChecksFailed)
    assert done.red == red


@pytest.mark.exhaustive
@pytest.mark.usefixtures("no_gpu")
def test_a_training_that_cannot_be_interrupted_says_nothing_about_memory(run: Run) -> None:
    done = run("memory", "deaf", **SMALL)
    assert done.red == ["each-was-interrupted"]
    assert "SIGINT did not interrupt it" in str(done.checks["each-was-interrupted"].actual)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(("late", "tries"), [(1, 2), (9, 4)])
def test_a_training_that_was_over_too_early_is_not_blamed(
    run: Run, monkeypatch: pytest.MonkeyPatch, late: int, tries: int
) -> None:
    usual, holds = Training.hold, list[int]()

    def hold(self: Training) -> None:
        holds.append(1)
        if len(holds) <= late:
            self.wait(HANG)  # as on a machine where this process gets no turn
        usual(self)

    monkeypatch.setattr(Training, "hold", hold)
    done = run("memory", **{**SMALL, "largest_batch": 1})
    assert (done.red, len(holds)) == ([], tries)
    assert ("was at its last step before it was interrupted" in str(done.error)) is (late > 1)


@pytest.mark.usefixtures("no_gpu")
def test_another_failure_than_memory_is_said(run: Run) -> None:
    done = run("memory", "mumbles", **SMALL)
    assert "with train_batch_size 16 the trainer exited with code 1: no room" in str(done.error)


def test_a_gpus_memory_is_its_drivers(run: Run, put_gpu: Callable[..., None]) -> None:
    put_gpu(memory=9100)
    done = run("memory", "waits", **{**SMALL, "largest_batch": 2})
    assert done.red == []
    assert [use.peak for use in done.names["used"]] == [pytest.approx(9542, abs=1)] * 2
    assert [use.kept for use in done.names["used"]] == [0, 0]


@pytest.mark.exhaustive(keep=1)
@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    ("fault", "parameters", "red"),
    [
        ("well", {"slowest": 60.0}, []),
        ("well", {"slowest": 0.001}, ["seconds-per-step"]),
        ("sleepy", {"least_cores": 0.9}, ["cores-busy"]),
        ("uneven", {"unevenness": 3.0}, ["steady"]),
    ],
)
def test_a_training_that_waits_is_red(
    run: Run, fault: str, parameters: dict[str, Any], red: list[str]
) -> None:
    done = run("throughput", fault, **{**FAST, **parameters})
    assert done.red == red
    assert (done.checks["seconds-per-step"].status == "skipped") is ("slowest" not in parameters)


def test_a_gpu_is_compared_with_its_row_of_the_table(
    run: Run, put_gpu: Callable[..., None]
) -> None:
    put_gpu(utilisation=40, memory=25_500, temperature=91)
    done = run("throughput", **FAST)
    assert done.red == ["gpu-utilisation", "gpu-temperature", "gpu-memory"]
    assert done.checks["seconds-per-step"].expected == "≤ 4"


def test_a_gpu_that_is_busy_and_cool_is_green(run: Run, put_gpu: Callable[..., None]) -> None:
    put_gpu()
    assert run("throughput", **FAST).red == []


@pytest.mark.usefixtures("no_gpu")
def test_a_record_is_judged_without_another_training(run: Run, tmp_path: Path) -> None:
    first = run("throughput", **FAST)
    record = write_record(first.names["ended"], tmp_path / "training.json")
    again = run("throughput", **FAST, record=str(record), train_command=["/none"], slowest=0.001)
    assert again.red == ["seconds-per-step"]
    assert again.names["pace"] == first.names["pace"]
    kinds = [[r.name for r in done.records if r.kind == "identity"] for done in (first, again)]
    assert kinds == [["trainer"], ["trainer"]]  # a measurement is no subject
