"""A rate that follows its schedule in any convention is right; one that does not is named."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from proofbook_systems.training.learning_rates import (
    SCHEDULES,
    RatePlan,
    Schedule,
    compare_plans,
    explain_rates,
)

PLAN = RatePlan(schedule="cosine", peak=3e-3, warmup=10, total=100)


def hugging_face(plan: RatePlan, number: int) -> float:
    return plan.rate(number - 1)


def nano(plan: RatePlan, number: int) -> float:
    """As nanoGPT has it: the warm-up is over a step later, and the last rate is not 0."""
    made, warmup = number - 1, plan.warmup
    if made < warmup:
        return plan.peak * (made + 1) / (warmup + 1)
    part = (made - warmup) / (plan.total - warmup)
    low = plan.peak * plan.floor
    return low + (plan.peak - low) * (1 + math.cos(math.pi * part)) / 2


def rates(of: Callable[[int], float], updates: int = 100) -> dict[int, float]:
    return {number: of(number) for number in range(1, updates + 1)}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_schedules_of_transformers_are_followed(schedule: Schedule) -> None:
    from torch import nn, optim
    from transformers import get_scheduler

    optimizer = optim.AdamW(nn.Linear(1, 1).parameters(), lr=3e-3)
    scheduler = get_scheduler(schedule, optimizer, num_warmup_steps=10, num_training_steps=100)
    told = {}
    for number in range(1, 101):
        told[number] = scheduler.get_last_lr()[0]
        optimizer.step()
        scheduler.step()
    assert explain_rates(told, replace(PLAN, schedule=schedule)) == ""


@pytest.mark.parametrize(("warmup", "total"), [(10, 100), (5, 60), (3, 12)])
def test_another_way_to_count_is_right(warmup: int, total: int) -> None:
    """In a short training a step more or less is much: the decay begins where it does."""
    plan = replace(PLAN, floor=0.1, warmup=warmup, total=total)
    assert explain_rates(rates(lambda n: nano(plan, n), total), plan) == ""


def test_rates_that_are_told_rarely_are_judged_by_their_numbers() -> None:
    some = {n: rate for n, rate in rates(lambda n: PLAN.rate(n)).items() if n % 10 == 0}
    assert explain_rates(some, PLAN) == ""


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda n: PLAN.rate(2 * (n - 1)), "2 times as fast: the scheduler is stepped in each"),
        (lambda n: PLAN.rate((n - 1) / 4), "4 times as slowly: its steps were counted in forward"),
        (lambda n: replace(PLAN, warmup=0).rate(n - 1), "there is no warm-up"),
        (lambda n: 10 * PLAN.rate(n - 1), "it is 10 times that"),
        (lambda n: replace(PLAN, schedule="linear").rate(n - 1), "it is linear"),
        (lambda n: replace(PLAN, total=800).rate(n - 1), "its length is 8 times that"),
        (lambda _: 1e-3, "the scheduler is not stepped"),
        (lambda n: PLAN.rate(max(0, n - 3)), "it is 2 updates behind"),
    ],
)
def test_what_a_rate_fits_instead_is_named(made: Callable[[int], float], words: str) -> None:
    assert words in explain_rates(rates(made), PLAN, passes=2)


def test_a_short_warm_up_that_is_left_out_is_no_faster_schedule() -> None:
    plan = replace(PLAN, schedule="constant_with_warmup", warmup=4)
    assert explain_rates(rates(lambda _: plan.peak), plan).endswith("there is no warm-up")


def test_a_rate_that_fits_nothing_is_told_where_it_departs() -> None:
    odd = rates(lambda n: PLAN.rate(n - 1)) | {50: 9e-3}
    words = explain_rates(odd, PLAN)
    assert words.startswith("update 50 has the rate 0.009, and ")


def test_a_resumption_with_another_plan_is_named_at_its_first_update() -> None:
    alone = rates(lambda n: PLAN.rate(n - 1))
    assert compare_plans({n: alone[n] for n in (51, 52)}, alone) == ""
    words = compare_plans({51: alone[51], 52: 1e-3}, alone)
    assert words.startswith("update 52 has the rate 0.001, and ")


def test_a_rate_that_is_no_number_leaves_its_plan() -> None:
    plan = RatePlan(schedule="linear", peak=1e-3, warmup=0, total=10)
    rates = {n: plan.rate(n - 1) for n in range(1, 11)}
    assert explain_rates(rates, plan) == ""
    assert explain_rates(rates | {5: math.nan}, plan).startswith("update 5 has the rate nan")
