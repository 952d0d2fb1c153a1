"""Trainers that tell no step before their end are interrupted by what they save, and judged."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from driving_toys import toy
from judging import control_of, judge, stranger
from waiting import HANG

from proofbook_systems.training.awaited_saves import AwaitedSave, why_no_moment
from proofbook_systems.training.controls import Control, run_control
from proofbook_systems.training.diagnosis import diagnose
from proofbook_systems.training.interruption import interrupt_and_resume, read_plan
from proofbook_systems.training.layouts import find_checkpoints
from proofbook_systems.training.running import Ended, MemorySample, Training
from proofbook_systems.training.save_order import (
    Save,
    counts_steps,
    find_saves,
    last_before,
    told_in_time,
)
from proofbook_systems.training.saved_steps import SavedSteps
from proofbook_systems.training.saving import Change
from proofbook_systems.training.steps import Recognised, Step, StepLog
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.trees import compare_trees

EVERY = (0.1, 1, 512)
"""By epochs of 10 steps, by steps, and by tokens."""


def saves(numbers: list[int], told: list[int]) -> list[Save]:
    return [
        Save(number, step, step, 2.0 + n)
        for n, (number, step) in enumerate(zip(numbers, told, strict=True))
    ]


@pytest.mark.parametrize(
    ("numbers", "told", "counts"),
    [
        ([10, 20, 30], [10, 20, 30], True),
        ([10, 20, 30], [9, 19, 29], True),
        ([1, 2, 3], [10, 20, 30], False),
        ([5120, 10240, 15360], [10, 20, 30], False),
        ([10, 20, 30], [0, 8, 16], True),  # written late, in blocks
        ([10, 20, 30], [0, 0, 0], True),
        ([1, 2, 3], [0, 0, 0], False),
        ([5120, 10240, 15360], [0, 0, 0], False),
        ([1], [0], False),
        ([-1, -1, -1], [0, 0, 0], True),  # a file without a number says nothing else
    ],
)
def test_what_checkpoints_are_called_by_is_found_out(
    numbers: list[int], told: list[int], counts: bool
) -> None:
    late = not any(told)
    made = saves(numbers, told)
    assert counts_steps(made, late=late, total=32, stride=1, seconds=4.2) is counts


@pytest.mark.parametrize(
    ("numbers", "seen", "counts"),
    [
        ([10, 20, 30], [(9, 10), (17, 23), (23, 32)], True),
        ([10, 20, 30], [(7, 13), (17, 23), (27, 33)], True),
        ([1, 2, 3], [(7, 13), (17, 23), (27, 33)], False),
        ([1, 2, 3], [(0, 32), (0, 32), (27, 32)], False),
        ([1, 2, 3], [(0, 32), (0, 32), (0, 32)], False),
    ],
)
def test_what_checkpoints_are_called_by_is_found_out_by_one_that_looks_seldom(
    numbers: list[int], seen: list[tuple[int, int]], counts: bool
) -> None:
    """A save lies between two looks, and so does its step."""
    made = [
        Save(number, *steps, 1.4 * n)
        for n, (number, steps) in enumerate(zip(numbers, seen, strict=True), 1)
    ]
    assert counts_steps(made, late=False, total=32, stride=1, seconds=4.5) is counts


def test_a_training_that_was_watched_by_fits_and_starts_is_placed_as_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Training._pause
    monkeypatch.setattr(Training, "_pause", lambda self: (time.sleep(0.3), usual(self)))
    control = run_control(toy("slow-save"), tmp_path / "alone", HANG)
    assert any(save.told > save.number + 1 for save in control.saves), control.saves
    (save,) = read_plan(["SIGKILL in 90 %"])
    assert (control.counts_steps, control.tells_late) == (True, False)
    assert save.placed(control).step == 20


@pytest.mark.parametrize(
    ("told", "live", "in_time"),
    [
        ([0, 0, 0], [0, 0, 30], False),
        ([0, 0, 30], [0, 0], False),  # the last one is saved when all steps have been told
        ([0, 0, 0], [0, 3, 30], True),
        ([0, 10, 20], [0], True),
    ],
)
def test_a_log_that_is_written_at_the_end_tells_nothing_in_time(
    told: list[int], live: list[int], in_time: bool
) -> None:
    assert told_in_time(saves([10, 20, 30], told), live, 30) is in_time


@pytest.mark.parametrize(
    ("numbers", "told", "by_steps", "place"),
    [
        ([10, 20, 30], [0, 0, 0], True, 1),
        ([1, 2, 3], [10, 20, 30], False, 1),
        ([1, 2, 3], [0, 0, 0], False, 1),  # at 2, 3 and 4 of 4 s, and step 24 of 32 at 3 s
        ([30, 40, 50], [0, 0, 0], True, 0),
    ],
)
def test_a_moment_is_after_the_last_save_up_to_its_step(
    numbers: list[int], told: list[int], by_steps: bool, place: int
) -> None:
    made = saves(numbers, told)
    assert last_before(made, 24, total=32, by_steps=by_steps, seconds=4.0) == place


def test_each_save_of_a_file_that_is_replaced_is_one() -> None:
    changes = [Change(1.0 + n, "moved here", "ckpt.pt", n) for n in range(3)]
    assert [save.seconds for save in find_saves(changes, 0.5)] == [0.5, 1.5, 2.5]


def test_a_start_that_has_told_no_step_is_not_followed_by_the_names_of_its_checkpoints(
    tmp_path: Path,
) -> None:
    (tmp_path / "epoch-3").mkdir()
    (tmp_path / "epoch-3" / "model.pt").write_bytes(b"x")
    log = StepLog(output=tmp_path, known=Recognised(name="log file", place="log.jsonl"))
    assert log.read("") == (None, [])


def quiet(folder: Path, *places: str) -> Control:
    """Return a training of 30 steps that told them at its end, and saved these once a second."""
    for place in places:
        (folder / place).write_bytes(b"x")
    ended = Ended(
        code=0, state="exited with code 0", steps=[Step(n, None, None) for n in range(1, 31)],
        printed="", seconds=len(places) + 1.0, memory=[MemorySample(1.0, 0, 1)],
    )  # fmt: skip
    changes = [Change(float(n), "closed", place) for n, place in enumerate(places, 1)]
    trainer = Trainer(train=(), resume=(), config_file=None, project=folder, steps=30)
    return Control(trainer=trainer, output=folder, ended=ended, changes=changes)


@pytest.mark.parametrize(
    ("places", "plan", "lacking"),
    [
        (["model_10.json", "step_20.json"], ["SIGKILL after 15"], "no save of a checkpoint"),
        (["step_10.bin"], ["SIGKILL after 15", "SIGKILL after 80 %"], "it saves once before its"),
        (["step_30.bin"], ["SIGKILL after 15"], "it does not save before its last step"),
        (["step_10.bin", "step_20.bin"], ["SIGKILL after 25", "SIGINT after 28"], "saves 2 times"),
        (["step_10.bin", "step_20.bin"], ["SIGKILL after 15", "SIGINT after 25"], ""),
        (["model_10.json"], ["SIGKILL at 3.5 s"], ""),
    ],
)
def test_a_plan_without_its_moments_is_told_with_what_to_do(
    places: list[str], plan: list[str], lacking: str, tmp_path: Path
) -> None:
    said = why_no_moment(quiet(tmp_path, *places), read_plan(plan))
    assert lacking in said and bool(said) == bool(lacking)
    assert not said or "have it print each step" in said


def test_a_start_that_has_a_checkpoint_already_waits_for_the_next_one(tmp_path: Path) -> None:
    control = quiet(tmp_path, *(f"step_{n}.bin" for n in (10, 20, 30)))
    there = find_checkpoints(tmp_path)
    first, later = (AwaitedSave(control, 15, there[:n]) for n in (0, 2))
    assert first.is_there(there[:1]) and first.is_there(there[1:2])
    assert not later.is_there(there[:2]) and later.is_there(there)
    met = AwaitedSave(control, 20, there[:0], before=True)
    assert (met.due, met.is_there([]), met.is_there(there[:1])) == (False, False, True)
    assert AwaitedSave(control, 20, there[:1], before=True).due


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], Control]:
    """Return a function that returns the toy, left alone, whose checkpoints are called so."""
    made: dict[float, Control] = {}

    def control(calls: float) -> Control:
        if calls not in made:
            folder = tmp_path_factory.mktemp("late")
            trainer = toy("tells-late", "slow-save", f"calls={calls}", steps=34)
            made[calls] = run_control(trainer, folder / "alone", HANG)
        return made[calls]

    return control


@pytest.mark.exhaustive(keep=1)
@pytest.mark.slow
@pytest.mark.parametrize("calls", EVERY)
def test_a_trainer_that_tells_no_step_before_its_end_is_killed_after_a_save(
    late: Callable[[float], Control], calls: float, tmp_path: Path
) -> None:
    control, plan = late(calls), read_plan(["SIGKILL after 35 %", "SIGKILL after 80 %"])
    assert (control.tells_late, control.counts_steps) == (True, calls == 1)
    result = interrupt_and_resume(control, tmp_path / "out", plan, logs=tmp_path, timeout=HANG)
    assert [cycle.happened for cycle in result.cycles] == [True, True]
    first, second = result.cycles
    assert first.unknown or (first.resumed_at, first.lost) in ((10, 0), (20, 0)), first.words
    assert (second.resumed_at, second.lost) in ((20, 0), (30, 0)), second.words
    assert (result.last.code, result.why_anew(control)) == (0, "")
    assert result.untold(control) >= {*range(1, result.last.steps[0].number)}


@pytest.mark.slow
def test_a_log_in_time_tells_the_steps_of_checkpoints_that_are_called_by_epochs(
    tmp_path: Path,
) -> None:
    control = run_control(toy("slow-save", "calls=0.1", steps=34), tmp_path / "alone", HANG)
    assert (control.tells_late, control.counts_steps) == (False, False)
    assert control.saved == [1, 2, 3]
    saves = zip(control.save_ranges, (10, 20, 30), strict=True)
    assert all(each.may_hold(step) for each, step in saves), control.save_ranges
    (planned,) = read_plan(["SIGKILL in 60 %"])
    assert control.save_ranges[1].may_hold(planned.placed(control).step)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.slow
@pytest.mark.parametrize("layout", ["folders", "single"])
def test_what_a_killed_start_could_not_tell_is_no_departure(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    trainer = stranger(tmp_path, "--log", "late", "--layout", layout, "--pause", "0.03")
    control = control_of(trainer, tmp_path)
    plan = ("SIGKILL after 40 %", "SIGKILL after 80 %")
    assert control.tells_late
    assert judge(control, tmp_path / "right", plan=plan, waits=False) == []
    one = plan if layout == "folders" else plan[:1]  # one file has lost what the first one shows
    red = judge(control, tmp_path / "wrong", "no-moments", plan=one, waits=False)
    assert (red[0].check, "optimizer's moments" in red[0].words) == ("resumes-exactly", True)
    ahead = judge(control, tmp_path / "ahead", "two-ahead", plan=plan, waits=False)
    assert ahead and ahead[0].check in ("resumes-exactly", "lost"), ahead


@pytest.mark.exhaustive(keep=1)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("plan", "step"), [("SIGKILL after 30 %", 10), ("SIGTERM after 25", 20), ("SIGKILL in 20", 10)]
)
def test_a_trainer_that_tells_its_steps_in_blocks_is_interrupted_after_a_save(
    blocks: Control, plan: str, step: int, tmp_path: Path
) -> None:
    """Thirty of 34 steps come at once: those that it has made when it is killed are lost."""
    assert (blocks.tells_late, blocks.tells_in_blocks) == (False, True)
    result = interrupt_and_resume(
        blocks, tmp_path / "out", read_plan([plan]), logs=tmp_path, timeout=HANG
    )
    (cycle,) = result.cycles
    assert (cycle.happened, step <= (cycle.resumed_at or 0) < 30) == (True, True), cycle.words
    assert cycle.lost is not None and cycle.lost <= cycle.allowed(saves_on_signal=False)
    comparison = compare_trees(tmp_path / "out", blocks.output)
    assert diagnose(blocks, tmp_path / "out", result, comparison) is None


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Control:
    """Return the toy, left alone, that tells thirty steps at once."""
    folder = tmp_path_factory.mktemp("blocks")
    return run_control(toy("blocks=30", "slow-save", steps=34), folder / "alone", HANG)


@pytest.mark.slow
def test_a_trainer_without_any_moment_is_told_so_before_it_is_interrupted(tmp_path: Path) -> None:
    control = run_control(toy("tells-late", "lazy"), tmp_path / "alone", HANG)
    control = replace(control, trainer=replace(control.trainer, steps=24))
    said = why_no_moment(control, read_plan(["SIGKILL after 30 %"]))
    assert said.startswith("its steps are told when it ends, and no save of a checkpoint was seen")


def test_a_checkpoint_that_was_cut_off_and_is_written_again_tells_its_step(tmp_path: Path) -> None:
    for step in (4, 8):
        (tmp_path / f"step_{step}").mkdir()
        (tmp_path / f"step_{step}" / "model.safetensors").write_bytes(b"torn")
    saved = SavedSteps(output=tmp_path)
    saved.begin()
    (tmp_path / "step_4" / "model.safetensors").unlink()  # as a clean-up does
    assert saved.look() == []
    (tmp_path / "step_8" / "optimizer.bin").write_bytes(b"whole")
    assert saved.look() == [8]
