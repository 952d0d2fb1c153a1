"""Any command line that trains is driven, interrupted, resumed and ended."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest
from driving_toys import toy, waits_for
from waiting import HANG, wait_for

from proofbook.errors import SubjectError
from proofbook_systems.training import artefacts
from proofbook_systems.training.controls import Control, repeat, run_control
from proofbook_systems.training.interruption import Interrupted, interrupt_and_resume, read_plan
from proofbook_systems.training.moments import Start
from proofbook_systems.training.random_kills import interrupt_at_random
from proofbook_systems.training.running import Ended, Training
from proofbook_systems.training.save_order import StepRange
from proofbook_systems.training.saving import SaveWatch
from proofbook_systems.training.steps import Step
from proofbook_systems.training.trainer import Trainer, find_interpreter


def test_a_training_is_followed_to_its_end(tmp_path: Path) -> None:
    with Training(toy(), tmp_path / "out", tmp_path / "log") as training:
        ended = training.end(HANG)
    assert (ended.code, [step.number for step in ended.steps]) == (0, list(range(1, 25)))
    assert [each.step for each in training.checkpoints()] == [10, 20]
    assert ended.memory and ended.memory[-1].size > 1e6
    assert artefacts.missing_files(toy(), tmp_path / "out") == []


def test_what_it_prints_is_enough_without_a_file(tmp_path: Path) -> None:
    with Training(toy(log_file=""), tmp_path / "out", tmp_path / "log") as training:
        ended = training.end(HANG)
    assert [step.number for step in ended.steps] == list(range(1, 25))


@pytest.mark.parametrize(
    ("faults", "problem"),
    [(["mute"], r"^the trainer has printed nothing in 0\.5 s, last at step 0; see \S+log$"),
     ([], r"^the trainer still runs after 0\.5 s, and has printed nothing for \S+ s, "
          r"last at step \d+; see \S+log$")],
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


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory: pytest.TempPathFactory) -> Control:
    """The toy, left alone."""
    folder = tmp_path_factory.mktemp("alone")
    return run_control(toy("slow-save"), folder / "alone", HANG)


def seen_late(control: Control) -> Control:
    """Return it as on a busy machine: its saves are seen after steps 11 and 24."""
    late = [change._replace(step=11, since=7) if "10" in change.place else
            change._replace(step=24, since=11) if "20" in change.place else change
            for change in control.changes]  # fmt: skip
    return replace(control, changes=late)


def seen_at_once(control: Control) -> Control:
    return control


SEEN = pytest.mark.parametrize("seen", [seen_at_once, seen_late])


def interrupt(
    control: Control, folder: Path, *plan: str, faults: tuple[str, ...] = (), waits: bool = True
) -> Interrupted:
    words = [*control.trainer.train, *faults, waits_for(plan) if waits else ""]
    trainer = replace(control.trainer, train=tuple(words), resume=(*words, "--resume"))
    known = replace(control, trainer=replace(trainer, recognised=control.trainer.recognised))
    return interrupt_and_resume(known, folder / "out", read_plan(plan), logs=folder, timeout=HANG)


@pytest.mark.exhaustive
def test_each_interruption_costs_what_it_may(left_alone: Control, tmp_path: Path) -> None:
    plan = ("SIGINT after 7", "SIGTERM after 12", "SIGKILL after 17", "SIGKILL in 20")
    result = interrupt(left_alone, tmp_path, *plan)
    assert result.last.code == 0
    assert [cycle.lost for cycle in result.cycles[:2]] == [0, 0]
    for cycle in result.cycles:
        assert cycle.happened, cycle.words
        assert cycle.lost is not None and cycle.lost <= cycle.allowed(saves_on_signal=True)
    assert [step.number for step in result.steps] == list(range(1, 25))
    assert artefacts.half_written(tmp_path / "out") == []


@pytest.mark.exhaustive
def test_a_trainer_that_forgets_loses_more_than_it_may(left_alone: Control, tmp_path: Path) -> None:
    (cycle,) = interrupt(left_alone, tmp_path, "SIGINT after 12", faults=("forgetful",)).cycles
    assert cycle.interruption.signum == signal.SIGINT
    assert cycle.lost is not None and cycle.lost > cycle.allowed(saves_on_signal=False)


@SEEN
def test_a_later_save_that_is_met_in_place_of_the_planned_one_is_not_missed(
    left_alone: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    seen: Callable[[Control], Control],
) -> None:  # fmt: skip
    usual, tries = Start._hits, list[int]()

    def hits(self: Start, saves: SaveWatch, turns: int, control: Control) -> bool:
        tries.append(turns)
        if len(tries) == 1:
            self._training.wait_step(11, HANG)  # the first one was over too soon
            return False
        return usual(self, saves, turns, control)

    monkeypatch.setattr(Start, "_hits", hits)
    result = interrupt(seen(left_alone), tmp_path, "SIGKILL in 10", faults=("endless=20@1",))
    (cycle,) = result.cycles
    assert (cycle.met, cycle.missed, cycle.newest) == (20, False, 10), cycle.words
    assert (result.cut, cycle.resumed_at) == ({20}, 10)


def test_a_trainer_whose_log_is_written_late_is_killed_in_its_save_all_the_same(
    left_alone: Control, tmp_path: Path
) -> None:
    faults = ("tells-late", "endless=20@1")
    (cycle,) = interrupt(left_alone, tmp_path, "SIGKILL in 20", faults=faults).cycles
    assert (cycle.met, cycle.missed, cycle.checkpoints) == (20, False, [10]), cycle.words
    assert (cycle.reached, cycle.resumed_at, cycle.lost) == (10, 10, 0)


@pytest.mark.parametrize("misses", [1, 2])
def test_where_all_saves_were_over_too_soon_another_try_is_made_and_a_second_miss_is_told(
    left_alone: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, misses: int
) -> None:
    usual, tries = Start._hits, list[int]()

    def hits(self: Start, saves: SaveWatch, turns: int, control: Control) -> bool:
        if len(tries) >= misses:
            return usual(self, saves, turns, control)
        tries.append(turns)
        self._training.wait_step(22, HANG)  # both were over too soon
        return False

    monkeypatch.setattr(Start, "_hits", hits)
    faults = ("waits=22,22", f"endless=10@{misses + 1}")
    (first,) = interrupt(left_alone, tmp_path, "SIGKILL in 10", faults=faults, waits=False).cycles
    assert (len(tries), first.missed) == (misses, misses == 2), first.words


@SEEN
def test_a_kill_after_the_last_save_has_nothing_to_resume_and_is_tried_again(
    left_alone: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    seen: Callable[[Control], Control],
) -> None:  # fmt: skip
    usual, tries = Start._wait_save, list[int]()

    def wait_save(self: Start, *args: Any) -> bool:
        tries.append(1)
        if len(tries) > 1:
            return usual(self, *args)
        self._training.wait_step(24, HANG)  # all saves were over too soon
        return False

    monkeypatch.setattr(Start, "_wait_save", wait_save)
    (cycle,) = interrupt(
        seen(left_alone), tmp_path, "SIGKILL in 10", faults=("lingers", "endless=10@2")
    ).cycles
    assert (len(tries), cycle.missed) == (2, False), cycle.words
    assert cycle.lost is not None and cycle.lost <= cycle.allowed(saves_on_signal=False)


def test_one_that_ends_before_its_interruption_is_one_line(
    left_alone: Control, tmp_path: Path
) -> None:
    short = replace(left_alone, trainer=toy(steps=3))
    with pytest.raises(SubjectError, match=r"^the trainer exited with code 0 before SIGINT after"):
        interrupt_and_resume(
            short, tmp_path / "out", read_plan(["SIGINT after 7"]), logs=tmp_path, timeout=HANG
        )


@pytest.fixture
def be_late(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function after which so many signals come when the training is over."""
    usual, late = Training.hold, [0]

    def hold(self: Training) -> None:
        late[0] -= 1
        if late[0] >= 0:
            self.wait(HANG)  # as on a machine where this process gets no turn
        usual(self)

    monkeypatch.setattr(Training, "hold", hold)
    return partial(late.__setitem__, 0)


