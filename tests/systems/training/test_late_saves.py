"""Saves that are seen later than they were made, as on a busy machine, lead to no wrong verdict."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from driving_toys import toy
from safetensors.numpy import save
from waiting import HANG

from proofbook_systems.training import crashes
from proofbook_systems.training.awaited_saves import FirstSave, LaterSaves
from proofbook_systems.training.controls import Control, run_control
from proofbook_systems.training.diagnosis import diagnose
from proofbook_systems.training.evidence import Evidence
from proofbook_systems.training.interruption import Cycle, Interrupted, interrupt_and_resume
from proofbook_systems.training.layouts import Checkpoint, find_checkpoints
from proofbook_systems.training.met_saves import MetSave, mark, step_met
from proofbook_systems.training.plans import Interruption, read_plan
from proofbook_systems.training.progress_signatures import older
from proofbook_systems.training.running import Ended
from proofbook_systems.training.save_order import Save, step_called
from proofbook_systems.training.saving import Change
from proofbook_systems.training.signatures import _counters
from proofbook_systems.training.steps import Step
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.trees import compare_trees
from proofbook_systems.training.watching import Watched

WHOLE = save({"w": np.ones(2)})
Seen = Sequence[tuple[int, int]]
"""The last step told at the look before each save was seen, and then; made at 8, 16, 24."""
AT_ONCE: Seen = [(8, 8), (16, 16), (24, 24)]
LATE: Seen = [(7, 12), (12, 23), (23, 32)]
AT_THE_END: Seen = [(0, 32), (0, 32), (0, 32)]


def alone(folder: Path, seen: Seen, *, epochs: bool = False) -> Control:
    """Return a training of 32 steps, whose checkpoints are one file, or called by epochs."""
    folder.mkdir(parents=True, exist_ok=True)
    places = [f"epoch_{n}.safetensors" if epochs else "ckpt.safetensors" for n in (1, 2, 3)]
    for place in places:
        (folder / place).write_bytes(WHOLE)
    changes = [
        Change(float(n), "closed", place, step=step, since=since)
        for n, (place, (since, step)) in enumerate(zip(places, seen, strict=True), 1)
    ]
    ended = Ended(
        code=0, state="exited with code 0", steps=[Step(n, None, None) for n in range(1, 33)],
        printed="", seconds=4.0,
    )  # fmt: skip
    trainer = Trainer(train=(), resume=(), config_file=None, project=folder, steps=32)
    return Control(trainer=trainer, output=folder, ended=ended, changes=changes)


@pytest.mark.parametrize(
    ("seen", "signalled", "words"),
    [
        (AT_ONCE, 20, "though weights were saved after step 16"),
        (LATE, 20, "though weights were saved after step 12"),
        (AT_THE_END, 20, "no checkpoint was recognised before, though left alone it saves between"),
        (AT_ONCE, 5, "no checkpoint was recognised before; give"),
    ],
)
def test_what_a_start_that_begins_again_had_saved_is_told_as_far_as_it_is_known(
    seen: Seen, signalled: int, words: str, tmp_path: Path
) -> None:
    cycle = Cycle(
        interruption=Interruption(signum=signal.SIGKILL, step=signalled),
        ended=Ended(code=-9, state="was killed", steps=[], printed="", seconds=1.0),
        reached=signalled, signalled=signalled, happened=True, checkpoints=[], resumed_at=0,
    )  # fmt: skip
    control = alone(tmp_path, seen)
    assert words in Interrupted(cycles=[cycle], last=control.ended).why_anew(control)


@pytest.mark.parametrize(
    ("seen", "first", "most"),
    [(AT_ONCE, 20, 2), (AT_ONCE, 25, 3), (LATE, 25, 3), (LATE, 20, 2), (AT_THE_END, 25, 3)],
)
def test_a_last_start_that_may_have_saved_nothing_may_leave_one_more(
    seen: Seen, first: int, most: int, tmp_path: Path
) -> None:
    """By its late moment, the save of step 24 would be one of a start that began with step 25."""
    control = alone(tmp_path, seen, epochs=True)
    (tmp_path / "epoch_1.safetensors").unlink()
    assert (control.keeps, control.counts_steps) == (2, False)
    steps = [Step(n, None, None) for n in range(first, 33)]
    assert (
        Interrupted(cycles=[], last=replace(control.ended, steps=steps)).most_kept(control) == most
    )


@pytest.mark.parametrize(
    ("seen", "plan", "step"),
    [
        (AT_ONCE, "SIGINT after 10 %", 9),
        (LATE, "SIGINT after 10 %", 8),
        (AT_THE_END, "SIGINT after 10 %", 3),
        (AT_ONCE, "SIGKILL in 80 %", 24),
        (LATE, "SIGKILL in 80 %", 24),
        (AT_THE_END, "SIGKILL in 80 %", 1),
    ],
)
def test_a_moment_follows_from_the_earliest_step_of_a_save(
    seen: Seen, plan: str, step: int, tmp_path: Path
) -> None:
    (planned,) = read_plan([plan])
    placed = planned.placed(alone(tmp_path, seen))
    assert (placed.step, placed.saved) == (step, not placed.writing)
    assert not placed.earlier(step + 1).saved


def test_the_save_before_a_moment_is_the_one_that_is_seen_before_it(tmp_path: Path) -> None:
    control = alone(tmp_path, LATE, epochs=True)
    places = [control.save_before(step) for step in (8, 13, 24)]
    assert places == [0, 1, 2]


def test_a_first_checkpoint_is_there_when_it_is_whole(tmp_path: Path) -> None:
    control, output = alone(tmp_path / "alone", AT_ONCE), tmp_path / "started"
    output.mkdir()
    first = FirstSave(control)
    assert not first.is_there(find_checkpoints(output))
    (output / "ckpt.safetensors").write_bytes(WHOLE[:9])
    assert not first.is_there(find_checkpoints(output))
    (output / "ckpt.safetensors").write_bytes(WHOLE)
    assert first.is_there(find_checkpoints(output))


@pytest.mark.parametrize("seen", [AT_ONCE, LATE, AT_THE_END])
def test_the_save_that_was_met_has_the_step_that_was_told_then(seen: Seen, tmp_path: Path) -> None:
    control = alone(tmp_path, seen)
    met = MetSave(mark([]), (Change(1.0, "created", ".ckpt-writing", 16),))
    assert step_met(control, met, [], signalled=16, planned=16) in (16, 17)


@pytest.mark.parametrize(("bare", "raises"), [(AT_ONCE, True), (AT_ONCE[:1], False)])
def test_saves_are_counted_however_late_they_are_seen(
    bare: Seen, raises: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = alone(tmp_path / "alone", AT_THE_END)
    without = replace(control, changes=alone(tmp_path / "bare", AT_ONCE).changes[: len(bare)])
    monkeypatch.setattr(crashes, "watched_control", lambda *_: crashes.Alone(without, Watched()))
    monkeypatch.setattr(crashes, "vary", lambda trainer, *_: trainer)
    both = crashes.Alone(control, Watched())
    if raises:
        with pytest.raises(crashes.SubjectError, match="still saves 3 times, and 3 times without"):
            crashes.saving_changes(both, {"every": "1000"}, tmp_path, 60)
    else:
        crashes.saving_changes(both, {"every": "1000"}, tmp_path, 60)


@pytest.mark.parametrize(
    ("seen", "resumed", "words"),
    [
        (AT_ONCE, 8, "an older checkpoint was taken than the newest"),
        (LATE, 8, "an older checkpoint was taken than the newest"),
        (AT_THE_END, 8, "an older checkpoint was taken, or progress was not restored"),
        (AT_ONCE, 15, "checkpoint 16 was taken, and steps are counted from 15"),
        ([(8, 8), (15, 16), (24, 24)], 15, "checkpoint 16 was taken, and steps are counted from"),
    ],
)
def test_an_older_checkpoint_is_told_from_a_wrong_count_as_far_as_it_is_known(
    seen: Seen, resumed: int, words: str, tmp_path: Path
) -> None:
    evidence = SimpleNamespace(
        cycle=SimpleNamespace(newest=16), resumed_at=resumed, control=alone(tmp_path, seen)
    )
    assert words in (older(cast(Evidence, evidence)) or "")


@pytest.mark.parametrize(
    ("number", "step"),
    [(2, 15), (1, 8), (3, 23), (0, 1), (4, 31), (None, 0)],
)
def test_a_checkpoint_that_is_called_by_epochs_has_a_step(number: int | None, step: int) -> None:
    """Where it was not seen, by its distance from those that were."""
    saves = [Save(n, *seen, float(n)) for n, seen in enumerate([(8, 9), (15, 16), (23, 24)], 1)]
    if number is None:
        assert step_called(saves[:1], 2) == step  # of one alone, nothing is known of others
    else:
        assert step_called(saves, number) == step


def test_a_checkpoint_between_two_is_placed_between_their_steps() -> None:
    saves = [Save(512 * n, n, n, float(n)) for n in (10, 20, 30)]
    assert [step_called(saves, 512 * n) for n in (7, 14, 20, 33)] == [7, 14, 20, 33]


@pytest.mark.parametrize(
    ("seen", "reached", "epochs", "over"),
    [
        (AT_ONCE, 23, (), [True]),
        (AT_ONCE, 10, (1,), [False, False, False]),
        (AT_ONCE, 10, (1, 2), [True]),  # told late: nothing comes after the third but the end
    ],
)
def test_saves_are_waited_for_up_to_the_last_that_leaves_something_to_resume(
    seen: Seen, reached: int, epochs: tuple[int, ...], over: list[bool], tmp_path: Path
) -> None:
    control = alone(tmp_path, seen, epochs=True)
    left = LaterSaves(control, 8)
    listed = [Checkpoint(n, tmp_path / f"epoch_{n}.safetensors") for n in epochs]
    assert [left.are_over(reached, listed) for _ in over] == over


@pytest.mark.parametrize(
    ("resumed", "words"),
    [(15, "an older checkpoint was taken than the newest"), (13, "steps are counted from 13")],
)
def test_an_older_checkpoint_is_one_that_every_second_step_may_have_gone_on_from(
    resumed: int, words: str, tmp_path: Path
) -> None:
    """A log whose count falls behind with each start tells steps that were never saved."""
    control = alone(tmp_path, AT_ONCE)
    steps = [Step(n, None, None) for n in range(1, 33, 2)]
    control = replace(control, ended=replace(control.ended, steps=steps))
    evidence = SimpleNamespace(
        cycle=SimpleNamespace(newest=24), resumed_at=resumed, control=control
    )
    assert words in (older(cast(Evidence, evidence)) or "")


@pytest.mark.parametrize(
    ("counted", "cause"), [(8, "the optimizer was not restored"), (11, "fewer or more updates")]
)
def test_counters_that_began_again_are_those_of_a_checkpoint_that_tells_its_step(
    counted: int, cause: str, tmp_path: Path
) -> None:
    """Of 24, resumed from 16: the one of 8, that a rotation has removed, shows nothing any more."""
    keys = {f"epoch_3.safetensors:optimizer.state.{n}.step": float(24 - counted) for n in (0, 1)}
    evidence = Evidence(
        cycle=cast(Any, None), resumed_at=8, told={9: Step(9, None, None)},
        control=alone(tmp_path, AT_ONCE, epochs=True), states={"step counters": keys}, at=32,
        ours=dict.fromkeys(keys, counted), theirs=dict.fromkeys(keys, 24), saved=frozenset(),
        unsaved=(), coarse=False,
    )  # fmt: skip
    words = _counters(evidence) or ""
    assert f"in checkpoint 24 say {counted} and not 24: {cause}" in words


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize(("calls", "kind"), [("calls=512", "SIGTERM"), ("calls=0.1", "SIGKILL")])
def test_a_trainer_that_calls_its_checkpoints_by_tokens_or_epochs_is_called_right(
    calls: str, kind: str, tmp_path: Path
) -> None:
    """One that saves on SIGTERM has a checkpoint more than it has when it is left alone."""
    control = run_control(toy("slow-save", calls, steps=34), tmp_path / "alone", HANG)
    plan = read_plan([f"{kind} after 40 %", "SIGKILL after 80 %"])
    out = tmp_path / "out"
    result = interrupt_and_resume(control, out, plan, logs=tmp_path, timeout=HANG)
    allowed = [cycle.allowed(saves_on_signal=False) for cycle in result.cycles]
    assert all(
        (cycle.lost or 0) <= most for cycle, most in zip(result.cycles, allowed, strict=True)
    )
    assert all(most < 14 for most in allowed), [cycle.words for cycle in result.cycles]
    assert diagnose(control, out, result, compare_trees(out, control.output)) is None


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("fault", ["", "forgetful"])
def test_a_trainer_whose_saves_are_seen_at_its_end_is_killed_after_its_first_one(
    fault: str, tmp_path: Path
) -> None:
    """Its checkpoints are called by epochs: nothing else tells when they were made."""
    trainer = toy("slow-save", "calls=0.1", steps=34)
    control = run_control(trainer, tmp_path / "alone", HANG)
    late = [change._replace(step=34, since=0) for change in control.changes]
    control, plan = replace(control, changes=late), read_plan(["SIGKILL after 10 %"])
    if fault:
        words = (*trainer.resume, fault)
        control = replace(control, trainer=replace(control.trainer, resume=words))
    result: Any = interrupt_and_resume(control, tmp_path / "out", plan, logs=tmp_path, timeout=HANG)
    (cycle,) = result.cycles
    assert (cycle.happened, cycle.checkpoints[:1]) == (True, [1]), cycle.words
    assert bool(result.why_anew(control)) == bool(fault)
