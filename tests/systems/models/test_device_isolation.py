"""A child that runs beside limits: what it told, and how it ended."""

from __future__ import annotations

import os
import signal
import time

import pytest
from waiting import growing

from proofbook_systems.models.devices.isolation import Limits, Tell, Told, run_forked

ROOMY = Limits(seconds=20, gigabytes=50)


def run(body: object, limits: Limits = ROOMY) -> Told:
    """Return what became of a child that tells that it began."""

    def child(tell: Tell) -> None:
        tell({"step": "begun"})
        body(tell)  # type: ignore[operator]

    return run_forked(child, limits)


def test_what_a_child_tells_is_read_to_the_end() -> None:
    told = run(lambda tell: [tell({"n": number, "text": "x" * 5000}) for number in range(50)])
    assert [line["n"] for line in told.lines if "n" in line] == list(range(50))
    assert not told.ending and told.peak > 0


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        (lambda tell: os.kill(os.getpid(), signal.SIGUSR1), "ended by signal SIGUSR1"),
        (lambda tell: os._exit(7), "ended with code 7 before it was done"),
        (lambda tell: time.sleep(600), "time limit of {bound:g} s"),
        (lambda tell: [None for _ in iter(int, 1)], "time limit of {bound:g} s"),
        (lambda tell: (bytearray(200_000_000), time.sleep(900)), "memory limit of 0.15 GB"),
    ],
    ids=["crash", "exit", "hang", "computes", "grows"],
)
def test_an_end_before_its_time_has_a_cause(body: object, ending: str) -> None:
    for bound in growing(0.1) if "time" in ending else (20.0,):
        told = run(body, Limits(seconds=bound, gigabytes=0.15 if "memory" in ending else 50))
        assert told.ending == ending.format(bound=bound)
        if told.lines:
            break
    assert ("step" in told.lines[0]) if told.lines else "memory" in ending
