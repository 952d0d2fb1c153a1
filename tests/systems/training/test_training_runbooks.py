"""The training runbooks are green on a sound trainer, and each check goes red on a broken one."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driving_toys import TOY

pytestmark = pytest.mark.slow

Run = Callable[..., Any]
FILES = ["model.safetensors", "optimizer.safetensors"]
TRAIN = {
    "steps": 40, "memory_growth": 5.0, "checkpoint_every": 10, "final_files": ["model_index.json"]
}  # fmt: skip


@pytest.fixture
def run(run_toy: Run) -> Run:
    return run_toy


def test_a_sound_training_is_green(run: Run) -> None:
    done = run("train", **TRAIN)
    assert done.error is None
    assert done.red == []


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("faults", "parameters", "red"),
    [
        (["flat"], {}, ["loss-falls"]),
        (["still"], {}, ["weights-change", "loss-falls"]),
        (["leak"], {}, ["no-memory-growth"]),
        (["lazy"], {}, ["checkpoints-when-due"]),
        (["modelless"], {}, ["model-is-there"]),
        (["final-nan"], {}, ["model-is-sound"]),
        (["final-stale"], {}, ["model-is-sound"]),
        ([], {"checkpoint_files": [*FILES, "scaler.pt"]}, ["checkpoints-have-their-files"]),
        ([], {"final_files": ["model_index.json", "unet"]}, ["model-is-there"]),
        ([], {"gpu": True}, ["gpu-used"]),
        ([], {"log_file": "", "resume_command": ["x"]}, []),
    ],
)
def test_a_broken_training_is_red(
    run: Run, faults: list[str], parameters: dict[str, Any], red: list[str]
) -> None:
    done = run("train", *faults, **{**TRAIN, **parameters})
    assert done.red == red, done.error


@pytest.mark.exhaustive
def test_checkpoints_that_nothing_is_compared_with_are_skipped_with_a_reason(run: Run) -> None:
    done = run("train", steps=12, memory_growth=1e9, checkpoint_files=[])
    assert done.red == []
    skipped = {name: done.checks[name].reason for name in ("checkpoints-when-due",
               "checkpoints-have-their-files")}  # fmt: skip
    assert skipped["checkpoints-when-due"].startswith("1 checkpoints were seen")
    assert skipped["checkpoints-have-their-files"].endswith("give checkpoint_files")


@pytest.mark.exhaustive
def test_losses_that_may_hide_a_fall_are_a_skip_and_what_never_changes_is_asked(run: Run) -> None:
    done = run("train", "noisy", **TRAIN)
    assert done.red == []
    assert "may hide a fall of" in done.checks["loss-falls"].reason
    assert done.checks["weights-change"].status == "passed"


def test_a_training_that_fails_has_the_checklists_advice(run: Run) -> None:
    words = "import sys; print('CUDA out of memory'); sys.exit(1)"
    done = run("train", **{**TRAIN, "train_command": [sys.executable, "-c", words, "{output_dir}"]})
    assert done.red == ["ends-well"]
    assert "gradient_checkpointing: true" in done.checks["ends-well"].why


def test_a_trainer_that_says_nothing_is_one_line(run: Run) -> None:
    done = run("train", "mute", **{**TRAIN, "timeout": 0.5})
    assert str(done.error).startswith(
        "the trainer has printed nothing in 0.5 s, last at step 0; see"
    )


PLAN = {"interruptions": ["SIGINT after 7", "SIGKILL after 16"]}
ANEW = "goes-on-from-a-checkpoint"


def test_an_exact_resumption_is_green(run: Run) -> None:
    done = run("resume", **PLAN, saves_on_signal=True, exit_codes=[130])
    assert done.error is None
    assert done.red == []
    assert done.checks["resumes-exactly"].actual == "the same"
    assert done.checks["something-compared"].actual == 3
    assert "a-whole-checkpoint-at-all-times" not in done.checks  # no save is interrupted


@pytest.mark.exhaustive
def test_a_resumption_that_drifts_is_one_finding(run: Run) -> None:
    done = run("resume", "drift", **PLAN)
    assert done.red == ["resumes-exactly"]
    words = str(done.checks["resumes-exactly"].actual)
    assert re.match(r"after resuming from [7-9]: ", words)  # it may be heard some steps late
    assert words.endswith("the weights were rounded when they were saved or loaded")


@pytest.mark.exhaustive
def test_a_cause_that_cannot_be_looked_for_costs_no_finding(run: Run) -> None:
    done = run("resume", "drift", "stuck", **{**PLAN, "timeout": 15.0})
    assert (done.error is not None, done.red) == (True, ["resumes-exactly"])
    assert re.match(r"after resuming from [7-9]: ", str(done.checks["resumes-exactly"].actual))


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("faults", "parameters", "red"),
    [
        (["forgetful"], {}, ["cycle-1-lost", "cycle-2-lost", ANEW, "resumes-exactly"]),
        (["impolite"], {"saves_on_signal": True}, ["cycle-1-lost"]),
        (["deaf"], {}, ["cycle-1-interrupted"]),
        (["says-nothing"], {"exit_codes": [130]}, ["cycle-1-ends-as-asked"]),
        (["restless"], {}, ["repeats-itself"]),
        (
            ["modelless", "lazy"],
            {"interruptions": ["SIGKILL after 7"]},
            [ANEW, "something-compared"],
        ),
    ],
)
def test_a_resumption_that_goes_wrong_is_red(
    run: Run, faults: list[str], parameters: dict[str, Any], red: list[str]
) -> None:
    done = run("resume", *faults, **{**PLAN, **parameters})
    assert done.red[: len(red)] == red


@pytest.mark.exhaustive
def test_a_trainer_that_is_not_repeatable_may_be_compared_in_what_repeats(run: Run) -> None:
    done = run("resume", "restless", **PLAN, repeats=False)
    assert (done.error, done.red) == (None, [])
    assert "repeats-itself" not in done.checks
    assert "departs at step" in done.names["control"].report


@pytest.mark.exhaustive
def test_a_training_whose_saves_nobody_saw_is_not_called_safe(run: Run) -> None:
    done = run("resume", "lazy", interruptions=["SIGKILL in 10"])
    assert done.checks["a-whole-checkpoint-at-all-times"].status == "skipped"


@pytest.mark.exhaustive
def test_what_is_half_written_is_told_and_no_fault(run: Run) -> None:
    done = run("resume", "litter", "slow-save", interruptions=["SIGKILL in 10", "SIGINT after 16"])
    assert done.red == []
    assert done.checks["a-whole-checkpoint-at-all-times"].status == "passed"
    assert {"left_over", "save_missed"} <= {r.name for r in done.records if r.kind == "metric"}


def test_sound_checkpoints_are_green_and_all_corruptions_are_found(
    run: Run,
) -> None:
    done = run("checkpoints", corruptions=12)
    assert done.error is None
    assert done.red == []


def test_a_trainer_that_writes_no_hashes_cannot_have_all_corruptions_found(
    run: Run,
) -> None:
    plain = run("checkpoints", "unsealed")
    assert (plain.red, "corruptions-found" in plain.checks) == ([], False)
    done = run("checkpoints", "unsealed", corruptions=12)
    assert done.red == ["corruptions-found"]
    assert "model.safetensors zeroed" in str(done.checks["corruptions-found"].actual)


def test_checkpoints_that_are_not_as_they_should_be_are_red(run: Run, tmp_path: Path) -> None:
    assert "some-are-there" in run("checkpoints", "lazy", steps=5).red
    sizes = run("checkpoints", smallest=5.0).red
    assert sizes == ["checkpoint-10-size", "checkpoint-20-size"]
    whole = run("checkpoints", smallest=0.0, checkpoint_files=[*FILES, "scheduler.bin"])
    assert whole.red == ["checkpoint-10-sound", "checkpoint-20-sound"]


@pytest.fixture
def finished(run: Run, tmp_path: Path) -> dict[str, str]:
    """A training that is over, as training/train leaves it."""
    done = run("train", **{**TRAIN, "steps": 24, "memory_growth": 1e9}, output_dir=str(tmp_path))
    assert done.red == []
    return {"trained": str(done.names["output"]), "record": str(done.names["record"])}


@pytest.mark.exhaustive
def test_a_finished_training_is_compared_with_and_not_trained_again(
    run: Run, finished: dict[str, str], tmp_path: Path
) -> None:
    before = newest_change(Path(finished["trained"]))
    done = run("resume", **PLAN, **finished)
    assert done.error is None
    assert done.red == []
    assert not (done.folder / "work" / "alone").exists()
    assert newest_change(Path(finished["trained"])) == before
    drifting = run("resume", "drift", **PLAN, **finished, output_dir=str(tmp_path / "drifting"))
    assert drifting.red == ["resumes-exactly"]


@pytest.mark.exhaustive
def test_another_length_than_that_of_the_finished_training_is_red(
    run: Run, finished: dict[str, str]
) -> None:
    assert run("resume", steps=26, **PLAN, **finished).red == ["repeats-itself"]


@pytest.mark.exhaustive
def test_a_finished_training_without_its_record_is_one_line(
    run: Run, finished: dict[str, str]
) -> None:
    done = run("resume", **PLAN, trained=finished["trained"])
    assert str(done.error).startswith("record is empty; give what training/train leaves")


@pytest.mark.exhaustive
def test_checkpoints_of_a_finished_training_are_judged_without_training(
    run: Run, finished: dict[str, str]
) -> None:
    given = {"trained": finished["trained"], "train_command": ["/none"], "smallest": 0.0001}
    done = run("checkpoints", **given)
    assert done.error is None
    assert (done.red, len(done.names["listed"])) == ([], 2)
    # The records of the training that was made before are in the same file.
    last = max(n for n, record in enumerate(done.records) if record.kind == "begin")
    assert [r.name for r in done.records[last:] if r.kind == "identity"] == ["trained"]
    Path(finished["trained"], "checkpoint-20", "optimizer.safetensors").write_bytes(b"")
    assert "checkpoint-20-sound" in run("checkpoints", **given).red


@pytest.mark.exhaustive
def test_a_file_that_a_resumption_makes_again_is_red(run: Run, tmp_path: Path) -> None:
    again = "from pathlib import Path; Path('class.png').write_bytes(b'x')"
    words = [sys.executable, "-c", f"import runpy, sys; {again}; sys.argv = sys.argv[1:]; "
             "runpy.run_path(sys.argv[0])", str(TOY), "{output_dir}", "{steps}"]  # fmt: skip
    given = {
        "train_command": words,
        "resume_command": [*words, "--resume"],
        "project": str(tmp_path),
    }
    done = run("resume", **PLAN, **given)
    assert done.red == ["made-once"]
    elsewhere = str(tmp_path / "elsewhere")
    assert run("resume", **PLAN, **given, made_once=[], output_dir=elsewhere).red == []


def newest_change(folder: Path) -> int:
    return max(path.stat().st_mtime_ns for path in (folder, *folder.rglob("*")))
