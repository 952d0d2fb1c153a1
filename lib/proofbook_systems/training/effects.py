"""Does a change of the configuration change anything? A setting that is ignored changes no step."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.training.comparison import compare_steps
from proofbook_systems.training.running import Training
from proofbook_systems.training.steps import Step
from proofbook_systems.training.trainer import Trainer

__all__ = ["find_effect", "first_steps"]


def first_steps(trainer: Trainer, output: Path, count: int, timeout: float) -> list[Step]:
    """Train until so many steps are told, end it there, and return them.

    Raises:
        SubjectError: It cannot be started, hangs, or ends before it has told a step.
    """
    log = output.with_name(f"{output.name}.log")
    with Training(trainer, output, log) as training:
        training.wait(timeout, lambda: len(training.steps()) >= count)
        training.interrupt(signal.SIGKILL)
        ended = training.end(timeout)
    if not ended.steps:
        raise SubjectError(f"the unchanged trainer {ended.state} and told no step; see {log}")
    return ended.steps[:count]


def find_effect(unchanged: Sequence[Step], changed: Sequence[Step]) -> str:
    """Return what a change shows first in the steps of a training; empty where it shows in none.

    Args:
        unchanged: The first steps of the training as it was.
        changed: Those of the training with the change.
    """
    numbers = {step.number for step in unchanged}
    common = [step for step in changed if step.number in numbers]
    departures = compare_steps(common, unchanged)
    return departures[0].words if departures else ""
