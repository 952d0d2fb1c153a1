"""What a runbook on a whole training asks: its plan of rates, and what a resumption plans.

Puts together what the config says with what was watched. Says nothing about crashes in saves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.training.controls import Control
from proofbook_systems.training.crashes import Crashed
from proofbook_systems.training.departing_updates import Cause, find_cause
from proofbook_systems.training.interruption import Cycle
from proofbook_systems.training.layouts import Checkpoint
from proofbook_systems.training.learning_rates import (
    SCHEDULES,
    RatePlan,
    compare_plans,
    explain_rates,
)
from proofbook_systems.training.next_batches import (
    Comparable,
    compare_gradients,
    compare_moves,
    compare_rows,
    compare_scales,
    line_up,
    updates_with,
)
from proofbook_systems.training.saved_weights import SavedTensor, read_tensors
from proofbook_systems.training.steps import Step
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.variants import configured, configured_number
from proofbook_systems.training.watched_updates import rates_after, rates_of
from proofbook_systems.training.watching import Watched

__all__ = [
    "Resumed",
    "align",
    "judge_rates",
    "judge_resumptions",
    "plan_rates",
    "why_begun_anew",
    "why_no_plan",
]


class Resumed(NamedTuple):
    """What departs in the resumptions of a training, in words; empty where nothing does."""

    cause: Cause | None
    """What departs first, of all that an update is made of."""
    rows: str
    gradients: str
    moves: str
    plan: str
    scale: str
    """The scale of gradients in 16 bits."""
    why_not: str
    """Why nothing could be compared."""


def plan_rates(
    trainer: Trainer, *, schedule: str, peak: str, warmup: str, floor: float, total: int
) -> RatePlan | None:
    """Return the plan that a config promises; None where it is not given, or there is no config.

    Args:
        trainer: Whose config it is.
        schedule: One of :data:`SCHEDULES`, or a key of the config.
        peak: The largest rate, as a number or a key.
        warmup: Steps until that, likewise.
        floor: The last rate as a part of the largest.
        total: Updates of the whole training.

    Raises:
        SubjectError: The schedule is not one that is known.
    """
    if why_no_plan(trainer, schedule, peak):
        return None
    name = schedule if schedule in SCHEDULES else str(configured(trainer, schedule))
    largest = configured_number(trainer, peak)
    known = next((each for each in SCHEDULES if each == name), None)
    if known is None or not largest:
        raise SubjectError(
            f"lr_schedule is {name!r} and learning_rate {largest}; give one of "
            f"{', '.join(SCHEDULES)}, and a rate, as such or as keys of the config"
        )
    steps = int(configured_number(trainer, warmup) or 0)
    return RatePlan(schedule=known, peak=largest, warmup=steps, total=total, floor=floor)


def why_no_plan(trainer: Trainer, schedule: str, peak: str) -> str:
    """Say what must be given for rates to be judged; empty where enough is.

    Without a config no parameter is a key of one, as the defaults of the reference subject are.
    """
    if not schedule:
        return "lr_schedule is not given"
    if trainer.config_file is not None:
        return ""
    if schedule not in SCHEDULES:
        known = ", ".join(SCHEDULES)
        return (
            f"there is no config that {schedule!r} could be a key of: give lr_schedule as {known}"
        )
    if not configured_number(trainer, peak):
        return f"there is no config that {peak!r} could be a key of: give learning_rate as a number"
    return ""


def judge_rates(plan: RatePlan, seen: Watched, steps: list[Step], passes: int) -> str:
    """Return how the rates leave the plan; empty where they follow it."""
    rates = rates_of(seen, steps)
    if not rates:
        return "no learning rate was seen or told"
    return explain_rates(rates, plan, passes=passes)


def judge_resumptions(
    alone: Watched, crashed: Crashed, checkpoints: Sequence[Checkpoint] = ()
) -> Resumed:
    """Compare what each resumption computes with the same updates of a training left alone.

    Args:
        alone: The training left alone.
        crashed: The one that was crashed and resumed.
        checkpoints: What the first one left; what they hold tells causes apart.
    """
    found = {"rows": "", "gradients": "", "moves": "", "plan": "", "scale": ""}
    why_not = "" if crashed.resumptions else "no resumption told the step that it went on from"
    cause: Cause | None = None
    for cycle, seen in crashed.resumptions:
        compared = align(alone, seen, cycle)
        why_not = why_not or compared.why_not
        if not compared.why_not:
            cause = cause or find_cause(compared, _held(checkpoints, cycle.newest_called))
        for name, words in _judge(compared, alone, seen):
            found[name] = found[name] or words
    return Resumed(cause, **found, why_not=why_not)


def _held(checkpoints: Sequence[Checkpoint], step: int) -> list[SavedTensor]:
    """Return the weights in the checkpoint of a step; none where there is none of it."""
    wanted = next((each for each in checkpoints if each.step == step), None)
    return read_tensors(wanted) if wanted else []


def why_begun_anew(control: Control, alone: Watched, crashed: Crashed) -> str:
    """Say that no resumption went on from a checkpoint; empty where one did.

    Steps may be counted anew in each start, and told now and then: so weights are asked, too.
    """
    new = alone.updates[0].before if alone.updates else {}
    for _, seen in crashed.resumptions:
        before = seen.updates[0].before if seen.updates else {}
        restored = control.repeats and before and new and before != new
        if restored or updates_with(alone, seen):
            return ""
    return crashed.result.why_anew(control)


def align(alone: Watched, seen: Watched, cycle: Cycle) -> Comparable:
    """Line a resumption up with the training left alone.

    The weights that it goes on with tell it to the update, where its rows agree. Else steps tell
    it: they may be counted from 0, and a bar may not tell the first ones. So of the places near to
    the newest checkpoint, and those of the others, the one is taken where both compute the same;
    where there is none, it is the newest checkpoint's own.
    """
    told = cycle.resumed_at or 0
    usual = cycle.newest if 0 < cycle.newest <= told else told
    near = [at + by for at in (usual, told) for by in (1, -1)]
    places = dict.fromkeys([usual, told, *near, *reversed(cycle.saved_steps)])
    had = updates_with(alone, seen)
    if near_one := next((at for at in places if at in had), 0):
        return line_up(alone, seen, near_one)
    if had and not compare_rows(compared := line_up(alone, seen, had[-1])):
        return compared
    for at in places:
        compared = line_up(alone, seen, max(0, at))
        if not (compared.why_not or compare_rows(compared) or compare_gradients(compared)):
            return compared
    return line_up(alone, seen, usual)


def _judge(compared: Comparable, alone: Watched, seen: Watched) -> Iterator[tuple[str, str]]:
    if compared.why_not:
        return
    yield "rows", compare_rows(compared)
    yield "gradients", compare_gradients(compared)
    yield "moves", compare_moves(compared)
    yield "scale", compare_scales(compared)
    words = compare_plans(rates_after(seen, compared.at), rates_of(alone))
    yield "plan", f"after resuming from {compared.at}, {words}" if words else ""
