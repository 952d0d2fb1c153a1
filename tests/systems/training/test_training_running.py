"""Any command line that trains is driven, interrupted, resumed and ended."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from driving_toys import toy
from waiting import HANG

from proofbook.errors import SubjectError
from proofbook_systems.training import artefacts
from proofbook_systems.training.interruption import interrupt_and_resume, read_plan
from proofbook_systems.training.random_kills import interrupt_at_random
from proofbook_systems.training.running import Training
from proofbook_systems.training.trainer import Trainer


def test_a_training_is_followed_to_its_end(tmp_path: Path) -> None:
    with Training(toy(), tmp_path / "out", tmp_path / "log") as training:
        ended = training.end(HANG)
    assert (ended.code, [step.number for step in ended.steps]) == (0, list(range(1, 25)))
    assert training.checkpoints() == [10, 20]
    assert ended.memory and ended.memory[-1].size > 1e6
    assert artefacts.missing_files(toy(), tmp_path / "out") == []


def test_what_it_prints_is_enough_without_a_file(tmp_path: Path) -> None:
    with Training(toy(log_file=""), tmp_path / "out", tmp_path / "log") as training:
        ended = training.end(HANG)
    assert [step.number for step in ended.steps] == list(range(1, 25))


@pytest.mark.parametrize(
    ("faults", "problem"),
    [(["mute"], r"^the trainer has printed nothing in 0\.5 s, last at step 0; see \S+log$"),
     ([], r"^the trainer still runs after 0\.5 s, last at step \d+; see \S+log$")],
)  # fmt: skip
def test_a_trainer_that_takes_too_long_is_ended(
    tmp_path: Path, faults: list[str], problem: str
) -> None:
    with Training(toy(*faults, steps=900), tmp_path / "out", tmp_path / "log") as training:
        if not faults:
            training.wait_step(1, HANG)
        with pytest.raises(SubjectError, match=problem):
            training.end(0.5)
        assert not psutil.pid_exists(training.pid)


def test_each_interruption_costs_what_it_may(tmp_path: Path) -> None:
    plan = read_plan(["SIGINT after 7", "SIGTERM after 12", "SIGKILL after 17", "SIGKILL in 20"])
    result = interrupt_and_resume(
        toy("slow-save"), tmp_path / "out", plan, logs=tmp_path, timeout=HANG
    )
    assert result.last.code == 0
    assert [cycle.lost for cycle in result.cycles[:2]] == [0, 0]
    for cycle in result.cycles:
        assert cycle.lost is not None and cycle.lost <= cycle.allowed
        assert cycle.ended.code in cycle.expected_codes
    assert [step.number for step in result.steps] == list(range(1, 25))
    assert artefacts.half_written(toy(), tmp_path / "out") == []


def test_a_trainer_that_forgets_loses_more_than_it_may(tmp_path: Path) -> None:
    plan = read_plan(["SIGINT after 12"])
    result = interrupt_and_resume(
        toy("forgetful"), tmp_path / "out", plan, logs=tmp_path, timeout=HANG
    )
    (cycle,) = result.cycles
    assert cycle.interruption.signum == signal.SIGINT
    assert cycle.lost is not None and cycle.lost > cycle.allowed == 0


def test_one_that_ends_before_its_interruption_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"^the trainer exited with code 0 before SIGINT after"):
        interrupt_and_resume(
            toy(steps=3),
            tmp_path / "out",
            read_plan(["SIGINT after 7"]),
            logs=tmp_path,
            timeout=HANG,
        )


@pytest.mark.parametrize(
    ("number", "faults", "departs"),
    [(0, [], False), (1, [], False), (2, [], False), (0, ["drift"], True)],
)
def test_a_random_moment_shows_only_in_a_trainer_that_drifts(
    tmp_path: Path, number: int, faults: list[str], departs: bool
) -> None:
    with Training(toy(steps=120), tmp_path / "alone", tmp_path / "log") as training:
        whole = training.end(HANG)
    # With this seed the moments are in the middle of the time: after the first steps of a slow
    # start, and before the last where this start is quicker than the one that was measured.
    moment = interrupt_at_random(
        number, toy(*faults, steps=120), tmp_path, tmp_path / "alone", whole, seed=350, timeout=HANG
    )
    assert moment.cycle.interruption.signum == (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)[
        number]  # fmt: skip
    assert bool(moment.departed) is departs
    assert ("the same to the bit" in moment.words) is not departs
    assert not moment.lost_too_much


def test_a_plan_is_read_strictly() -> None:
    entries = [" SIGKILL in 20 ", "SIGINT after 7", "SIGTERM at 3.5 s"]
    assert [entry.words for entry in read_plan(entries)] == [entry.strip() for entry in entries]
    with pytest.raises(SubjectError, match=r"^interruption 'SIGHUP after 7' is not of the form"):
        read_plan(["SIGHUP after 7"])


def trainer_with(config: Path, *words: str, **fields: Any) -> Trainer:
    usual = {"project": config.parent, "steps": 9, "checkpoints": "checkpoint-*"}
    return Trainer(
        train=words, resume=(*words, "--resume"), config_file=config, **{**usual, **fields}
    )


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["x", "{outdir}"], r"^train_command has \{outdir\} in '\{outdir\}'; known are \{config\}"),
        ([], r"^train_command is empty; give program and arguments"),
    ],
)
def test_a_command_that_cannot_be_filled_is_one_line(
    tmp_path: Path, words: list[str], problem: str
) -> None:
    with pytest.raises(SubjectError, match=problem):
        trainer_with(tmp_path / "c", *words).command(tmp_path)


def test_a_command_that_takes_a_config_alone_gets_one_with_the_rest(tmp_path: Path) -> None:
    config = tmp_path / "butcher.yaml"
    config.write_text("learning_rate: 5e-6\noutput_dir: models/x\n")
    keys = {"output_dir": "output_dir", "steps": "max_steps"}
    trainer = trainer_with(config, "run", "{config}", config_keys=keys)
    output = tmp_path / "work" / "alone"
    copied = tmp_path / "work" / "alone_config.yaml"
    assert trainer.command(output) == ["run", str(copied)]
    assert trainer.command(output, resume=True) == ["run", str(copied), "--resume"]
    assert copied.read_text().splitlines() == [
        "learning_rate: 5e-6", f"output_dir: {output}", "max_steps: 9"]  # fmt: skip
    config.write_text("- 1\n")
    with pytest.raises(SubjectError, match="is not a mapping of keys to values"):
        trainer.command(output)


def test_a_config_whose_keys_are_not_known_is_one_line(tmp_path: Path) -> None:
    trainer = trainer_with(tmp_path / "c.yaml", "run", "{config}", "{steps}")
    with pytest.raises(SubjectError, match=r"has no \{output_dir\}, and config_keys has no key of"):
        trainer.command(tmp_path / "out")
    whole = trainer_with(tmp_path / "c.yaml", "run", "{config}", "{steps}", "{output_dir}")
    assert whole.command(tmp_path)[1] == str(tmp_path / "c.yaml")


def test_half_a_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-10").mkdir()
    (tmp_path / ".partial-checkpoint-20").mkdir()
    assert artefacts.half_written(toy(), tmp_path) == [".partial-checkpoint-20"]
