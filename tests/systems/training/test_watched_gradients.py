"""What is seen of gradients between updates: are they cleared, and how are they scaled?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from proofbook_systems.training.injected.sitecustomize import watch_torch
from proofbook_systems.training.watched_updates import kept_gradients, wrong_passes
from proofbook_systems.training.watching import Watched, read_watch

Look = Callable[[], Watched]


@pytest.fixture
def look(tmp_path: Path) -> Iterator[Look]:
    watcher = watch_torch(torch, str(tmp_path))
    yield lambda: read_watch(tmp_path)
    watcher.stop()


@pytest.fixture
def net() -> nn.Linear:
    torch.manual_seed(3)
    return nn.Linear(4, 2)


def passes(net: nn.Module, count: int = 1) -> None:
    for _ in range(count):
        net(torch.ones(3, 4)).square().mean().backward()


def test_a_gradient_that_is_added_to_the_one_before_is_named(look: Look, net: nn.Linear) -> None:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for clears in (True, True, False, True):
        if clears:
            optimizer.zero_grad()
        passes(net, 2)
        optimizer.step()
    assert [update.kept for update in look().updates] == [False, False, True, False]
    assert kept_gradients(look()).startswith("update 3 adds its gradient to that of update 2")


@pytest.mark.parametrize("to_none", [True, False])
@pytest.mark.parametrize("late", [True, False])
def test_gradients_may_be_cleared_in_any_way(
    look: Look, net: nn.Linear, to_none: bool, late: bool
) -> None:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(4):
        loss = net(torch.ones(3, 4)).square().mean()
        if not late:
            optimizer.zero_grad(set_to_none=to_none)
        loss.backward()
        passes(net)
        optimizer.step()
        if late:
            net.zero_grad(set_to_none=to_none)
    assert kept_gradients(look()) == ""


def test_another_networks_pass_through_one_keeps_nothing(look: Look, net: nn.Linear) -> None:
    """A generator learns through a discriminator, whose gradients are cleared before its own."""
    maker = nn.Linear(4, 4)
    judge, make = (torch.optim.SGD(each.parameters(), lr=0.01) for each in (net, maker))
    for _ in range(4):
        judge.zero_grad()
        passes(net)
        judge.step()
        make.zero_grad()
        net(maker(torch.ones(3, 4))).mean().backward()
        make.step()
    assert kept_gradients(look()) == ""


def changes(look: Look, net: nn.Linear, between: Callable[[], object], updates: int = 3) -> Watched:
    """Make updates of two passes each, with something between these."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(updates):
        optimizer.zero_grad()
        passes(net)
        between()
        passes(net)
        optimizer.step()
    return look()


def test_a_gradient_that_is_cut_between_passes_is_seen(look: Look, net: nn.Linear) -> None:
    seen = changes(look, net, lambda: nn.utils.clip_grad_norm_(net.parameters(), 0.01))
    assert [update.changed for update in seen.updates] == [False, True, True]


@pytest.mark.parametrize("largest", [math.inf, 1e9])
def test_a_gradient_that_is_looked_at_or_cleared_between_passes_is_right(
    look: Look, net: nn.Linear, largest: float
) -> None:
    seen = changes(look, net, lambda: nn.utils.clip_grad_norm_(net.parameters(), largest))
    assert not any(update.changed or update.kept for update in seen.updates)
    seen = changes(look, net, net.zero_grad)
    assert not any(update.changed for update in seen.updates)


def test_a_gradient_that_overflows_in_a_pass_is_not_called_changed(
    look: Look, net: nn.Linear
) -> None:
    def spoil() -> None:
        (net(torch.ones(3, 4)).sum() * math.inf).backward()

    assert not any(update.changed for update in changes(look, net, spoil).updates)


@pytest.mark.parametrize(
    ("enabled", "scales"), [(True, [(8.0, 1.0), (8.0, 2.0)]), (False, [(), ()])]
)
def test_the_scale_of_gradients_is_told(
    look: Look, net: nn.Linear, enabled: bool, scales: list[tuple[float, ...]]
) -> None:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0, enabled=enabled)
    for _ in range(2):
        optimizer.zero_grad()
        scaler.scale(net(torch.ones(3, 4)).square().mean()).backward()
        scaler.step(optimizer)
        scaler.update()
    assert [update.scale for update in look().updates] == scales


def test_an_update_that_overflows_is_counted_and_its_rows_are_its_own(
    look: Look, net: nn.Linear
) -> None:
    optimizer, scaler = torch.optim.SGD(net.parameters(), lr=0.01), torch.amp.GradScaler("cpu")
    for factor in (1.0, math.inf, 1.0):
        optimizer.zero_grad()
        scaler.scale(net(torch.ones(3, 4)).square().mean() * factor).backward()
        scaler.step(optimizer)
        scaler.update()
    seen = look()
    assert ([update.skipped for update in seen.updates], seen.skipped) == ([0, 1], 1)
    assert [len(update.batches) for update in seen.updates] == [1, 1]
    assert wrong_passes(seen, 1, 3) == ""


def test_a_scaler_is_as_it_was_once_nobody_looks(tmp_path: Path) -> None:
    before = torch.amp.GradScaler.update
    watch_torch(torch, str(tmp_path)).stop()
    assert torch.amp.GradScaler.update is before
