"""The GPU runbook is skipped without a GPU, and red on one that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proofbook_systems.gpu.devices import describe_torch, is_at_least, multiply

Run = Callable[..., Any]


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_every_check_is_skipped(run_cells: Run) -> None:
    done = run_cells("gpu/environment")
    assert done.red == []
    assert {check.status for check in done.checks.values()} == {"skipped"}
    assert done.checks["gpu-found"].reason == "nvidia-smi is not on the PATH"


def test_an_index_that_no_gpu_has_is_skipped_with_it(
    run_cells: Run, put_gpu: Callable[..., None]
) -> None:
    put_gpu()
    done = run_cells("gpu/environment", index=3)
    assert done.checks["gpu-found"].reason == "there is no GPU 3"


def test_a_gpu_that_torch_does_not_see_is_red(
    run_cells: Run, put_gpu: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.version.cuda", None)
    put_gpu()
    done = run_cells("gpu/environment", memory_gb=48.0, free_gb=22.0, name="4070")
    assert done.red == [
        "gpu-name", "gpu-memory", "gpu-memory-free", "gpu-torch", "gpu-cuda", "gpu-same-name"
    ]  # fmt: skip


def test_of_a_gpu_any_name_is_right_where_none_is_asked_for(
    run_cells: Run, put_gpu: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    put_gpu()
    done = run_cells("gpu/environment")
    assert "gpu-name" not in done.checks
    assert done.checks["gpu-driver"].status == done.checks["gpu-memory"].status == "passed"


def test_products_are_right_on_the_cpu() -> None:
    products = multiply("cpu", 64)
    assert [each.format for each in products] == ["float32", "float16", "bfloat16"]
    assert all(0 < each.error <= each.allowed for each in products)
    assert products[0].error < products[1].error < products[2].error


def test_versions_of_cuda_are_compared_as_versions() -> None:
    assert is_at_least("11.8", "12.1")
    assert not is_at_least("11.8", "9.2")
    assert not is_at_least("11.8", "")
    assert describe_torch(99).usable is False
