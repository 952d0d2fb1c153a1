"""Interrupt a training as planned, resume it, and report what each interruption did and cost."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.training.awaited_saves import why_no_moment
from proofbook_systems.training.config import MOST_TRIES
from proofbook_systems.training.controls import Control
from proofbook_systems.training.cycles import Cycle, Interrupted
from proofbook_systems.training.moments import Outcome, Start
from proofbook_systems.training.plans import Interruption, read_plan
from proofbook_systems.training.resumption import partly_told, step_resumed_at
from proofbook_systems.training.running import Ended, Training
from proofbook_systems.training.steps import last_step
from proofbook_systems.training.trainer import Trainer

__all__ = [
    "Cycle",
    "Interrupted",
    "Interruption",
    "Prepare",
    "interrupt_and_resume",
    "read_plan",
    "why_no_moment",
]

Prepare = Callable[[int, Trainer], Trainer]
"""Called before each start with its number, from 0; returns the trainer that is started."""


def interrupt_and_resume(
    control: Control,
    output: Path,
    plan: Sequence[Interruption],
    *,
    logs: Path,
    timeout: float,
    seed: int = 0,
    prepare: Prepare = lambda _, trainer: trainer,
) -> Interrupted:
    """Start, interrupt and resume as planned, then resume to the end.

    A signal that comes when a training is at its end proves nothing: another try is made from the
    beginning, with an earlier moment. Where all saves that were left were over before they could
    be hit, as may be on a busy machine, one more try is made; a second miss is told.

    Args:
        control: The same training left alone.
        output: The folder of this one; another try empties it.
        plan: One start for each; what follows one that did not end the trainer is left out.
        logs: Folder for what each start prints.
        timeout: Seconds that each start may take.
        seed: Chooses the moments within a save.
        prepare: Called before each start; another try begins again with 0.

    Raises:
        SubjectError: It hangs, or ends before it was interrupted.
    """
    placed, problem = [planned.placed(control) for planned in plan], ""
    for attempt in range(MOST_TRIES):
        output.mkdir(parents=True, exist_ok=True)
        result = _try(
            control, output, placed, logs=logs, timeout=timeout, seed=f"{seed}/{attempt}",
            prepare=prepare, may_miss=attempt > 0,
        )  # fmt: skip
        if isinstance(result, Interrupted):
            return result
        if result.went_on and attempt == MOST_TRIES - 1:
            return result.went_on
        problem = result.problem
        placed[result.number] = placed[result.number].earlier(result.signalled)
        shutil.rmtree(output)
    raise SubjectError(
        f"{problem}; {MOST_TRIES} tries came too late: interrupt it earlier, or train for more "
        "steps"
    )


class _Late(NamedTuple):
    """A signal that came too late."""

    number: int
    """Of the interruption."""
    signalled: int
    problem: str
    went_on: Interrupted | None = None
    """What there is, where the trainer has made steps after the signal."""


def _try(
    control: Control, output: Path, plan: Sequence[Interruption], *, logs: Path, timeout: float,
    seed: str, prepare: Prepare, may_miss: bool,
) -> Interrupted | _Late:  # fmt: skip
    """Do all of it once; where no save ``may_miss`` its signal, that is one that came too late."""
    trainer, cycles = control.trainer, list[Cycle]()
    for number, planned in enumerate(plan):
        log, chance = logs / f"start-{number + 1}.log", random.Random(f"{seed}/{number}")
        started = prepare(number, trainer)
        with Start(started, output, log, planned, resume=number > 0) as start:
            outcome = start.interrupted(control, timeout, chance)
        if isinstance(outcome, Ended):
            return _ended_early(control, cycles, planned, outcome)
        cycles.append(_cycle(control, planned, outcome))
        if outcome.late:
            went_on = Interrupted(cycles=cycles, last=outcome.ended)
            more = outcome.signalled < control.total and not outcome.happened
            return _Late(number, outcome.signalled, cycles[-1].words, went_on if more else None)
        if outcome.happened and cycles[-1].missed and not may_miss:
            return _Late(number, outcome.signalled, cycles[-1].words)
        if not cycles[-1].happened:
            break
    log = logs / f"start-{len(cycles) + 1}.log"
    started = prepare(len(cycles), trainer)
    with Training(started, output, log, resume=bool(cycles)) as training:
        last = training.end(timeout)
    return _with_resumptions(control, cycles, last)


def _ended_early(
    control: Control, cycles: Sequence[Cycle], interruption: Interruption, ended: Ended
) -> Interrupted | _Late:
    """Return what is known where a start ended before its moment: one that failed is the last.

    Raises:
        SubjectError: It was no resumption that failed, or it never came to its moment.
    """
    if cycles and ended.code != 0:
        return _with_resumptions(control, cycles, ended)
    problem = f"the trainer {ended.state} before {interruption.words} ({ended.last_words})"
    reached = last_step(ended.steps)
    is_short = reached + max(1, control.numbering.stride) < control.total
    if cycles and is_short and control.is_repeatable("step sequence"):
        return _with_resumptions(control, cycles, ended)  # it makes fewer steps: that departs
    if ended.code == 0 and reached >= max(interruption.step, control.total):
        return _Late(len(cycles), reached, problem)
    raise SubjectError(f"{problem}; interrupt it earlier, or train for more steps")


def _cycle(control: Control, interruption: Interruption, outcome: Outcome) -> Cycle:
    called = [] if control.counts_steps else outcome.checkpoints
    return Cycle(
        made_at={number: control.step_of(number) for number in called},
        interruption=interruption,
        ended=outcome.ended,
        reached=outcome.reached,
        signalled=outcome.signalled,
        happened=outcome.happened,
        met=outcome.met,
        checkpoints=outcome.checkpoints,
    )


def _with_resumptions(control: Control, cycles: Sequence[Cycle], last: Ended) -> Interrupted:
    """Return all that happened, with the step that each start went on from."""
    starts, known = [cycles[0].ended] if cycles else [], list[Cycle]()
    following = [*(cycle.ended for cycle in cycles[1:]), last]
    for number, (cycle, ended) in enumerate(zip(cycles, following, strict=True), 1):
        at = step_resumed_at(ended, control.numbering, cycle.saved_steps)
        lost = at is None and control.tells_late and number < len(following)
        unknown = "the next start was interrupted, too, before it told a step" if lost else ""
        part = partly_told(ended, at, control.ended)
        known.append(replace(
            cycle, resumed_at=at, unknown=unknown, partly_told=part, ended=starts[-1]
        ))  # fmt: skip
        steps = [step if step.number != part else step._replace(loss=None) for step in ended.steps]
        starts.append(replace(ended, steps=steps))
    return Interrupted(cycles=known, last=starts[-1] if cycles else last)
