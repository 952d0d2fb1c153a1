"""Where a log tells epochs alone, its steps are places in the data, and no count of updates."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from proofbook_systems.training.departing_updates import Cause
from proofbook_systems.training.diagnosis import Finding, with_cause
from proofbook_systems.training.evidence import Evidence
from proofbook_systems.training.numbering import Numbering
from proofbook_systems.training.signatures import recognise
from proofbook_systems.training.steps import Recognised


def _evidence(resumed: int, *, an_epoch: float = 25.0, departs: bool = True) -> Evidence:
    """As of transformers' Trainer without a bar: resumed from checkpoint 8."""
    found = Recognised(name="dictionary", place="what it prints", steps_an_epoch=an_epoch)
    control = SimpleNamespace(
        ended=SimpleNamespace(recognised=found), checkpoints=[8, 16], numbering=Numbering(1, 1),
        save_ranges=[],
    )  # fmt: skip
    cycle = SimpleNamespace(newest=8, newest_called=8, weights_of=None, checkpoints=[8])
    return cast(
        Evidence,
        SimpleNamespace(
            cycle=cycle, resumed_at=resumed, control=control, first=resumed + 1,
            departs=lambda name: resumed + 1 if departs and name == "loss" else None,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("resumed", [0, 3, 11])
def test_epochs_that_go_on_elsewhere_leave_the_cause_to_what_is_watched(resumed: int) -> None:
    recognised = recognise(_evidence(resumed))
    assert recognised is not None
    assert f"go on as after step {resumed}" in recognised.words
    finding = Finding(words=recognised.words, shown=recognised.shown, watch_at=12)
    cause = Cause("rows", "update 9 has other rows than without: those of update 1")
    named = with_cause(finding, cause)
    assert named is not None
    assert (named.words, named.more) == (cause.words, [recognised.words])


def test_steps_that_are_counted_are_progress() -> None:
    recognised = recognise(_evidence(0, an_epoch=0.0))
    assert recognised is not None
    assert recognised.words.startswith("progress was not restored: checkpoint 8 was there")
    assert "rows" in recognised.shown


def test_a_training_of_epochs_that_begins_again_is_called_so() -> None:
    recognised = recognise(_evidence(0, departs=False))
    assert recognised is not None
    assert "training began again from its beginning" in recognised.words
