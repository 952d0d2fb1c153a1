"""What is seen of a trainer in its own process, and that being seen changes nothing."""

from __future__ import annotations

import copy
import math
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from proofbook_systems.training.injected.gradients import scale_gradients
from proofbook_systems.training.injected.sitecustomize import watch_torch
from proofbook_systems.training.injected.tensors import can_tell_draws
from proofbook_systems.training.next_batches import first_still
from proofbook_systems.training.watched_updates import wrong_target
from proofbook_systems.training.watching import (
    Watched,
    read_watch,
    row_digest,
    watch_environment,
    weight_sums,
)

Look = Callable[[], Watched]


class Net(nn.Module):
    """Embeds, mixes and projects."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 8)
        self.head = nn.Linear(8, 50)

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        out: torch.Tensor = self.head(self.embed(input_ids))
        return out


@pytest.fixture
def look(tmp_path: Path) -> Iterator[Look]:
    watcher = watch_torch(torch, str(tmp_path), whole_rows=True)
    yield lambda: read_watch(tmp_path)
    watcher.stop()


@pytest.fixture
def net() -> Net:
    torch.manual_seed(3)
    return Net()


def ids(seed: int, rows: int = 3, length: int = 10) -> torch.Tensor:
    return torch.randint(5, 50, (rows, length), generator=torch.Generator().manual_seed(seed))


def sgd(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)


def step(net: nn.Module, optimizer: torch.optim.Optimizer, *batches: torch.Tensor) -> None:
    optimizer.zero_grad()
    for batch in batches:
        net(batch).square().mean().backward()
    optimizer.step()


def test_each_update_has_the_rows_it_was_made_of(look: Look, net: Net) -> None:
    optimizer = sgd(net)
    step(net, optimizer, ids(0))
    step(net, optimizer, ids(1), ids(2))
    seen = look()
    assert [len(update.batches) for update in seen.updates] == [1, 2]
    assert [row.digest for row in seen.rows(2)[3:]] == [row_digest(row) for row in ids(2).numpy()]
    assert seen.rows(1)[0].first == tuple(ids(0)[0].tolist())


def test_keywords_are_seen_as_arguments_are(look: Look, net: Net) -> None:
    optimizer = sgd(net)
    net(labels=ids(5), input_ids=ids(4)).mean().backward()
    optimizer.step()
    assert [row.digest for row in look().rows(1)] == [row_digest(row) for row in ids(4).numpy()]


def test_a_masked_row_is_told_by_what_it_was(look: Look, net: Net) -> None:
    optimizer, whole = sgd(net), ids(6)
    labels, masked = torch.full_like(whole, -100), whole.clone()
    labels[:, 2], masked[:, 2] = whole[:, 2], 1
    net(masked, labels=labels).mean().backward()
    optimizer.step()
    rows = look().rows(1)
    assert [row.source for row in rows] == [row_digest(row) for row in whole.numpy()]
    assert [row.digest for row in rows] == [row_digest(row) for row in masked.numpy()]


def test_what_does_not_train_is_no_batch(look: Look, net: Net) -> None:
    optimizer = sgd(net)
    with torch.no_grad():
        net(ids(7))
    net.eval()(ids(7))
    net.train()
    step(net, optimizer, ids(8))
    assert len(look().rows(1)) == 3


def test_an_update_in_the_mode_for_evaluation_is_told_with_its_rows(look: Look, net: Net) -> None:
    optimizer = sgd(net)
    step(net.eval(), optimizer, ids(1))
    net(ids(2))  # an evaluation that computes gradients is none of the next update's
    step(net.train(), optimizer, ids(3))
    first, second = look().updates
    assert (first.in_eval_mode, len(first.rows)) == (True, 3)
    assert (second.in_eval_mode, [row.digest for row in second.rows]) == (
        False, [row_digest(row) for row in ids(3).numpy()])  # fmt: skip


def test_a_teacher_that_is_frozen_is_not_what_trains(look: Look, net: Net) -> None:
    teacher = Net().eval().requires_grad_(False)
    optimizer = sgd(net)
    teacher(ids(0))
    step(net, optimizer, ids(1))
    assert [len(update.batches) for update in look().updates] == [1]


def test_a_network_without_data_that_counts_operations_is_left_out(look: Look, net: Net) -> None:
    with torch.device("meta"):
        counted, batch = Net(), torch.zeros((3, 10), dtype=torch.int64)
    step(counted, sgd(counted), batch)
    step(net, sgd(net), ids(9))
    seen = look()
    assert (seen.fault, len(seen.updates), len(seen.updates[0].batches)) == ("", 1, 1)
    assert [row.digest for row in seen.rows(1)] == [row_digest(row) for row in ids(9).numpy()]


def test_dropout_is_seen_by_what_it_draws(look: Look, net: Net) -> None:
    network = nn.Sequential(net, nn.Dropout(0.3))
    optimizer = sgd(network)
    step(network, optimizer, ids(0))
    network[1].eval()
    step(network, optimizer, ids(1))
    assert [update.drew for update in look().updates] == [True, False]
    assert look().dropout == {0.3}


def test_weights_and_settings_are_told_before_and_after(look: Look, net: Net) -> None:
    optimizer, before = sgd(net), weight_sums(net.head.weight)
    step(net, optimizer, ids(0))
    after = weight_sums(net.head.weight)
    optimizer.param_groups[0]["weight_decay"] = 0.5
    step(net, optimizer, ids(0))
    first, second = look().updates
    assert (first.before["head.weight"], first.weights["head.weight"]) == (before, after)
    assert (dict(second.before), second.settings[0]["weight_decay"]) == ({}, 0.5)
    assert first.settings[0]["weight_decay"] == 0.0


def test_a_scale_that_is_too_large_overflows_at_first_and_falls(
    look: Look, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.amp.GradScaler, "__init__", torch.amp.GradScaler.__init__)
    scale_gradients(torch, 40)
    scaler, optimizer = torch.amp.GradScaler("cpu"), sgd(net)
    for seed in range(6):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = net(ids(seed)).float().square().mean()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    assert 1 <= len(look().updates) < 6
    assert scaler.get_scale() < 2.0**40
    assert all(math.isfinite(update.grad_norm) for update in look().updates)


def test_a_loss_with_targets_is_no_network(look: Look, net: Net) -> None:
    optimizer, loss = sgd(net), nn.CrossEntropyLoss()
    loss(net(ids(1)).flatten(0, 1), ids(2).flatten()).backward()
    optimizer.step()
    assert len(look().updates[0].batches) == 1


def test_a_wrapped_network_gives_each_batch_once(look: Look, net: Net) -> None:
    optimizer, wrapped = sgd(net), nn.Sequential(net)
    step(net, optimizer, ids(0))
    step(wrapped, optimizer, ids(1))
    assert [len(update.batches) for update in look().updates] == [1, 1]


def test_parameters_are_told_apart_by_what_became_of_them(look: Look, net: Net) -> None:
    net.unused = nn.Linear(2, 2)
    net.head.bias.requires_grad_(False)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    step(net, optimizer, ids(0))
    first = look().updates[0]
    assert first.moved == {"embed.weight", "head.weight"}
    assert first.no_gradient == {"head.bias", "unused.weight", "unused.bias"}
    assert not first.unmoved
    assert first.rates == (0.1,)
    assert first.grad_norm == pytest.approx(
        sum(float(p.grad.square().sum()) for p in net.parameters() if p.grad is not None) ** 0.5
    )


def test_a_parameter_that_should_move_and_does_not_is_seen(look: Look, net: Net) -> None:
    optimizer = sgd(net)
    optimizer.param_groups[0]["params"] = [net.embed.weight]
    optimizer.add_param_group({"params": [net.head.weight], "lr": 0.0})
    step(net, optimizer, ids(0))
    update = look().updates[0]
    assert (update.unmoved, update.moved) == ({"head.weight"}, {"embed.weight"})


def test_a_gradient_of_zero_is_neither_missing_nor_unmoved(look: Look, net: Net) -> None:
    optimizer = sgd(net)
    (net(ids(0)) * 0).sum().backward()
    optimizer.step()
    update = look().updates[0]
    assert len(update.zero_gradient) == 3
    assert not update.unmoved | update.no_gradient


def test_a_closure_makes_its_batch_and_gradient_within_the_step(look: Look, net: Net) -> None:
    optimizer = sgd(net)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = net(ids(0)).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[arg-type]  # as trainers call it
    update = look().updates[0]
    assert len(update.rows) == 3
    assert len(update.moved) == 3


def test_two_optimizers_of_one_backward_pass_make_one_update(look: Look, net: Net) -> None:
    first = torch.optim.SGD(net.embed.parameters(), lr=0.1)
    second = torch.optim.SGD(net.head.parameters(), lr=0.2)
    for seed in range(2):
        step(net, first, ids(seed))
        second.step()
        second.zero_grad()
    updates = look().updates
    assert [update.rates for update in updates] == [(0.1, 0.2)] * 2
    assert len(updates[1].moved) == 3


def test_pixels_are_told_apart_too(look: Look) -> None:
    net = nn.Linear(4, 2)
    step(net, sgd(net), torch.arange(12.0).reshape(3, 4))
    rows = look().rows(1)
    assert len({row.digest for row in rows}) == 3
    assert rows[0].first == ()


def test_half_precision_and_sparse_gradients_are_read(look: Look) -> None:
    net = nn.Embedding(9, 4, sparse=True)
    step(net, sgd(net), ids(0) % 9)
    half = nn.Linear(4, 2).bfloat16()
    step(half, sgd(half), torch.ones(2, 4, dtype=torch.bfloat16))
    seen = look()
    assert not seen.fault
    assert [len(update.moved) for update in seen.updates] == [1, 2]


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_network_is_seen_from_outside(look: Look, net: Net) -> None:
    compiled: Any = torch.compile(net, backend="eager", fullgraph=True)
    optimizer = sgd(net)
    step(compiled, optimizer, ids(0))
    seen = look()
    assert [len(update.batches) for update in seen.updates] == [1]
    assert "embed.weight" in seen.updates[0].moved
    torch.compiler.reset()


def test_a_watched_network_is_copied_and_saved_as_any_other(look: Look, net: Net) -> None:
    step(net, sgd(net), ids(0))
    assert pickle.loads(pickle.dumps(copy.deepcopy(net))).training


def test_watching_draws_nothing_and_changes_nothing(tmp_path: Path) -> None:
    def train() -> list[torch.Tensor]:
        torch.manual_seed(1)
        net = nn.Sequential(Net(), nn.Dropout(0.3))
        optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
        for seed in range(5):
            step(net, optimizer, ids(seed))
        return [*net.state_dict().values(), torch.get_rng_state()]

    alone = train()
    watcher = watch_torch(torch, str(tmp_path))
    watched = train()
    watcher.stop()
    assert all(torch.equal(a, b) for a, b in zip(alone, watched, strict=True))
    assert len(read_watch(tmp_path).updates) == 5


def test_a_failing_look_is_told_and_the_training_goes_on(
    look: Look, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimizer = sgd(net)
    step(net, optimizer, ids(0))
    monkeypatch.setattr(torch.linalg, "vector_norm", None)
    step(net, optimizer, ids(1))
    monkeypatch.undo()
    seen = look()
    assert len(seen.updates) == 1
    assert "TypeError" in seen.fault
    assert seen.why_no_rows.startswith("nothing could be seen of the trainer after update 1: Type")


def test_draws_on_a_device_whose_generator_is_not_looked_at_are_not_known() -> None:
    """As on a Mac's GPU; dropout would seem to be off."""
    assert can_tell_draws(Net())
    assert not can_tell_draws(Net().to("meta"))


