"""What running jobs occupy is accounted exactly, GPU by GPU."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from proofbook.resources import Resources
from proofbook.runner.capacity import Capacity, Pool

CAPACITY = Capacity(slots=12, cpus=4, memory_gb=8, gpus=("0", "1"))


def take(pool: Pool, capacity: Capacity = CAPACITY, **declared: float) -> tuple[str, ...] | None:
    """Take resources; return the GPUs, or None where there is no room."""
    allocation = pool.find(capacity.request(Resources.model_validate(declared)))
    if allocation is None:
        return None
    pool.take(allocation)
    return allocation.gpus


def test_each_gpu_job_gets_its_own() -> None:
    pool = Pool(CAPACITY)
    assert [take(pool, gpus=1, cpus=1) for _ in range(3)] == [("0",), ("1",), None]


def test_shares_of_a_gpu_are_put_together_and_whole_ones_kept_free() -> None:
    pool = Pool(CAPACITY)
    assert [take(pool, gpus=0.5), take(pool, gpus=0.5), take(pool, gpus=1)] == [
        ("0",),
        ("0",),
        ("1",),
    ]
    assert take(pool, gpus=0.1) is None


def test_ten_tenths_are_one_gpu() -> None:
    pool = Pool(CAPACITY)
    assert [take(pool, gpus=0.1) for _ in range(10)] == [("0",)] * 10
    assert take(pool, gpus=2) is None


def test_a_whole_gpu_is_not_shared() -> None:
    pool = Pool(CAPACITY)
    take(pool, gpus=2)
    assert take(pool, gpus=0.1) is None


def test_what_was_given_back_can_be_taken_again() -> None:
    pool = Pool(CAPACITY)
    allocation = pool.find(CAPACITY.request(Resources(cpus=4, gpus=2, memory_gb=8)))
    assert allocation is not None
    pool.take(allocation)
    assert pool.find(CAPACITY.request(Resources(cpus=1))) is None
    pool.give_back(allocation)
    assert pool.find(CAPACITY.request(Resources(cpus=4, gpus=2, memory_gb=8))) == allocation


@pytest.mark.parametrize("slots", [1, 3, 7, 16])
def test_jobs_that_declare_nothing_fill_every_slot(slots: int) -> None:
    capacity = Capacity(slots=slots, cpus=2, memory_gb=1)
    pool = Pool(capacity)
    assert [take(pool, capacity) for _ in range(slots + 1)] == [()] * slots + [None]
    assert pool.full


def test_what_no_job_can_ever_have_is_named() -> None:
    wanted = Resources(cpus=64, gpus=3, memory_gb=10_000)
    assert CAPACITY.lacking(wanted) == {
        "cpus": "needs 64 cpus, found 4",
        "gpus": "needs 3 gpus, found 2",
        "memory_gb": "needs 10000 memory_gb, found 8",
    }
    assert CAPACITY.lacking(Resources(cpus=4, gpus=2, memory_gb=8)) == {}
    without = Capacity(slots=1, cpus=1, memory_gb=1, gpu_problem="nvidia-smi is not on the PATH")
    assert without.lacking(Resources(gpus=0.5)) == {
        "gpus": "needs 0.5 gpus, found 0 (nvidia-smi is not on the PATH)"
    }


@pytest.mark.parametrize(
    "declared",
    [
        *({"gpus": amount} for amount in (1.5, -1, True, float("inf"))),
        *({"cpus": amount} for amount in (0, 1.5)),
        *({"memory_gb": amount} for amount in (float("nan"), "8")),
        {"gpu": 1},
    ],
)
def test_amounts_that_mean_nothing_are_refused(declared: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Resources.model_validate(declared)


def test_a_jobs_resources_go_over_the_defaults_one_by_one() -> None:
    defaults = Resources(cpus=2, gpus=1)
    assert Resources(gpus=0).over(defaults) == Resources(cpus=2, gpus=0)
    assert Resources(memory_gb=3).over(defaults) == Resources(cpus=2, gpus=1, memory_gb=3)
