"""A training without checkpoints beside the same one with them, however its steps are told."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from safetensors.torch import save

from proofbook_systems.training import crashes
from proofbook_systems.training.controls import Control
from proofbook_systems.training.interruption import Cycle, Interrupted, Interruption
from proofbook_systems.training.numbering import CHECKPOINTS, Numbering, Recognised, Step
from proofbook_systems.training.running import Ended
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.trees import Comparison, find_noise
from proofbook_systems.training.watching import Batch, Row, Update, Watched

NONE = frozenset[str]()


def training(*updates: tuple[str, str, str]) -> Watched:
    """Return updates of (row, gradient, weight after it)."""
    return Watched(updates=tuple(
        Update(
            number=number, batches=(Batch((1, 8), (Row(row, (), row),)),), moved=NONE,
            unmoved=NONE, no_gradient=NONE, zero_gradient=NONE, grad_norm=1.0, rates=(),
            gradient=gradient, weights={"w": after},
        )
        for number, (row, gradient, after) in enumerate(updates, 1)
    ))  # fmt: skip


SAVES = training(("1", "a", "x"), ("2", "b", "y"))


def alone(output: Path, seen: Watched, told: tuple[int, ...], place: str) -> crashes.Alone:
    steps = [Step(number=number, loss=None, lr=None) for number in told]
    output.mkdir()
    control = SimpleNamespace(
        trainer=SimpleNamespace(recognised=Recognised(name="any", place=place)), output=output,
        ended=SimpleNamespace(steps=steps, code=0), noise=find_noise(Comparison()),
        save_count=len(told), first_differs="",
        is_repeatable=lambda what: True,
    )  # fmt: skip
    return crashes.Alone(cast(Any, control), seen)


@pytest.mark.parametrize(
    ("place", "seen", "fault", "why_not"),
    [
        # Without checkpoints no step is told: that is no fault of a trainer that names them alone.
        (CHECKPOINTS, SAVES, "", ""),
        (CHECKPOINTS, training(("1", "a", "x"), ("3", "b", "y")), "update 2 has other rows", ""),
        (CHECKPOINTS, training(("1", "a", "x"), ("2", "c", "y")), "another gradient", ""),
        (CHECKPOINTS, training(("1", "a", "z"), ("2", "b", "y")), "makes other weights of it", ""),
        (CHECKPOINTS, training(("1", "a", "x")), "there are 1 updates, and 2 with them", ""),
        (CHECKPOINTS, Watched(), "there are 0 updates", ""),
        ("what it prints", SAVES, "step sequence departs at step 1", ""),
    ],
)
def test_what_a_training_without_checkpoints_shows(
    place: str, seen: Watched, fault: str, why_not: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    bare = alone(tmp_path / "without-checkpoints", seen, (), place)
    monkeypatch.setattr(crashes, "watched_control", lambda *_: bare)
    monkeypatch.setattr(crashes, "vary", lambda trainer, *_: trainer)
    saves = alone(tmp_path / "alone", SAVES, (1, 2), place)
    found = crashes.saving_changes(saves, {"every": "1000"}, tmp_path, 60)
    assert fault in found.fault and bool(fault) == bool(found.fault)
    assert found.why_not == why_not


def test_nothing_compared_is_told_and_not_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = alone(tmp_path / "without-checkpoints", Watched(), (), CHECKPOINTS)
    monkeypatch.setattr(crashes, "watched_control", lambda *_: bare)
    monkeypatch.setattr(crashes, "vary", lambda trainer, *_: trainer)
    saves = alone(tmp_path / "alone", Watched(), (1, 2), CHECKPOINTS)
    found = crashes.saving_changes(saves, {"every": "1000"}, tmp_path, 60)
    assert found == ("", "it tells no step and leaves no weights without them")


def begins_with(weight: str, seen: Watched) -> Watched:
    first, *others = seen.updates
    return replace(seen, updates=(replace(first, before={"w": weight}), *others))


ALONE = begins_with("0", training(*((str(n), str(n), str(n)) for n in range(1, 25))))


@pytest.mark.parametrize(
    ("told", "weight", "updates", "weights_of", "lost"),
    [
        (8, "8", 24, None, 2),
        (0, "8", 24, 8, 2),  # checkpoints are called by the steps of each start
        (8, "4", 24, 4, 6),  # an older one was taken, and counted from the newest
        (0, "0", 24, None, 10),
        (0, "x", 24, None, 10),  # other weights than any
        (0, "8", 12, None, 10),  # a step is no update
    ],
)
def test_the_weights_of_a_resumption_tell_the_step_that_it_went_on_from(
    told: int, weight: str, updates: int, weights_of: int | None, lost: int,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    ended = Ended(code=-9, state="was killed", steps=[], printed="", seconds=1.0)
    cycle = Cycle(
        interruption=Interruption(signum=signal.SIGKILL, step=10), ended=ended, reached=10,
        signalled=10, happened=True, checkpoints=[4, 8], resumed_at=told,
    )  # fmt: skip
    seen = [ALONE, begins_with(weight, training(("9", "9", "9")))]
    monkeypatch.setattr(crashes, "read_watch", lambda place: seen[int(place.name[-1])])
    monkeypatch.setattr(
        crashes, "interrupt_and_resume", lambda *_, **__: Interrupted(cycles=[cycle], last=ended)
    )
    control = SimpleNamespace(numbering=Numbering(1, 1), total=24)
    crashed = crashes.crash_and_resume(
        cast(Any, control), [], tmp_path, timeout=1, seed=7,
        alone=replace(ALONE, updates=ALONE.updates[:updates]),
    )  # fmt: skip
    (found,) = crashed.result.cycles
    assert (found.weights_of, found.lost) == (weights_of, lost)


def left_behind(folder: Path, torn: dict[str, bytes]) -> tuple[Any, Any]:
    """Return a training of two checkpoints, and a crash that left these files beside the first."""
    whole = save({"w": torch.ones(2)})
    for step in (10, 20):
        (folder / "alone" / f"checkpoint-{step}").mkdir(parents=True)
        (folder / "alone" / f"checkpoint-{step}" / "model.safetensors").write_bytes(whole)
    (folder / "left" / "checkpoint-10").mkdir(parents=True)
    (folder / "left" / "checkpoint-10" / "model.safetensors").write_bytes(whole)
    for name, content in torn.items():
        (folder / "left" / name).parent.mkdir(exist_ok=True)
        (folder / "left" / name).write_bytes(content)
    trainer = Trainer(train=(), resume=(), config_file=None, project=folder, steps=20)
    ended = Ended(code=0, state="exited with code 0", steps=[], printed="", seconds=1.0)
    control = Control(trainer=trainer, output=folder / "alone", ended=ended)
    return control, SimpleNamespace(output=folder / "left")


def test_what_a_crash_left_half_written_is_named(tmp_path: Path) -> None:
    left = left_behind(tmp_path, {"checkpoint-20/model.safetensors": b"\1\2"})
    said = crashes.torn_by_crash(*left)
    assert said == "; checkpoint-20 was half written then, under the name of a whole one"


def test_what_is_half_written_under_another_name_is_not_blamed(tmp_path: Path) -> None:
    left = left_behind(tmp_path, {".partial-checkpoint-20-77/model.safetensors": b"\1\2"})
    assert crashes.torn_by_crash(*left) == ""
