"""What a save that a signal met has left, and what a resumption has to go on from then."""

from __future__ import annotations

import random
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from safetensors.numpy import save

from proofbook_systems.training.controls import Control
from proofbook_systems.training.interruption import Cycle, Interrupted
from proofbook_systems.training.layouts import Checkpoint, find_checkpoints
from proofbook_systems.training.met_saves import MetSave, is_over, mark, step_met
from proofbook_systems.training.moments import Start
from proofbook_systems.training.plans import Interruption
from proofbook_systems.training.running import Ended, Training
from proofbook_systems.training.saving import Change, SaveWatch, can_watch
from proofbook_systems.training.steps import Step
from proofbook_systems.training.trainer import Trainer

WHOLE = save({"w": np.ones(2)})
TORN = WHOLE[:9]


@pytest.mark.parametrize(
    ("writing", "met", "missed", "newest", "allowed", "words"),
    [
        (True, 30, False, 20, 20, "resumed at 20"),
        # A later one than was planned, which has left the planned one whole.
        (True, 40, False, 30, 10, "resumed at 20; it was writing 40"),
        (True, None, True, 30, 10, "resumed at 20; no save was cut off: it was missed"),
        (False, None, False, 30, 10, "resumed at 20"),
    ],
)
def test_what_a_resumption_has_to_go_on_from(
    writing: bool, met: int | None, missed: bool, newest: int, allowed: int, words: str
) -> None:
    cycle = Cycle(
        interruption=Interruption(signum=signal.SIGKILL, step=30, writing=writing),
        ended=Ended(code=-9, state="was killed", steps=[], printed="", seconds=1.0),
        reached=40, signalled=40, happened=True, met=met, checkpoints=[10, 20, 30], resumed_at=20,
    )  # fmt: skip
    assert (cycle.missed, cycle.newest) == (missed, newest)
    assert cycle.allowed(saves_on_signal=False) == allowed
    assert cycle.words.endswith(words)
    assert Interrupted(cycles=[cycle], last=cycle.ended).cut == ({met} if met else set())


def put(folder: Path, files: dict[str, bytes]) -> None:
    for place, content in files.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(content)


def left_alone(folder: Path, *places: str, told: tuple[int, ...] = ()) -> Control:
    """Return a training that left these files, each of them whole when that step was told."""
    put(folder / "alone", dict.fromkeys(places, WHOLE))
    changes = [
        Change(float(n), "closed", place, step)
        for n, (place, step) in enumerate(zip(places * len(told), told, strict=False))
    ]
    ended = Ended(
        code=0, state="exited with code 0", steps=[Step(60, None, None)], printed="", seconds=1.0
    )
    trainer = Trainer(train=(), resume=(), config_file=None, project=folder, steps=60)
    return Control(trainer=trainer, output=folder / "alone", ended=ended, changes=changes)


FOLDERS = [f"checkpoint-{step}/{name}.safetensors" for step in (10, 20, 30) for name in "mo"]
PAIRS = [f"{name}-{step}.safetensors" for step in (10, 20, 30) for name in ("model", "weights")]
EPOCHS = [f"epoch_{number}.safetensors" for number in (1, 2, 3)]
ONE = ["ckpt.safetensors"]


