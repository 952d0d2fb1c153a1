"""What departs first after a crash is named as what it is: a small training, really resumed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from proofbook_systems.training.departing_updates import Cause, find_cause
from proofbook_systems.training.final_model import FinalModel
from proofbook_systems.training.injected.sitecustomize import watch_torch
from proofbook_systems.training.injected.tensors import without_wrappers
from proofbook_systems.training.layouts import Checkpoint
from proofbook_systems.training.next_batches import line_up, updates_with
from proofbook_systems.training.saved_weights import (
    judge_final_weights,
    judge_saved_weights,
    read_tensors,
)
from proofbook_systems.training.watching import Watched, read_watch

AT, TOTAL = 4, 7


class Run:
    """Embeds, drops, projects; two passes an update, clipped, with a schedule and an average."""

    def __init__(self) -> None:
        torch.manual_seed(5)
        self.net = nn.Sequential(nn.Embedding(30, 6), nn.Dropout(0.2), nn.Linear(6, 30))
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=0.05)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda n: 1 / (n + 1))
        self.average = copy.deepcopy(self.net.state_dict())
        self.step, self.passes, self.limit, self.scale = 0, 2, 0.3, 1.0

    def make(self) -> None:
        self.optimizer.zero_grad()
        for part in range(self.passes):
            ids = (torch.arange(8).reshape(2, 4) * 7 + 11 * self.step + 5 * part) % 30
            logits = self.net(ids).flatten(0, 1)
            loss = nn.functional.cross_entropy(logits, ids.flatten())
            (loss * 3 * self.scale / self.passes).backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), self.limit)
        self.optimizer.step()
        self.scheduler.step()
        self.step += 1
        for name, value in self.net.state_dict().items():
            self.average[name] = 0.5 * self.average[name] + 0.5 * value

    def state(self) -> dict[str, Any]:
        return copy.deepcopy({
            "model": self.net.state_dict(), "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(), "ema": self.average, "step": self.step,
            "rng": torch.get_rng_state(),
        })  # fmt: skip

    def restore(self, state: dict[str, Any], *left_out: str) -> None:
        parts = {"model": self.net, "optimizer": self.optimizer, "scheduler": self.scheduler}
        for name, part in parts.items():
            if name not in left_out:
                part.load_state_dict(copy.deepcopy(state[name]))
        self.step = state["step"]
        if "rng" not in left_out:
            torch.set_rng_state(state["rng"])


class Alone(NamedTuple):
    """The training left alone, and what it has saved."""

    seen: Watched
    states: dict[int, dict[str, Any]]


def watched(folder: Path, work: Callable[[], None]) -> Watched:
    folder.mkdir(exist_ok=True)
    watcher = watch_torch(torch, str(folder))
    try:
        work()
    finally:
        watcher.stop()
    return read_watch(folder)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    states: dict[int, dict[str, Any]] = {}

    def work() -> None:
        run = Run()
        while run.step < TOTAL:
            run.make()
            states[run.step] = run.state()

    return Alone(watched(tmp_path_factory.mktemp("alone"), work), states)


def resumed(alone: Alone, folder: Path, change: Callable[[Run, dict[str, Any]], None]) -> Watched:
    def work() -> None:
        run, state = Run(), copy.deepcopy(alone.states[AT])
        change(run, state)
        while run.step < TOTAL:
            run.make()

    return watched(folder, work)


def cause_of(
    alone: Alone, folder: Path, change: Callable[[Run, dict[str, Any]], None],
    saved: dict[str, Any] | None = None,
) -> Cause | None:  # fmt: skip
    """Resume with a change, and name what departs; the checkpoint is that of a right trainer."""
    seen = resumed(alone, folder / "watch", change)
    place = folder / "checkpoint-4.pt"
    torch.save(saved or alone.states[AT], place)
    return find_cause(line_up(alone.seen, seen, AT), read_tensors(Checkpoint(AT, place)))


def plainly(run: Run, state: dict[str, Any]) -> None:
    run.restore(state)


def after(change: Callable[[Run], object]) -> Callable[[Run, dict[str, Any]], None]:
    def apply(run: Run, state: dict[str, Any]) -> None:
        run.restore(state)
        change(run)

    return apply


def without(*parts: str) -> Callable[[Run, dict[str, Any]], None]:
    return lambda run, state: run.restore(state, *parts)


def with_model(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[..., None]:
    return lambda run, state: run.restore(state | {"model": change(state)})


def group(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = run.optimizer.param_groups[0]
    return found


def forget(run: Run, *names: str) -> None:
    for parameter in (dict(run.net.named_parameters())[name] for name in names):
        run.optimizer.state[parameter]["exp_avg"].zero_()


def make_twice(run: Run) -> None:
    """Have the first update made twice."""
    made = run.optimizer.step

    def step() -> None:
        made()
        run.optimizer.step = made
        made()

    run.optimizer.step = step  # type: ignore[method-assign,assignment]


def with_one(state: dict[str, Any], name: str) -> dict[str, Any]:
    return state["model"] | {name: Run().net.state_dict()[name]}


def rounded(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value.bfloat16().float() for name, value in state["model"].items()}


ALL = ("0.weight", "2.weight", "2.bias")
FAULTS: dict[str, tuple[Callable[[Run, dict[str, Any]], None], str, str]] = {
    "no weights": (without("model"), "weights", "all weights have the value of a new training"),
    "one tensor": (with_model(lambda s: with_one(s, "2.weight")), "weights",
                   "the weight 2.weight has the value of a new training"),
    "rounded": (with_model(rounded), "weights", "rounded to bfloat16: they are rounded when load"),
    "rows exchanged": (
        with_model(lambda s: s["model"] | {"0.weight": s["model"]["0.weight"].flip(0)}), "weights",
        "the weight 0.weight is neither as they were nor as the checkpoint has them"),
    "no gradient": (after(lambda run: setattr(run, "scale", 0.0)), "gradient",
                    "has no gradient that is not zero"),
    "average": (with_model(lambda s: s["ema"]), "weights", "the moving average of the weights"),
    "evaluation": (after(lambda run: run.net.eval()), "mode", "in the mode for evaluation"),
    "no dropout": (after(lambda run: run.net[1].eval()), "mode", "dropout is off"),
    "passes": (after(lambda run: setattr(run, "passes", 1)), "passes", "1 forward passes, and 2"),
    "place": (after(lambda run: setattr(run, "step", AT + 1)), "rows", "skipped"),
    "random": (without("rng"), "gradient", "other random numbers (dropout)"),
    "clipping": (after(lambda run: setattr(run, "limit", 1e9)), "gradient", "not cut to 0.3"),
    "rate": (without("scheduler", "optimizer"), "rates", "that of update 1: the scheduler was not"),
    "made twice": (after(lambda run: make_twice(run)), "passes", "update before it was made twice"),
    "loss scaled": (after(lambda run: setattr(run, "scale", 0.9)), "gradient",
                    "each part is that, but for rounding: the loss is scaled"),
    "cut shorter": (after(lambda run: setattr(run, "limit", 0.21)), "gradient",
                    "each part is 0.7 times that: the loss is scaled, or the gradient cut"),
    "largest rate": (
        after(lambda run: setattr(run.scheduler, "base_lrs", [0.025])), "rates",
        "0.5 times as large from there on: another largest rate"),
    "decay": (after(lambda run: group(run).update(weight_decay=0.9)), "settings",
              "weight_decay 0.9 in the optimizer's group 0, and 0.01"),
    "betas": (after(lambda run: group(run).update(betas=(0.5, 0.999))), "settings", "betas.0 0.5"),
    "moments": (after(lambda run: forget(run, *ALL)), "moments", "optimizer's moments, or its"),
    "one moment": (after(lambda run: forget(run, "2.bias")), "moments",
                   "another 2.bias of them: the optimizer's state of it was not restored"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_departs_first_is_named(fault: str, alone: Alone, tmp_path: Path) -> None:
    change, kind, words = FAULTS[fault]
    cause = cause_of(alone, tmp_path, change)
    assert cause is not None
    assert (cause.kind, words in cause.words) == (kind, True), cause
    assert cause.words.startswith(f"after resuming from {AT}, ")


def test_a_resumption_that_computes_the_same_has_no_cause(alone: Alone, tmp_path: Path) -> None:
    assert cause_of(alone, tmp_path, plainly) is None
    assert updates_with(alone.seen, resumed(alone, tmp_path / "again", plainly)) == [AT]


def test_weights_that_were_rounded_when_saved_are_told_from_those_rounded_when_loaded(
    alone: Alone, tmp_path: Path
) -> None:
    state = alone.states[AT]
    half = state | {"model": {name: value.half() for name, value in state["model"].items()}}
    cause = cause_of(alone, tmp_path, lambda run, _: run.restore(half), half)
    assert cause is not None
    assert cause.words.endswith("they were rounded to float16 when they were saved")


def test_another_checkpoint_is_told_by_its_update(alone: Alone, tmp_path: Path) -> None:
    older = alone.states[2] | {"step": AT}
    cause = cause_of(alone, tmp_path, lambda run, _: run.restore(older))
    assert cause is not None
    assert "all weights are as after update 2: the checkpoint has them of" in cause.words


def saved(folder: Path, states: dict[int, dict[str, Any]]) -> list[Checkpoint]:
    folder.mkdir()
    for step, state in states.items():
        torch.save(state, folder / f"checkpoint-{step}.pt")
    return [Checkpoint(step, folder / f"checkpoint-{step}.pt") for step in states]


def mixed(states: dict[int, dict[str, Any]], step: int) -> dict[str, Any]:
    later = states[step + 1]["model"]
    return states[step] | {"model": states[step]["model"] | {"2.weight": later["2.weight"]}}


SAVES: dict[str, tuple[Callable[[dict[int, dict[str, Any]]], dict[int, dict[str, Any]]], str]] = {
    "as they were": (lambda s: {2: s[2], 4: s[4]}, ""),
    "counted from 0": (lambda s: {1: s[2], 3: s[4]}, ""),
    "an average, by right": (lambda s: {4: s[4] | {"model": s[4]["ema"]}}, ""),
    "all in 16 bits, by right": (lambda s: {4: s[4] | {"model": rounded(s[4])}}, ""),
    "of two updates": (lambda s: {2: s[2], 4: mixed(s, 4)},
                       "2.weight as after update 5: weights were changed while they were saved"),
    "one that never was": (
        lambda s: {4: s[4] | {"model": s[4]["model"] | {"2.bias": s[4]["model"]["2.bias"] + 1}}},
        "checkpoint 4 has 2.bias as it never was in memory, and 2 other weights as they were"),
    "one too late": (lambda s: {2: s[2], 4: s[4], 6: s[5]}, "after update 5, and as the others"),
    "changed before they were saved": (
        lambda s: {2: s[4], 4: s[6], 7: s[7]},
        "checkpoint 2 holds the weights after update 4, and as the others are numbered it should"),
    "numbered by epochs": (lambda s: {1: s[2], 2: s[4], 3: s[6]}, ""),
    "numbered by passes": (lambda s: {4: s[2], 8: s[4], 12: s[6]}, ""),
}  # fmt: skip


@pytest.mark.parametrize("save", SAVES)
def test_what_is_saved_was_in_memory_at_one_time(save: str, alone: Alone, tmp_path: Path) -> None:
    change, words = SAVES[save]
    judged = judge_saved_weights(alone.seen, saved(tmp_path / "out", change(alone.states)))
    assert bool(judged.compared) == (not judged.why_not) == ("by right" not in save)
    assert (bool(judged.faults), words in "".join(judged.faults)) == (bool(words), True), judged


@pytest.mark.parametrize("form", ["module.{}.{}", "{}._orig_mod.{}", "net._forward_module.{}.{}"])
def test_what_wraps_a_network_is_no_part_of_its_weights_names(
    form: str, alone: Alone, tmp_path: Path
) -> None:
    states = alone.states[4]["model"].items()
    other = {4: {"model": {form.format(*name.split(".")): value for name, value in states}}}
    judged = judge_saved_weights(alone.seen, saved(tmp_path / "out", other))
    assert (judged.faults, judged.compared > 0) == ([], True)


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("_forward_module._orig_mod.lm_head.weight", "lm_head.weight"),
        ("module.layers.0._checkpoint_wrapped_module.bias", "layers.0.bias"),
        ("submodule.weight", "submodule.weight"),
        ("weight", "weight"),
    ],
)
def test_only_whole_parts_of_a_name_are_wrappers(name: str, own: str) -> None:
    assert without_wrappers(name) == own


def test_weights_by_other_names_are_not_compared(alone: Alone, tmp_path: Path) -> None:
    other = {4: {"model": {f"blocks{n}": v for n, v in alone.states[4]["model"].items()}}}
    judged = judge_saved_weights(alone.seen, saved(tmp_path / "out", other))
    assert (judged.faults, judged.compared) == ([], 0)
    assert judged.why_not == "no checkpoint has weights that can be read, by the network's names"


FINALS: dict[str, tuple[Callable[[dict[int, dict[str, Any]]], dict[str, torch.Tensor]], str]] = {
    "the last": (lambda s: s[7]["model"], ""),
    "the best of the checkpoints": (lambda s: s[4]["model"], ""),
    "an average": (lambda s: s[7]["ema"], ""),
    "rounded": (lambda s: rounded(s[7]), ""),
    "an update old": (lambda s: s[6]["model"], "model.pt holds the weights after update 6 of 7"),
}


@pytest.mark.parametrize("final", FINALS)
def test_a_final_model_is_of_the_last_update(final: str, alone: Alone, tmp_path: Path) -> None:
    choose, words = FINALS[final]
    checkpoints = saved(tmp_path / "out", {4: alone.states[4]})
    torch.save(choose(alone.states), tmp_path / "out" / "model.pt")
    model = FinalModel(["model.pt"], [], "")
    fault = judge_final_weights(alone.seen, tmp_path / "out", model, checkpoints)
    assert (words in fault, bool(fault)) == (True, bool(words))


def test_steps_that_were_left_out_are_steps(alone: Alone, tmp_path: Path) -> None:
    """As in 16 bits: the third of eight steps has overflowed, and made no update."""
    updates = [replace(each, skipped=int(each.number > 2)) for each in alone.seen.updates]
    seen = replace(alone.seen, updates=tuple(updates), skipped=1)
    states = alone.states
    right = {2: states[2], 3: states[2], 5: states[4], 8: states[7]}
    assert judge_saved_weights(seen, saved(tmp_path / "right", right)).faults == []
    late = judge_saved_weights(seen, saved(tmp_path / "late", right | {5: states[5]}))
    assert "checkpoint 5 holds" in "".join(late.faults)