def test_batches_after_the_last_update_are_kept(look: Look, net: Net, tmp_path: Path) -> None:
    step(net, sgd(net), ids(0))
    net(ids(1))
    with next(tmp_path.glob("*.jsonl")).open("a") as file:
        file.write('{"batch": [["cut')
    assert len(look().pending) == 1


def test_nothing_seen_is_told_as_nothing(tmp_path: Path) -> None:
    assert "no update" in read_watch(tmp_path).why_empty


_PROGRAM = """
import importlib.util, sys, sitecustomize
assert importlib.util.find_spec("torch")  # as transformers asks, without importing it
import torch
assert hasattr(sitecustomize, "MINE"), sitecustomize
from torch.utils.data import DataLoader
torch.manual_seed(0)
net = torch.nn.Embedding(9, 4)
optimizer = torch.optim.Adam(net.parameters())
for batch in DataLoader(torch.arange(16) % 9, batch_size=4, num_workers=2, shuffle=True):
    net(batch[None]).sum().backward()
    optimizer.step()
torch.save(net.state_dict(), sys.argv[1])
"""


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_program_is_watched_from_its_start_beside_its_own_customisation(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("MINE = True\n")
    weights = []
    for watched in (False, True):
        variables = {"PYTHONPATH": str(own), "PYTHONDONTWRITEBYTECODE": "1"}
        if watched:
            variables |= watch_environment(tmp_path / "watch", variables)
        target = tmp_path / f"{watched}.pt"
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(target)], check=True, env=os.environ | variables
        )
        weights.append(torch.load(target)["weight"])
    assert torch.equal(*weights)
    seen = read_watch(tmp_path / "watch")
    assert (len(seen.updates), seen.processes) == (4, 1)
    assert seen.updates[0].moved == {"weight"}