@pytest.mark.parametrize(
    ("all_of_it", "before", "after", "seen", "over", "step"),
    [
        # The save of 20 was over too soon, that of 30 is met: in its own folder, or beside it.
        (FOLDERS, FOLDERS[:4], {FOLDERS[4]: WHOLE}, FOLDERS[4], False, 30),
        (FOLDERS, FOLDERS[:4], {FOLDERS[4]: WHOLE, FOLDERS[5]: TORN}, FOLDERS[4], False, 30),
        (FOLDERS, FOLDERS[:4], {}, ".tmp-checkpoint-30/m.safetensors", False, 30),
        (FOLDERS, FOLDERS[:4], {}, ".tmp-x7/m.safetensors", False, 30),
        (FOLDERS, FOLDERS[:4], {FOLDERS[4]: WHOLE, FOLDERS[5]: WHOLE}, "", True, 30),
        # Two files of one step make one checkpoint.
        (PAIRS, PAIRS[:2], {PAIRS[2]: WHOLE}, PAIRS[2], False, 20),
        (PAIRS, PAIRS[:2], {PAIRS[2]: WHOLE, PAIRS[3]: WHOLE}, PAIRS[2], True, 20),
        # Called by another count than steps.
        (EPOCHS, EPOCHS[:1], {EPOCHS[1]: TORN}, EPOCHS[1], False, 2),
        (EPOCHS, EPOCHS[:1], {EPOCHS[1]: WHOLE}, EPOCHS[1], True, 2),
        # One file that is written in place, or renamed to; steps are those that were told.
        (ONE, ONE, {ONE[0]: TORN}, ONE[0], False, 29),
        (ONE, ONE, {}, "ckpt.safetensors.tmp", False, 29),
        (ONE, ONE, {ONE[0]: save({"w": np.zeros(2)})}, ONE[0], True, 29),
        # The final model is none of them.
        (FOLDERS, FOLDERS, {}, "model.safetensors", False, None),
    ],
)  # fmt: skip
def test_the_save_that_was_met_is_told_by_what_is_there(
    all_of_it: list[str], before: list[str], after: dict[str, bytes], seen: str, over: bool,
    step: int | None, tmp_path: Path,
) -> None:  # fmt: skip
    control = left_alone(tmp_path, *all_of_it, told=(9, 19, 29) if all_of_it == ONE else ())
    output = tmp_path / "killed"
    put(output, dict.fromkeys(before, WHOLE))
    marks = mark(find_checkpoints(output))
    put(output, after)
    listed = find_checkpoints(output)
    assert is_over(control, marks, listed) == over
    met = MetSave(marks, (Change(1.0, "created", seen, 28),) if seen else ())
    if not over:
        assert step_met(control, met, listed, signalled=28, planned=20) == step


class Steps:
    """A training that writes a part of checkpoint 30 as soon as it is let go."""

    running = True

    def __init__(self, output: Path) -> None:
        self.output = output

    def hold(self) -> None: ...

    def let_go(self) -> None:
        put(self.output, {FOLDERS[4]: WHOLE})

    def reached(self) -> int:
        return 29

    def checkpoints(self) -> list[Checkpoint]:
        return find_checkpoints(self.output)


@pytest.mark.skipif(not can_watch(), reason="nothing tells what is written")
def test_changes_of_an_earlier_save_are_none_of_the_one_that_is_met(tmp_path: Path) -> None:
    control, output = left_alone(tmp_path, *FOLDERS), tmp_path / "killed"
    output.mkdir()
    planned = Interruption(signum=signal.SIGKILL, step=20, writing=True)
    start = Start(control.trainer, output, tmp_path / "log", planned, resume=False)
    start._training = cast(Training, Steps(output))
    with SaveWatch(output) as saves:
        put(output, dict.fromkeys(FOLDERS[:4], WHOLE))  # nobody has looked since
        assert start._hits(saves, 0, control)
    assert start._step_met(control, 29) == 30


@pytest.mark.parametrize(("told", "tries"), [(29, 1), (19, 2)])
def test_a_kill_is_not_put_off_until_nothing_is_left_to_resume(
    told: int, tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training of 31 steps, which saves at 10, 20 and 30, and at its end."""
    control = left_alone(
        tmp_path, *FOLDERS, *[f"checkpoint-31/{name}" for name in ("m.pt", "o.pt")]
    )
    ended = replace(control.ended, steps=[Step(31, None, None)])
    control, output, seen = replace(control, ended=ended), tmp_path / "killed", list[int]()
    planned = Interruption(signum=signal.SIGKILL, step=20, writing=True)
    start = Start(control.trainer, output, tmp_path / "log", planned, resume=False)

    class Training(Steps):
        def reached(self) -> int:
            return told + 10 * (len(seen) - 1)

    start._training = cast(Any, Training(output))
    monkeypatch.setattr(Start, "_hits", lambda *_: seen.append(1) or False)
    assert not start._wait_save(cast(Any, None), control, 10, random.Random(0))
    assert len(seen) == tries
