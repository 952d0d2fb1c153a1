"""Does a change of the configuration change anything? A setting that is ignored changes no step."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.training.comparison import Departure, compare_steps
from proofbook_systems.training.running import Ended, Training
from proofbook_systems.training.steps import Recognised, Step
from proofbook_systems.training.trainer import Trainer

__all__ = ["Effect", "find_effect", "first_steps", "judge_change"]


class Effect(NamedTuple):
    """What a change shows in the steps of a training."""

    words: str
    """What it shows first; empty where it shows in none of those that were compared."""
    why_unknown: str = ""
    """Why nobody can say; empty where it was found out."""


def judge_change(
    unchanged: Trainer, changed: Ended, folder: Path, count: int, timeout: float
) -> Effect:
    """Return what a change shows in the first steps, which the unchanged trainer makes again.

    What two unchanged trainings differ in shows no effect, so it is not compared.

    Args:
        unchanged: The trainer as it was.
        changed: A whole training of it with the change.
        folder: Where it trains, unchanged.
        count: How many steps are compared.
        timeout: Seconds that each start may take.

    Raises:
        SubjectError: It cannot be started, hangs, or ends before it has told a step.
    """
    known = replace(unchanged, recognised=changed.recognised)
    before = first_steps(known, folder / "unchanged", count, timeout)
    effect = find_effect(before, changed)
    if not effect.words:
        return effect
    again = first_steps(known, folder / "unchanged-again", count, timeout)
    return find_effect(before, changed, again)


def first_steps(trainer: Trainer, output: Path, count: int, timeout: float) -> Ended:
    """Train until so many steps are told, end it there, and return it with these steps.

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
    return replace(ended, steps=ended.steps[:count])


def find_effect(unchanged: Ended, changed: Ended, again: Ended | None = None) -> Effect:
    """Return what a change shows first.

    Which steps a progress bar tells depends on how fast it goes, and so do the losses beside a bar
    that a clock draws: neither is compared.

    Args:
        unchanged: The first steps of the training as it was.
        changed: The training with the change.
        again: The unchanged one once more; what differs between the two is not compared.
    """
    told = [each.recognised for each in (unchanged, changed) if each.recognised]
    numbers = {step.number for step in unchanged.steps}
    common = [step for step in changed.steps if step.number in numbers]
    if not common:
        return Effect("", "no step is told by the unchanged training and by the changed one")
    if not any(_has_values(step, told) for step in common):
        return Effect("", _why_nothing(told))
    found = _departures(unchanged.steps, common, told)
    noise = _departures(unchanged.steps, again.steps, told) if again else []
    varying = {departure.what for departure in noise}
    left = [departure for departure in found if departure.what not in varying]
    if left:
        return Effect(left[0].words)
    if found:
        return Effect("", f"two unchanged trainings differ, too: {noise[0].words}; give a seed")
    return Effect("")


def _departures(theirs: list[Step], ours: list[Step], told: list[Recognised]) -> list[Departure]:
    numbers = {step.number for step in ours} & {step.number for step in theirs}
    is_bar = any(each.is_bar for each in told)
    if is_bar:
        ours, theirs = (
            [each for each in steps if each.number in numbers] for steps in (ours, theirs)
        )
    drawn = any(each.is_drawn for each in told)
    found = compare_steps(ours, theirs)
    return [departure for departure in found if departure.what != "loss" or not drawn]


def _has_values(step: Step, told: list[Recognised]) -> bool:
    return step.lr is not None or (step.loss is not None and not any(t.is_drawn for t in told))


def _why_nothing(told: list[Recognised]) -> str:
    if any(each.is_drawn for each in told):
        return "a clock draws the losses that are told; give log_file, or have each step logged"
    return "no loss and no learning rate is told"
