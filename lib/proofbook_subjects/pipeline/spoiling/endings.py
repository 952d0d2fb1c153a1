"""Faults of any command: how it begins and how it ends."""

from __future__ import annotations

import os
import signal
import time

from proofbook_subjects.pipeline.faults import KINDS, Faults

__all__ = ["arm", "begin", "changed_code", "count_write"]

_left: list[int] = []
"""Writes until the process is killed, at most one number; empty where none is asked for."""


def begin(faults: Faults, stage: str) -> bool:
    """Wait if a fault asks for it, and say whether the work is to be done at all."""
    if stage not in KINDS:
        return True
    asked = faults.of(stage)
    time.sleep(asked.get("hang", 0.0))
    return "nothing" not in asked


def arm(faults: Faults, stage: str) -> None:
    """Have the process killed at one of the writes of a stage, if a fault asks for it."""
    if stage in KINDS and "killed" in faults.of(stage):
        _left[:] = [int(faults.of(stage)["killed"])]


def count_write() -> None:
    """Kill this process if this is the write that it is to die in."""
    if _left:
        _left[0] -= 1
        if _left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def changed_code(faults: Faults, stage: str, code: int) -> int:
    """Return the exit code as the faults have it."""
    if stage in KINDS and "exit_one" in faults.of(stage):
        return code or 1
    if stage in KINDS and "exit_zero" in faults.of(stage):
        return 0
    return code
