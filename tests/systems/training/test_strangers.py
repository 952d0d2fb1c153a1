"""Trainers whose authors have never heard of Proofbook: right ones are green, faults are named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from judging import control_of, judge, stranger

from proofbook_systems.training.controls import Control

pytestmark = pytest.mark.slow

RIGHT = [
    ["--log", "bar"],
    ["--log", "nanogpt", "--layout", "single"],
    ["--log", "dict", "--layout", "steps"],
    ["--log", "brackets", "--layout", "digits"],
    ["--log", "plain", "--layout", "epochs"],
    ["--log", "colours", "--keep", "2"],
    ["--log", "avr", "--layout", "latest"],
    ["--log", "zero"],
    ["--log", "jsonl"],
    ["--log", "csv", "--layout", "single"],
    ["--log", "every"],
    ["--log", "bar", "--keep", "3", "--every", "5"],
    ["made-once"],
]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start takes less time than two threads take to meet."""
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")


@pytest.mark.parametrize("options", RIGHT, ids=" ".join)
def test_a_right_trainer_is_called_right(options: list[str], tmp_path: Path) -> None:
    control = control_of(stranger(tmp_path, *options), tmp_path)
    assert judge(control, tmp_path) == []
    assert control.told.split(":")[1].strip().split()[0] in ("24", "8")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Control:
    """A right trainer that was left alone: its faults show where it is resumed."""
    folder = tmp_path_factory.mktemp("sound")
    return control_of(stranger(folder), folder)


# (fault, check, words of its first finding)
AT_RESUMING = [
    ("no-optimizer", "resumes-exactly", "step counters in checkpoint 12 say 6 and not 12"),
    ("no-moments", "resumes-exactly", "optimizer's moments were not restored"),
    ("no-second-moments", "resumes-exactly", "optimizer's moments were not restored"),
    ("no-counters", "resumes-exactly", "step counters in checkpoint 12 say 6 and not 12"),
    ("no-first-parameter", "resumes-exactly", "optimizer's moments were not restored"),
    ("no-scheduler", "resumes-exactly", "that of step 1: the scheduler was not restored"),
    ("scheduler-twice", "resumes-exactly", "scheduler is 6 steps ahead"),
    ("scheduler-one-off", "resumes-exactly", "scheduler is 1 steps ahead"),
    ("scheduler-behind", "resumes-exactly", "scheduler is 1 steps behind"),
    ("no-scaler", "resumes-exactly", "the scaler was not restored"),
    ("no-growth", "resumes-exactly", "the scaler was not restored"),
    ("no-rng", "resumes-exactly", "random number generators were not restored"),
    ("other-rng", "resumes-exactly", "random number generators were not restored"),
    ("no-python-rng", "resumes-exactly", "random number generators were not restored"),
    ("no-sampler", "resumes-exactly", "order of the data was not restored"),
    ("sampler-epoch", "resumes-exactly", "order of the data was not restored"),
    ("sampler-shifted", "resumes-exactly", "order of the data was not restored"),
    ("sampler-reshuffled", "resumes-exactly", "order of the data (sampler) was not restored"),
    ("no-weights", "resumes-exactly", "weights are not those that were saved"),
    ("no-head", "resumes-exactly", "weights are not those that were saved"),
    ("ema-as-weights", "resumes-exactly", "another copy of them was"),
    ("no-layer", "resumes-exactly", "layer.weight departs far more than the rest"),
    ("rounded", "resumes-exactly", "weights were rounded"),
    ("drift", "resumes-exactly", "weights were rounded"),
    ("nan", "resumes-exactly", "the loss at step 7 is nan"),
    ("nan-at-15", "resumes-exactly", "the loss at step 16 is nan"),
    ("ema-restarts", "resumes-exactly", "moving average of the weights (EMA) was not restored"),
    ("no-ema", "resumes-exactly", "moving average of the weights (EMA) was not restored"),
    ("counts-from-0", "lost", "resumed at 0"),
    ("one-step-back", "lost", "resumed at 5"),
    ("one-step-ahead", "resumes-exactly", "1 steps were left out"),
    ("two-ahead", "resumes-exactly", "2 steps were left out"),
    ("oldest", "lost", "resumed at 6"),
    ("second-newest", "lost", "resumed at 12"),
    ("by-name", "lost", "resumed at 6"),
    ("ignores-signals", "interrupted", "went on from step 1"),
    ("early-difference", "resumes-exactly", "before the first interruption: this is no fault of"),
]


@pytest.mark.parametrize(("fault", "check", "words"), AT_RESUMING, ids=[x[0] for x in AT_RESUMING])
def test_a_fault_of_resuming_is_found_and_named(
    sound: Control, fault: str, check: str, words: str, tmp_path: Path
) -> None:
    red = judge(sound, tmp_path, fault)
    assert red, "not found"
    assert (red[0].check, words in red[0].words) == (check, True), red[0]


FROM_THE_START = [
    ("saved-in-half", "resumes-exactly", "weights were rounded"),
    ("saves-no-optimizer", "resumes-exactly", "moments, which no checkpoint holds,"),
    ("saves-no-rng", "resumes-exactly", "no checkpoint holds the random numbers"),
    ("drops-a-tensor", "resumes-exactly", "layer.bias is in the final model and in no checkpoint"),
    (
        "unrepeatable",
        "repeats-itself",
        "two uninterrupted trainings differ: loss departs at step 1",
    ),
]


@pytest.mark.parametrize(("fault", "check", "words"), FROM_THE_START)
def test_a_fault_of_saving_is_found_and_named(
    fault: str, check: str, words: str, tmp_path: Path
) -> None:
    red = judge(control_of(stranger(tmp_path, fault), tmp_path), tmp_path)
    assert red, "not found"
    assert (red[0].check, words in red[0].words) == (check, True), red[0]


IN_A_SAVE = ("SIGKILL in 18",)
UNSAFE = "a-whole-checkpoint-at-all-times"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["deletes-first"], "was deleted before the next checkpoint was whole"),
        (["in-place", "--layout", "single"], "ckpt.npz was overwritten before the next"),
    ],
)
def test_a_save_that_leaves_no_checkpoint_is_found_without_luck(
    options: list[str], words: str, tmp_path: Path
) -> None:
    red = judge(control_of(stranger(tmp_path, *options), tmp_path), tmp_path, plan=IN_A_SAVE)
    assert (red[0].check, words in red[0].words) == (UNSAFE, True)


@pytest.mark.parametrize(
    "options", [["slow-save"], ["in-place", "slow-save"], ["--layout", "single"]]
)
def test_a_save_that_is_safe_is_green_however_it_is_hit(options: list[str], tmp_path: Path) -> None:
    control = control_of(stranger(tmp_path, *options), tmp_path)
    assert judge(control, tmp_path, plan=IN_A_SAVE) == []
