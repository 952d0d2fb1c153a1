"""A new optimizer beside a scheduler that was restored: which of the two is named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from proofbook_systems.training.evidence import Evidence
from proofbook_systems.training.optimizer_signatures import new_optimizer
from proofbook_systems.training.signatures import SIGNATURES, recognise
from proofbook_systems.training.steps import Step

COUNTER, COUNT = "state.pt:opt.state.0.step", "state.pt:sched.last_epoch"
RATE = 0.5


def resumed(
    *, counter: float = 10, count: int | None = 30, rate: float = 2 * RATE
) -> Evidence:  # fmt: skip
    """Return what is known of a resumption from 20, looked at in the checkpoint of 30."""
    ours: dict[str, Any] = {COUNTER: counter, "state.pt:sched._get_lr_called": False}
    theirs: dict[str, Any] = {COUNTER: 30.0, COUNT: 30, "state.pt:sched._get_lr_called": False}
    if count is not None:
        ours[COUNT] = count
    differing: dict[Any, dict[str, float]] = {}
    if counter != 30:
        differing["step counters"] = {COUNTER: 30.0 - counter}
    if count not in (None, 30):
        differing["scheduler"] = {COUNT: 1.0}
    steps = {n: Step(n, 1.0, RATE) for n in range(1, 41)}
    control = SimpleNamespace(
        steps=steps, saved=[10, 20, 30, 40], is_repeatable=lambda _: True, step_of=int,
        numbering=SimpleNamespace(stride=1, first=1), save_ranges=[], checkpoints=[object()],
        ended=SimpleNamespace(recognised=None),
    )  # fmt: skip
    cycle = SimpleNamespace(newest=20, newest_called=20, weights_of=None, checkpoints=[20])
    return Evidence(
        cycle=cast(Any, cycle), resumed_at=20, control=cast(Any, control), at=30,
        told={n: Step(n, 1.0, rate) for n in range(21, 41)}, states=differing, ours=ours,
        theirs=theirs, saved=frozenset(), unsaved=(), coarse=False,
    )  # fmt: skip


def test_a_rate_of_a_new_optimizer_is_not_blamed_on_the_scheduler() -> None:
    found = recognise(resumed())
    assert found is not None
    assert "say 10 and not 30" in found.words
    assert "the optimizer was not restored, neither its moments nor the rate" in found.words
    assert found.shown >= {"rates", "moments"}


@pytest.mark.parametrize(
    "change",
    [
        {"counter": 30.0},  # the optimizer has counted on
        {"counter": 25.0},  # it has counted otherwise
        {"count": 10},  # the scheduler began again, too
        {"count": None},  # no scheduler is saved
        {"rate": RATE},  # the rates are the same
    ],
)
def test_what_may_come_of_something_else_is_not_called_a_new_optimizer(
    change: dict[str, Any],
) -> None:
    assert new_optimizer(resumed(**change)) is None


def test_a_scheduler_that_began_again_is_named_as_before() -> None:
    found = recognise(resumed(count=10))
    assert found is not None
    assert found.words.endswith("the scheduler was not restored")


def test_it_is_asked_before_the_scheduler_is_blamed() -> None:
    names = [each.__name__ for each in SIGNATURES]
    assert names.index("new_optimizer") < names.index("_scheduler")
