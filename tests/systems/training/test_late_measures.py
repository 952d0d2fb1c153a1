"""Memory and throughput of trainers that tell their steps late, or only at their end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from proofbook_systems.training.pace import Pace, pace_of, why_no_pace
from proofbook_systems.training.running import Ended, MemorySample
from proofbook_systems.training.save_order import Save
from proofbook_systems.training.steps import Step

Run = Callable[..., Any]
ONE_BATCH = {"largest_batch": 1, "batch_key": "anything", "slack": 1e6}


def late(*saves: tuple[int, float, float]) -> Ended:
    """Return a training of 40 steps, told at its end, with saves: (number, begun, whole)."""
    return Ended(
        code=0, state="exited with code 0", printed="", seconds=9.0,
        steps=[Step(number, None, None) for number in range(1, 41)],
        memory=[MemorySample(n / 10, 0, 1, cpu=n / 20) for n in range(90)],
        saves=[Save(number, 0, 0, whole, begun) for number, begun, whole in saves],
    )  # fmt: skip


def test_the_pace_of_steps_that_are_told_late_is_that_between_saves() -> None:
    even = late((10, 2.0, 3.0), (20, 4.0, 5.0), (30, 6.0, 7.0), (40, 8.0, 9.0))
    assert pace_of(even) == pytest.approx(Pace(0.1, 0.1, 0.5), abs=0.06)
    stuck = late((10, 0.5, 0.6), (20, 1.6, 1.7), (30, 2.7, 2.8), (40, 8.8, 8.9))
    pace = pace_of(stuck)
    assert pace is not None
    assert pace.slowest / pace.seconds == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (late((10, 2.0, 3.0), (20, 4.0, 5.0)), "2 saves that are called by steps were seen, of 3"),
        (late((1, 2.0, 2.1), (2, 4.0, 4.1), (3, 6.0, 6.1)), "0 saves that are called by steps"),
        (late(), "0 saves that are called by steps"),
        (replace(late(), memory=[MemorySample(1.0, 4, 1)]), "too few steps were seen; ask for"),
    ],
)
def test_a_pace_that_nothing_tells_is_said_with_what_to_do(ended: Ended, said: str) -> None:
    assert pace_of(ended) is None
    assert said in why_no_pace(ended)


@pytest.mark.slow
@pytest.mark.usefixtures("no_gpu")
def test_a_trainer_that_tells_its_steps_at_its_end_is_interrupted_after_its_saves(
    run_toy: Run,
) -> None:
    done = run_toy("memory", "tells-late", "slow-save", steps=44, **ONE_BATCH)
    assert (done.error, done.red) == (None, [])
    states = [use.state for use in done.names["used"]]
    assert states == ["exited with code 130"] * 2 + ["exited with code 0"]
    assert done.names["cycled"].no_moment == ""
    assert done.checks["no-leak-over-cycles"].status == "passed"


@pytest.mark.slow
@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    ("faults", "steps", "seen"),
    [
        (["lazy"], 24, "no save of a checkpoint was seen"),
        ([], 10, "it does not save before its last step"),
    ],
)
def test_a_trainer_without_any_moment_is_told_so_and_its_memory_is_judged(
    run_toy: Run, faults: list[str], steps: int, seen: str
) -> None:
    done = run_toy("memory", "tells-late", *faults, steps=steps, cycles=1, **ONE_BATCH)
    assert done.red == ["moments-are-told"]
    said = str(done.checks["moments-are-told"].actual)
    assert seen in said
    assert said.endswith("print each step when it is made, save more often, or lower cycles")
    assert done.checks["memory-back-after-interrupt"].status == "skipped"
    assert done.checks["memory-back-after-training"].status == "passed"


@pytest.mark.slow
@pytest.mark.usefixtures("no_gpu")
def test_the_throughput_of_a_trainer_that_tells_its_steps_at_its_end_is_measured(
    run_toy: Run,
) -> None:
    limits = {"least_cores": 0.0, "unevenness": 1e5, "slowest": 20.0}
    done = run_toy("throughput", "tells-late", "slow-save", steps=44, **limits)
    assert (done.error, done.red) == (None, [])
    assert done.names["pace"].seconds >= 0.02


@pytest.mark.slow
@pytest.mark.usefixtures("no_gpu")
def test_a_throughput_that_nothing_tells_is_red_with_what_to_do(run_toy: Run) -> None:
    done = run_toy("throughput", "tells-late", "lazy", steps=24)
    assert done.red == ["pace-known"]
    assert "have it print each step" in str(done.checks["pace-known"].why)
