"""A training without checkpoints beside the same one with them, however its steps are told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from proofbook_systems.training import crashes
from proofbook_systems.training.numbering import CHECKPOINTS, Recognised, Step
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
        save_steps=[*told], first_differs="",
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