@pytest.mark.exhaustive
@pytest.mark.parametrize("words", ["SIGKILL after 17", "SIGINT after 17", "SIGKILL at 0.1 s"])
def test_a_signal_that_comes_too_late_is_sent_again_and_blames_nobody(
    left_alone: Control, tmp_path: Path, be_late: Callable[[int], None], words: str
) -> None:
    be_late(1)
    result = interrupt(left_alone, tmp_path, words, waits=False)
    (planned,), (cycle,) = read_plan([words]), result.cycles
    assert (cycle.happened, result.last.code) == (True, 0)
    assert (cycle.interruption.step, cycle.interruption.seconds or 0) < (
        planned.step, planned.seconds or 0)  # fmt: skip
    assert cycle.lost is not None and cycle.lost <= cycle.allowed(saves_on_signal=True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("words", ["SIGKILL after 17", "SIGKILL at 0.1 s"])
def test_one_that_is_killed_after_its_last_step_has_nothing_to_resume_and_is_tried_again(
    left_alone: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    usual, tries = Training.hold, list[int]()

    def hold(self: Training) -> None:
        if not tries:
            self.wait_step(24, HANG)
        tries.append(1)
        usual(self)

    monkeypatch.setattr(Training, "hold", hold)
    result = interrupt(left_alone, tmp_path, words, faults=("lingers",), waits=False)
    (cycle,) = result.cycles
    assert (cycle.happened, result.last.code, len(tries)) == (True, 0, 2)
    assert cycle.resumed_at is not None and cycle.reached < 24


@pytest.mark.exhaustive
def test_signals_that_always_come_too_late_are_one_line(
    left_alone: Control, tmp_path: Path, be_late: Callable[[int], None]
) -> None:
    be_late(9)
    problem = r"went on from step 24 to step 24; 4 tries came too late: interrupt it earlier, or"
    with pytest.raises(SubjectError, match=problem):
        interrupt(left_alone, tmp_path, "SIGKILL after 17", waits=False)


@pytest.mark.exhaustive
def test_one_that_does_not_heed_a_late_signal_is_told_after_some_tries(
    left_alone: Control, tmp_path: Path
) -> None:
    (cycle,) = interrupt(left_alone, tmp_path, "SIGINT after 18", faults=("deaf",)).cycles
    assert not cycle.happened
    assert cycle.words.endswith("to step 24")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Control:
    """A longer training, left alone twice."""
    folder = tmp_path_factory.mktemp("long")
    return repeat(run_control(toy(steps=80), folder / "alone", HANG), folder / "again", HANG)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("number", "faults", "departs"),
    [(0, [], False), (1, [], False), (2, [], False), (0, ["drift"], True)],
)
def test_a_random_moment_shows_only_in_a_trainer_that_drifts(
    long: Control, tmp_path: Path, number: int, faults: list[str], departs: bool
) -> None:
    trainer = replace(toy(*faults, steps=80), recognised=long.trainer.recognised)
    drifting = replace(long, trainer=trainer)
    # Moments are drawn from the time that another start took: in a slower one they may come before
    # the first step, and in a quicker one after the last. Neither shows anything.
    for seed in range(350, 356):
        folder = tmp_path / f"{seed}"
        moment = interrupt_at_random(number, drifting, folder, seed=seed, timeout=HANG)
        if moment.cycle.reached and not moment.over:
            break
    assert moment.cycle.interruption.signum == (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)[
        number]  # fmt: skip
    assert bool(moment.departed) is departs
    assert ("the same to the bit" in moment.words) is not departs
    assert not moment.lost_too_much


PRINTS = 'import time; print("step 1 loss 2", flush=True); time.sleep(60); print("it", "slept")'


@pytest.mark.parametrize(
    ("script", "program", "ends"),
    [
        ("echo step 1 loss 2; exec sleep 60", "sleep", "was killed by SIGINT"),
        ("echo step 1 loss 2; sleep 60; exit 3", "sleep", "was killed by SIGINT"),
        (f"{sys.executable} -c '{PRINTS}'; exit 3", "", None),
    ],
)
def test_a_signal_arrives_where_nobody_handles_it(
    tmp_path: Path, script: str, program: str, ends: str | None
) -> None:
    words = ("sh", "-c", f"{script} # {{output_dir}}")
    trainer = Trainer(train=words, resume=words, config_file=None, project=tmp_path, steps=0)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as below a shell's "&"
    try:
        with Training(trainer, tmp_path / "out", tmp_path / "log") as training:
            assert not training.wait_step(1, HANG)
            # A shell takes for itself what comes between its fork and the program's start.
            wait_for(lambda: not program or program in names_of(training.pid))
            training.interrupt(signal.SIGINT)
            ended = training.end(HANG)
    finally:
        signal.signal(signal.SIGINT, before)
    assert "it slept" not in (tmp_path / "log").read_text()
    assert ended.state == ends or ends is None


def names_of(pid: int) -> list[str]:
    root = psutil.Process(pid)
    return [each.name() for each in (root, *root.children(recursive=True))]


def test_a_plan_is_read_strictly() -> None:
    entries = [" SIGKILL in 20 ", "SIGINT after 7", "SIGTERM at 3.5 s", "SIGINT after 40 %"]
    assert [entry.words for entry in read_plan(entries)] == [entry.strip() for entry in entries]
    with pytest.raises(SubjectError, match=r"^interruption 'SIGHUP after 7' is not of the form"):
        read_plan(["SIGHUP after 7"])


def test_a_part_of_the_steps_is_placed_where_there_is_something_to_resume_from(
    left_alone: Control,
) -> None:
    early, late, save = read_plan(["SIGINT after 5 %", "SIGINT after 60 %", "SIGKILL in 90 %"])
    assert [each.placed(left_alone).step for each in (early, late, save)] == [11, 14, 20]


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
    (tmp_path / "c.yaml").write_text("a: 1")
    trainer = trainer_with(tmp_path / "c.yaml", "run", "{config}", "{steps}")
    with pytest.raises(SubjectError, match=r"has no \{output_dir\}, and config_keys has no key of"):
        trainer.command(tmp_path / "out")
    whole = trainer_with(tmp_path / "c.yaml", "run", "{config}", "{steps}", "{output_dir}")
    assert whole.command(tmp_path)[1] == str(tmp_path / "c.yaml")


def test_half_a_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-10").mkdir()
    (tmp_path / ".partial-checkpoint-20" / "unet.tmp").mkdir(parents=True)
    assert artefacts.half_written(tmp_path) == [".partial-checkpoint-20"]


def test_a_trainer_that_takes_no_folder_is_one_line(tmp_path: Path) -> None:
    trainer = Trainer(train=("run",), resume=("run",), config_file=None, project=tmp_path, steps=0)
    with pytest.raises(SubjectError, match=r"^train_command has no \{output_dir\}; put it where"):
        trainer.command(tmp_path)
    takes = replace(trainer, train=("run", "{output_dir}", "{steps}"))
    with pytest.raises(SubjectError, match=r"^train_command takes \{steps\}; give steps"):
        takes.command(tmp_path)


def test_a_project_has_its_own_python(tmp_path: Path) -> None:
    assert find_interpreter(tmp_path) == sys.executable
    own = tmp_path / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.touch()
    assert find_interpreter(tmp_path) == str(own)


@pytest.mark.parametrize(
    ("numbers", "most"), [([], 4), ([56, 57], 4), ([56, 57, 58, 59], 3), ([41, 45, 60], 3)]
)
def test_a_start_that_saves_nothing_may_leave_one_more_checkpoint(
    numbers: list[int], most: int
) -> None:
    """The save before it was interrupted: the new one is there, and the oldest not yet gone."""
    control = SimpleNamespace(keeps=3, save_ranges=[StepRange(n, n) for n in (50, 55, 60)])
    steps = [Step(number=number, loss=None, lr=None) for number in numbers]
    last = Ended(code=0, state="exited with code 0", steps=steps, printed="", seconds=1.0)
    assert Interrupted(cycles=[], last=last).most_kept(cast(Control, control)) == most
