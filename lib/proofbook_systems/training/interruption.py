"""Interrupt a training as planned, resume it, and report what each interruption did and cost."""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.training.awaited_saves import why_no_moment
from proofbook_systems.training.comparison import stitch
from proofbook_systems.training.config import MOST_TRIES
from proofbook_systems.training.controls import Control
from proofbook_systems.training.moments import Outcome, Start
from proofbook_systems.training.plans import Interruption, read_plan
from proofbook_systems.training.resumption import partly_told, step_resumed_at
from proofbook_systems.training.running import Ended, Training
from proofbook_systems.training.steps import Step, last_step
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


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One start, and how it was interrupted."""

    interruption: Interruption
    ended: Ended
    reached: int
    """The last step that was told before it ended."""
    signalled: int
    """The last step that was told when the signal was sent."""
    happened: bool
    """Whether the signal ended it."""
    met: int | None = None
    """The step of the checkpoint that it was writing then; None where none was cut off."""
    checkpoints: list[int]
    """The whole ones that were on the disk then, as they are called."""
    made_at: Mapping[int, int] = field(default_factory=dict)
    """Their steps, where they are called by something else; 0 is not known."""
    resumed_at: int | None = None
    """The step that the next start went on from."""
    unknown: str = ""
    """Why nothing tells that, where nothing can."""
    partly_told: int | None = None
    """The step whose loss the next start may tell as a mean of fewer steps, which is left out."""
    weights_of: int | None = None
    """The step whose weights the next start had, where they were seen and it tells another one."""

    @property
    def lost(self) -> int | None:
        """Steps that had to be made again; its weights tell them where it counts steps anew."""
        at = self.resumed_at if self.weights_of is None else self.weights_of
        return None if at is None else max(0, self.reached - at)

    @property
    def polite(self) -> bool:
        """Whether it was asked to end, and not killed."""
        return self.interruption.signum != signal.SIGKILL

    @property
    def missed(self) -> bool:
        """Whether it was to be hit while it wrote a checkpoint, and none was cut off."""
        return self.interruption.writing and self.met is None

    @property
    def newest(self) -> int:
        """The step of the newest checkpoint that the next start has to go on from.

        0 where there was none, or where it is not known.
        """
        return self.made_at.get(self.newest_called, self.newest_called)

    @property
    def newest_called(self) -> int:
        """The number in that checkpoint's name; 0 where there was none.

        One that was being written does not count, even if a part of it was whole; one whose save
        was over does.
        """
        met = self.met
        return max((each for each in self.checkpoints if met is None or each < met), default=0)

    @property
    def saved_steps(self) -> list[int]:
        """The steps of the whole checkpoints, as far as they are known."""
        steps = (self.made_at.get(number, number) for number in self.checkpoints)
        return [step for step in steps if step or not self.made_at]

    @property
    def words(self) -> str:
        """What happened, in a line."""
        if not self.happened:
            return (
                f"{self.interruption.words}: the trainer went on from step {self.signalled} to "
                f"step {self.reached}"
            )
        other = "" if self.met in (None, self.interruption.step) else f"; it was writing {self.met}"
        save = "; no save was cut off: it was missed" if self.missed else other
        part = f"; the loss at step {self.partly_told} may be that of fewer steps: not compared"
        at = "an unknown step" if self.unknown else self.resumed_at
        return (
            f"{self.interruption.words}: ended after step {self.reached} ({self.ended.state}), "
            f"resumed at {at}{save}{part if self.partly_told is not None else ''}"
        )

    def allowed(self, *, saves_on_signal: bool) -> int:
        """Return how many steps may be lost: those since the newest whole checkpoint.

        Args:
            saves_on_signal: Whether the trainer promises to save on SIGINT and SIGTERM, after which
                it may lose none.
        """
        if saves_on_signal and self.polite:
            return 0
        return max(0, self.reached - self.newest)


@dataclass(frozen=True, kw_only=True)
class Interrupted:
    """A training that was interrupted and resumed to its end."""

    cycles: list[Cycle]
    last: Ended
    """The start that came to the end."""

    @property
    def starts(self) -> list[Ended]:
        """All starts, in order."""
        return [*(cycle.ended for cycle in self.cycles), self.last]

    @property
    def cut(self) -> frozenset[int]:
        """The steps of the checkpoints that were being written when it was interrupted."""
        return frozenset(cycle.met for cycle in self.cycles if cycle.met is not None)

    @property
    def why_not(self) -> str:
        """What to say where the last start did not come to its end."""
        if not self.cycles:
            return "started"
        last = self.cycles[-1]
        lacks = "" if last.checkpoints else "; no whole checkpoint was on the disk then"
        return f"resumed after {last.words}{lacks}"

    def why_anew(self, control: Control) -> str:
        """Say that every resumption began again with the first step; empty where one did not.

        A trainer that starts over comes to the same end, and has resumed nothing.
        """
        first = control.ended.steps[0].number
        later = zip(self.cycles, self.starts[1:], strict=False)
        if not self.cycles or any(
            cycle.resumed_at or (ended.steps and ended.steps[0].number > first)
            for cycle, ended in later
        ):
            return ""
        last = self.cycles[-1]
        if last.checkpoints:
            return f"{last.words}: it begins again beside a whole checkpoint"
        saved = [each for each in control.save_ranges if each.earliest <= last.signalled]
        surely = max((each.latest for each in saved if each.latest <= last.signalled), default=0)
        if surely:
            return f"{last.words}: it begins again, though weights were saved after step {surely}"
        steps = f"{saved[0].earliest} and {saved[0].latest}" if saved and saved[0].latest else ""
        perhaps = f", though left alone it saves between the steps {steps}" if steps else ""
        begins = f"{last.words}: it begins again, and no checkpoint was recognised before{perhaps}"
        return f"{begins}; give checkpoints, or interrupt it later"

    def most_kept(self, control: Control) -> int:
        """Return how many checkpoints may be left where the trainer removes older ones.

        It removes one where it saves one. A start that saves none leaves what an interrupted save
        before it has left: the new one, and the oldest not yet gone.
        """
        made = [step.number for step in self.last.steps]
        saved = made and any(
            made[0] <= each.earliest and each.latest <= made[-1] + 1
            for each in control.save_ranges
        )  # fmt: skip
        return control.keeps if saved else control.keeps + 1

    def untold(self, control: Control) -> frozenset[int]:
        """Return the steps that a start had made, as its checkpoint shows, and had not told yet.

        What a program has not written when it is killed is lost.
        """
        first, told, found = control.numbering.first, control.numbering.first - 1, set[int]()
        for cycle in self.cycles:
            made = cycle.newest if control.counts_steps else 0
            if control.tells_late:
                made = cycle.resumed_at or made
            told = max(told, last_step(cycle.ended.steps))
            found.update(range(told + 1, made + first))
            told = max(told, made + first - 1)
        return frozenset(found)

    @property
    def steps(self) -> list[Step]:
        """Every step, as it was made last."""
        return stitch([ended.steps for ended in self.starts])


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
    beginning, with an earlier moment.

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
            prepare=prepare,
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
    seed: str, prepare: Prepare,
) -> Interrupted | _Late:  # fmt: skip
    """Do all of it once."""
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
