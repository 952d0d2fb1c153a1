"""The GPU runbooks are green where they should be, and each check goes red on what it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from proofbook.errors import ChecksFailed

Run = Callable[..., Any]
SMALL = {"largest_batch": 16, "memory_limit": 400, "cycles": 1, "slack": 10.0}
FAST = {"steps": 40, "least_cores": 0.08, "unevenness": 15.0}
"""Bounds that a well-behaved training keeps on a busy machine, and a sleeping one does not."""


@pytest.fixture(autouse=True)
def _clean_shared_memory() -> Iterator[None]:
    yield
    for path in Path("/dev/shm").glob("proofbook-litter-*"):
        path.unlink()


@pytest.mark.usefixtures("no_card")
def test_without_a_card_the_environment_is_skipped(run_cells: Run) -> None:
    found = run_cells("gpu/environment")
    assert found.red == []
    assert {check.status for check in found.checks.values()} == {"skipped"}
    assert found.checks["gpu-card"].reason == "nvidia-smi is not on the PATH"


def test_a_card_that_torch_does_not_see_is_red(
    run_cells: Run, card: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.version.cuda", None)
    card()
    found = run_cells("gpu/environment", memory_gb=48.0, free_gb=22.0, name="4070")
    assert found.red == [
        "gpu-name", "gpu-memory", "gpu-memory-free", "gpu-torch", "gpu-cuda", "gpu-same-name"
    ]  # fmt: skip


@pytest.mark.usefixtures("no_card")
def test_the_largest_batch_is_found_and_memory_comes_back(run: Run) -> None:
    found = run("memory", **SMALL)
    assert found.error is None
    assert found.red == []
    assert 4 <= found.names["largest"] <= 9
    assert any(not trial.fits for trial in found.names["trials"].made)


@pytest.mark.usefixtures("no_card")
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
    monkeypatch.setattr("proofbook_systems.gpu.cycling._PATIENCE", 0.3)
    found = run("memory", fault, **{**SMALL, **parameters})
    assert isinstance(found.error, ChecksFailed)
    assert found.red == red


@pytest.mark.usefixtures("no_card")
def test_another_failure_than_memory_is_said(run: Run) -> None:
    found = run("memory", "mumbles", **SMALL)
    assert "with train_batch_size 16 the trainer exited with code 1: no room" in str(found.error)


def test_a_cards_memory_is_its_drivers(run: Run, card: Callable[..., None]) -> None:
    card(memory=9100)
    found = run("memory", **{**SMALL, "largest_batch": 2})
    assert found.red == []
    assert [use.peak for use in found.names["used"]] == [pytest.approx(9542, abs=1)] * 2
    assert [use.kept for use in found.names["used"]] == [0, 0]


@pytest.mark.usefixtures("no_card")
@pytest.mark.parametrize(
    ("fault", "parameters", "red"),
    [
        ("well", {"slowest": 5.0}, []),
        ("well", {"slowest": 0.001}, ["seconds-per-step"]),
        ("sleepy", {}, ["cores-busy"]),
        ("uneven", {"unevenness": 3.0}, ["steady"]),
    ],
)
def test_a_training_that_waits_is_red(
    run: Run, fault: str, parameters: dict[str, Any], red: list[str]
) -> None:
    found = run("throughput", fault, **{**FAST, **parameters})
    assert found.red == red
    assert (found.checks["seconds-per-step"].status == "skipped") is ("slowest" not in parameters)


def test_a_card_is_held_to_its_row_of_the_table(run: Run, card: Callable[..., None]) -> None:
    card(utilisation=40, memory=25_500, temperature=91)
    found = run("throughput", **FAST)
    assert found.red == ["gpu-utilisation", "gpu-temperature", "gpu-memory"]
    assert found.checks["seconds-per-step"].expected == "≤ 4"


def test_a_card_that_is_busy_and_cool_is_green(run: Run, card: Callable[..., None]) -> None:
    card()
    assert run("throughput", **FAST).red == []