class Reader(Net):
    """Returns logits with their loss, and may shift labels itself, as transformers does."""

    def __init__(self, *, shifts: bool) -> None:
        super().__init__()
        self.shifts = shifts

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor | None = None) -> Any:
        logits = super().forward(input_ids)
        assert labels is not None
        ours, theirs = (logits[:, :-1], labels[:, 1:]) if self.shifts else (logits, labels)
        loss = nn.functional.cross_entropy(ours.flatten(0, 1), theirs.flatten(), ignore_index=-1)
        return {"loss": loss, "logits": logits}


class Deep(Net):
    """Has a layer more, and one that it does not use."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.unused = nn.Linear(8, 8), nn.Linear(2, 2)

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        out: torch.Tensor = self.head(self.inner(self.embed(input_ids)))
        return out


def from_place(place: int) -> torch.Tensor:
    return ids(4, length=16)[:, 3 + place :][:, :10]


@pytest.mark.parametrize(
    ("shifts", "labels", "predicts"),
    [
        (False, from_place(1), {1}),
        (True, from_place(0), {1}),
        (False, from_place(1).index_fill(1, torch.arange(4), -1), {1}),  # a prompt is not learnt
        (False, from_place(0), {0}),
        (True, from_place(1), {2}),
        (False, from_place(2), {2}),
        (False, from_place(-1), {-1}),
        (False, ids(9), set()),  # other ids, as of a translation
        (False, (from_place(0) > 20).long(), set()),  # a class of each id
        (False, torch.where(from_place(0) % 7 == 0, from_place(1), -1), set()),  # too few
    ],
)  # fmt: skip
def test_what_a_network_learns_to_predict_is_seen(
    look: Look, shifts: bool, labels: torch.Tensor, predicts: set[int]
) -> None:
    torch.manual_seed(3)
    net = Reader(shifts=shifts)
    optimizer = sgd(net)
    net(from_place(0), labels=labels)["loss"].backward()
    optimizer.step()
    seen = look()
    assert (seen.predicts, seen.fault) == (predicts, "")
    assert bool(wrong_target(seen)) == bool(predicts - {1})


def test_a_network_that_tells_no_loss_is_not_judged_by_what_it_predicts(
    look: Look, net: Net
) -> None:
    step(net, sgd(net), ids(0))
    assert (look().predicts, wrong_target(look())) == (frozenset(), "")


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (["embed.weight", "inner.weight", "inner.bias", "head.weight"], {"head.bias"}),
        (["head.weight", "head.bias"], set()),  # the rest is not to be learnt
        (["embed.weight", "inner.weight", "inner.bias", "head.weight", "head.bias"], set()),
    ],
)
def test_a_parameter_that_no_optimizer_has_is_named_where_most_have_one(
    look: Look, given: list[str], left: set[str]
) -> None:
    net = Deep()
    optimizer = torch.optim.SGD([dict(net.named_parameters())[name] for name in given], lr=0.1)
    step(net, optimizer, ids(0))
    assert look().left_out == left
    assert bool(first_still(look())) == bool(left)
