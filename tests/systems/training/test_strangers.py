"""Trainers whose authors have never heard of Proofbook: right ones are green, faults are named."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from judging import Red, control_of, judge, stranger
from waiting import HANG

from proofbook_systems.training.controls import Control, run_control
from proofbook_systems.training.diagnosis import Finding
from proofbook_systems.training.exchange import Part
from proofbook_systems.training.probing import Probed, name_cause
from proofbook_systems.training.roles import Role
from proofbook_systems.training.trainer import Trainer

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
    ["--log", "means"],
    ["--log", "means", "--keep", "2"],
    ["--log", "bar", "--keep", "3", "--every", "5"],
    ["--log", "accumulates", "--layout", "steps"],
    ["made-once"],
]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start takes less time than two threads take to meet."""
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")


@pytest.mark.exhaustive
@pytest.mark.parametrize("options", RIGHT, ids=" ".join)
def test_a_right_trainer_is_called_right(options: list[str], tmp_path: Path) -> None:
    control = control_of(stranger(tmp_path, *options), tmp_path)
    assert judge(control, tmp_path, waits=False) == []
    assert control.told.split(":")[1].strip().split()[0] in ("24", "25", "8", "4")


@pytest.mark.exhaustive
def test_a_trainer_that_tells_no_step_is_followed_by_its_checkpoints(tmp_path: Path) -> None:
    control = control_of(stranger(tmp_path, "--log", "none"), tmp_path)
    assert "the names of its checkpoints: 4 steps told" in control.told
    assert judge(control, tmp_path / "right", waits=False) == []
    red = judge(control, tmp_path / "wrong", "no-moments", waits=False)
    assert (red[0].check, "optimizer's moments" in red[0].words) == ("resumes-exactly", True)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("fault", "words"),
    [("no-moments", "optimizer's moments"), ("no-rng", "random number generators were not")],
)
def test_a_fault_is_named_of_a_trainer_that_tells_mean_losses(
    fault: str, words: str, tmp_path: Path
) -> None:
    """Steps 5, 10, 15 and 20 are told; it goes on after 6 and 18, and tells a part of these."""
    means = stranger(tmp_path, "--log", "means")
    (red,) = judge(control_of(means, tmp_path), tmp_path, fault, waits=False)
    assert (red.check, words in red.words) == ("resumes-exactly", True), red


@pytest.mark.exhaustive
def test_random_numbers_that_nobody_saves_are_named_without_a_log(tmp_path: Path) -> None:
    silent = stranger(tmp_path, "--log", "none", "saves-no-rng")
    (red,) = judge(control_of(silent, tmp_path), tmp_path, waits=False)
    assert "weights in checkpoint 12 depart, and no checkpoint holds the random" in red.words


@pytest.mark.exhaustive
@pytest.mark.parametrize("plan", [("SIGKILL after 80 %",), ("SIGKILL in 18",), ("SIGINT after 2",)])
def test_a_trainer_that_is_told_its_checkpoint_is_told_the_newest_whole_one(
    plan: tuple[str, ...], tmp_path: Path
) -> None:
    """In place and slowly, one is half-written at the second; there is none at the third."""
    right = stranger(tmp_path, "in-place", "slow-save", "any-folder")
    told = replace(right, resume=(*right.train, "--resume", "--from", "{checkpoint}"))
    assert judge(control_of(told, tmp_path), tmp_path, plan=plan, waits=False) == []


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
    ("scheduler-one-off", "resumes-exactly", "scheduler is 1 step ahead"),
    ("scheduler-behind", "resumes-exactly", "scheduler is 1 step behind"),
    ("no-scaler", "resumes-exactly", "the scaler was not restored"),
    ("no-growth", "resumes-exactly", "the scaler was not restored"),
    ("no-rng", "resumes-exactly", "random number generators were not restored"),
    ("other-rng", "resumes-exactly", "random number generators were not restored"),
    ("no-python-rng", "resumes-exactly", "random number generators were not restored"),
    ("no-sampler", "resumes-exactly", "order of the data was not restored"),
    ("sampler-epoch", "resumes-exactly", "order of the data was not restored"),
    ("sampler-shifted", "resumes-exactly", "order of the data was not restored"),
    ("sampler-reshuffled", "resumes-exactly", "data of an epoch were shuffled again"),
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
    ("one-step-ahead", "resumes-exactly", "1 step too late: step 8 has the loss of step 7"),
    ("two-ahead", "resumes-exactly", "2 steps too late: step 9 has the loss of step 7"),
    ("oldest", "lost", "resumed at 6"),
    ("second-newest", "lost", "resumed at 12"),
    ("by-name", "lost", "resumed at 6"),
    ("ignores-signals", "interrupted", "went on from step 1"),
    ("early-difference", "resumes-exactly", "before the first interruption: this is no fault of"),
]


@pytest.mark.exhaustive
@pytest.mark.parametrize(("fault", "check", "words"), AT_RESUMING, ids=[x[0] for x in AT_RESUMING])
def test_a_fault_of_resuming_is_found_and_named(
    sound: Control, fault: str, check: str, words: str, tmp_path: Path
) -> None:
    red = judge(sound, tmp_path, fault)
    assert red, "not found"
    assert (red[0].check, words in red[0].words) == (check, True), red[0]


def test_a_network_that_draws_no_random_numbers_after_resuming_is_in_another_mode(
    sound: Control, tmp_path: Path
) -> None:
    (red,) = judge(sound, tmp_path, "no-draws", plan=("SIGKILL after 80 %",))
    assert "another mode, without dropout" in red.words


