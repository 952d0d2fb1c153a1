"""A trainer that starts over comes to the same end; it is not called one that resumes."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from driving_toys import toy
from waiting import HANG

from proofbook_systems.training.controls import Control, run_control
from proofbook_systems.training.crashes import Crashed
from proofbook_systems.training.diagnosis import diagnose
from proofbook_systems.training.interruption import Cycle, Interrupted, interrupt_and_resume
from proofbook_systems.training.pipelines import why_begun_anew
from proofbook_systems.training.plans import Interruption, read_plan
from proofbook_systems.training.running import Ended
from proofbook_systems.training.save_order import StepRange
from proofbook_systems.training.steps import Step
from proofbook_systems.training.trees import compare_trees
from proofbook_systems.training.watching import Update, Watched


def start(*numbers: int) -> Ended:
    steps = [Step(number=number, loss=None, lr=None) for number in numbers]
    return Ended(code=0, state="exited with code 0", steps=steps, printed="", seconds=1.0)


def crashed(resumed_at: int | None, later: Ended, checkpoints: Sequence[int] = ()) -> Interrupted:
    """Return what a kill after step 660 of one that tells each tenth step led to."""
    kill = Interruption(signum=signal.SIGKILL, step=660, writing=False)
    cycle = Cycle(
        interruption=kill, ended=start(0, 10, 660), reached=660, signalled=660, happened=True,
        checkpoints=list(checkpoints), resumed_at=resumed_at,
    )  # fmt: skip
    return Interrupted(cycles=[cycle], last=later)


def alone(save_steps: Sequence[int] = (0, 500, 1000)) -> Control:
    control = SimpleNamespace(
        ended=start(0, 10, 1100), repeats=True,
        save_ranges=[StepRange(step, step) for step in save_steps],
    )  # fmt: skip
    return cast(Control, control)


def weights(*values: str) -> Watched:
    """Return updates that lead from one value of a weight to the next."""
    none = frozenset[str]()
    return Watched(updates=tuple(
        Update(
            number=number, batches=(), moved=none, unmoved=none, no_gradient=none,
            zero_gradient=none, grad_norm=1.0, rates=(), weights={"w": after},
            before={"w": before} if number == 1 else {},
        )
        for number, (before, after) in enumerate(itertools.pairwise(values), 1)
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("resumed_at", "later", "checkpoints", "save_steps", "words"),
    [
        (500, start(510), [500], [500], ""),
        (0, start(20, 30), [], [], ""),  # its checkpoint has no number, and it goes on later
        (0, start(0, 10), [500], [500], "begins again beside a whole checkpoint"),
        (0, start(0, 10), [], [0, 500], "begins again, though weights were saved after step 500"),
        (0, start(0, 10), [], [0, 700], "no checkpoint was recognised before; give checkpoints"),
        (None, start(), [500], [500], "begins again beside a whole checkpoint"),
    ],
)
def test_a_start_from_the_first_step_is_no_resumption(
    resumed_at: int | None, later: Ended, checkpoints: list[int], save_steps: list[int], words: str
) -> None:
    said = crashed(resumed_at, later, checkpoints).why_anew(alone(save_steps))
    assert words in said and bool(words) == bool(said)


@pytest.mark.parametrize(
    ("before", "anew"),
    [("new", True), ("b", False), ("rounded", False)],
)
def test_restored_weights_show_a_resumption_whose_steps_are_counted_anew(
    before: str, anew: bool, tmp_path: Path
) -> None:
    seen = crashed(0, start(0, 10))
    resumption = (weights("new", "a"), weights(before, "c"))
    both = Crashed(result=seen, output=tmp_path, left=tmp_path, watched=resumption)
    assert bool(why_begun_anew(alone(), weights("new", "a", "b", "c"), both)) == anew


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_resumption_that_makes_fewer_steps_is_a_departure_and_no_error(tmp_path: Path) -> None:
    """It ends before it can be interrupted a second time."""
    control = run_control(toy("slow-save", steps=34), tmp_path / "alone", HANG)
    resume = [word if word != "{steps}" else "20" for word in control.trainer.resume]
    control = replace(control, trainer=replace(control.trainer, resume=tuple(resume)))
    plan, out = read_plan(["SIGKILL after 35 %", "SIGKILL after 80 %"]), tmp_path / "out"
    result = interrupt_and_resume(control, out, plan, logs=tmp_path, timeout=HANG)
    assert (len(result.cycles), result.last.code) == (1, 0)
    finding = diagnose(control, out, result, compare_trees(out, control.output))
    assert finding is not None and "step sequence departs at step 21" in finding.words