EXCHANGED = [
    ("eval-mode", "the network is in another mode, such as without dropout"),
    ("no-weights", "when the weights (unet/diffusion_pytorch_model.safetensors) of checkpoint"),
    ("ema-as-weights", "(EMA) was restored in their place"),
    ("no-moments", "the optimizer's moments were not restored"),
]


@pytest.mark.exhaustive
@pytest.mark.parametrize(("fault", "words"), EXCHANGED)
def test_an_experiment_tells_causes_apart_that_look_alike(
    sound: Control, fault: str, words: str, tmp_path: Path
) -> None:
    (red,) = judge(sound, tmp_path, fault, probes=8)
    assert words in red.words


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        ({"at_once": True, "other_draws": True}, "another number of them is drawn"),
        ({"at_once": True}, "not used as they were saved"),
        ({"at_once": False}, "or the learning rate is another one"),
        ({"at_once": False, "same_settings": True}, "another learning rate or clipping"),
    ],
)
def test_what_is_read_and_departs_is_not_called_lost(finding: dict[str, bool], words: str) -> None:
    roles: tuple[Role, ...] = ("weights", "random numbers", "optimizer")
    read = [Part(role, "ckpt.pt", False) for role in roles]
    probed = Probed(step=10, donor=20, unread=[], read=read)
    named = name_cause(Finding(words="x", lead="departs", probe_at=12, **finding), probed)
    assert words in named.words
    lost = replace(probed, unread=read[1:2], read=read[:1])
    if finding["at_once"]:
        assert (
            "generators were not restored"
            in name_cause(Finding(words="x", lead="departs", **finding), lost).words
        )


@pytest.mark.exhaustive
def test_a_rotation_that_ends_with_a_resumption_is_found(tmp_path: Path) -> None:
    control = control_of(stranger(tmp_path, "--keep", "1", "--every", "4"), tmp_path)
    assert (control.keeps, len(control.saved)) == (1, 6)
    assert judge(control, tmp_path / "right") == []
    (red,) = judge(control, tmp_path, "forgets-rotation")
    assert (red.check, int(red.words) > 1) == ("rotation-goes-on", True)


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


@pytest.mark.exhaustive
@pytest.mark.parametrize(("fault", "check", "words"), FROM_THE_START)
def test_a_fault_of_saving_is_found_and_named(
    fault: str, check: str, words: str, tmp_path: Path
) -> None:
    red = judge(control_of(stranger(tmp_path, fault), tmp_path), tmp_path)
    assert red, "not found"
    assert (red[0].check, words in red[0].words) == (check, True), red[0]


IN_A_SAVE = ("SIGKILL in 18",)
UNSAFE = "a-whole-checkpoint-at-all-times"


@pytest.mark.exhaustive
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


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "options", [["slow-save"], ["in-place", "slow-save"], ["--layout", "single"]]
)
def test_a_save_that_is_safe_is_green_however_it_is_hit(options: list[str], tmp_path: Path) -> None:
    control = control_of(stranger(tmp_path, *options), tmp_path)
    assert judge(control, tmp_path, plan=IN_A_SAVE) == []


@pytest.mark.exhaustive
def test_a_trainer_without_a_recognised_checkpoint_is_interrupted_after_its_first_weights(
    tmp_path: Path,
) -> None:
    """As one that keeps the best weights in a file of the final model's name, and counts from 0."""
    script = tmp_path / "best.py"
    script.write_text(BEST)
    command = (sys.executable, str(script), "{output_dir}")
    trainer = Trainer(train=command, resume=(*command, "--resume"), config_file=None,
                      project=tmp_path, steps=0)  # fmt: skip
    red = judge(control_of(trainer, tmp_path), tmp_path, plan=("SIGINT after 10 %",))
    assert [each.check for each in red] == ["resumes-exactly"]
    assert red[0].words.endswith("no checkpoint was recognised in the output folder")


BEST = """
import sys, time
from pathlib import Path
import numpy as np
from safetensors.numpy import load_file, save_file
out = Path(sys.argv[1]); w = np.full(4, 9.0)
if "--resume" in sys.argv:
    w = load_file(out / "model.safetensors")["w"]
for step in range(30):
    w = w * 0.9
    print(f"step {step} | loss {float((w ** 2).mean()):.6f}", flush=True)
    time.sleep(0.02)
    if step and step % 12 == 0:
        save_file({"w": w}, out / "model.safetensors")
"""


def test_a_resumption_that_fails_before_the_next_interruption_is_told_with_its_last_words(
    tmp_path: Path,
) -> None:
    control = control_of(stranger(tmp_path), tmp_path)
    red = judge(control, tmp_path, "cannot-resume")
    assert red == [Red("comes-to-its-end", red[0].words)]
    assert "resumed after SIGINT after 10" in red[0].words
    assert red[0].words.endswith("RuntimeError: shapes do not fit")


def test_nothing_is_written_into_the_users_project(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "model.py").write_text("STEPS = 3\n")
    (project / "train.py").write_text(
        "import sys, model\nfrom pathlib import Path\n"
        "for n in range(1, model.STEPS + 1): print(f'step {n} loss {1 / n}', flush=True)\n"
        "Path(sys.argv[1], 'w.bin').write_bytes(b'x')\n"
    )
    command = (sys.executable, "train.py", "{output_dir}")
    trainer = Trainer(train=command, resume=command, config_file=None, project=project, steps=0)
    assert run_control(trainer, tmp_path / "out", HANG).ended.code == 0
    assert sorted(path.name for path in project.iterdir()) == ["model.py", "train.py"]
