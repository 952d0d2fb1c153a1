"""Interrupt a training as planned, resume it, and report what each interruption did and cost.

A plan is a list such as ``SIGINT after 7`` (once step 7 is told), ``SIGINT after 40 %`` (of the
steps), ``SIGKILL in 20`` (in the middle of writing checkpoint 20), ``SIGTERM at 3.5 s`` (after its
start).
"""

from __future__ import annotations

import random
import re
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.training.comparison import stitch
from proofbook_systems.training.controls import Control
from proofbook_systems.training.resumption import step_resumed_at
from proofbook_systems.training.running import Ended, Training
from proofbook_systems.training.saving import SaveWatch
from proofbook_systems.training.steps import Step
from proofbook_systems.training.trainer import Trainer

__all__ = ["Cycle", "Interrupted", "Interruption", "interrupt_and_resume", "read_plan"]

_FORM = re.compile(
    r"(SIGINT|SIGTERM|SIGKILL) (?:(after|in) (\d+)|(after|in) (\d+) ?%|at (\d+(?:\.\d+)?) s)"
)
_STEPS_OF_GRACE = 10
_PATIENCE = 10.0


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """One planned interruption."""

    signum: signal.Signals
    step: int = 0
    percent: int | None = None
    """Of all steps, where no step is named."""
    writing: bool = False
    """While that checkpoint is being written, and not after that step."""
    seconds: float | None = None
    """After the start, whatever step that is."""

    @property
    def words(self) -> str:
        """As it is written in a plan."""
        if self.seconds is not None:
            return f"{self.signum.name} at {self.seconds:g} s"
        where = f"{self.percent} %" if self.percent is not None else str(self.step)
        return f"{self.signum.name} {'in' if self.writing else 'after'} {where}"

    def placed(self, control: Control) -> Interruption:
        """Return it with a step, by the steps and the checkpoints of an uninterrupted training."""
        if self.percent is None:
            return self
        step = max(1, round(control.total * self.percent / 100))
        due = [each for each in control.save_steps if 0 < each < control.total - 1]
        if self.writing and due:
            step = min(due, key=lambda each: abs(each - step))
        elif due:
            # What is interrupted before its first checkpoint has nothing to resume from.
            step = max(step, due[0] + 1)
        return replace(self, step=step, percent=None)


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
    missed: bool = False
    """Whether it was to be hit while it wrote a checkpoint, and had finished that."""
    checkpoints: list[int]
    """The whole ones that were on the disk then."""
    resumed_at: int | None = None
    """The step that the next start went on from."""

    @property
    def lost(self) -> int | None:
        """Steps that had to be made again."""
        return None if self.resumed_at is None else max(0, self.reached - self.resumed_at)

    @property
    def polite(self) -> bool:
        """Whether it was asked to end, and not killed."""
        return self.interruption.signum != signal.SIGKILL

    @property
    def newest(self) -> int:
        """The newest whole checkpoint; 0 where there was none."""
        return max(self.checkpoints, default=0)

    @property
    def words(self) -> str:
        """What happened, in a line."""
        if not self.happened:
            return (
                f"{self.interruption.words}: the trainer went on from step {self.signalled} to step "
                f"{self.reached}"
            )
        missed = "; the save was over by then: it was missed" if self.missed else ""
        return (
            f"{self.interruption.words}: ended after step {self.reached} ({self.ended.state}), "
            f"resumed at {self.resumed_at}{missed}"
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
    def why_not(self) -> str:
        """What to say where the last start did not come to its end."""
        return f"resumed after {self.cycles[-1].words}" if self.cycles else "started"

    @property
    def steps(self) -> list[Step]:
        """Every step, as it was made last."""
        return stitch([ended.steps for ended in self.starts])


def read_plan(plan: Sequence[str]) -> list[Interruption]:
    """Read a plan.

    Raises:
        SubjectError: An entry is not of that form.
    """
    interruptions = []
    for entry in plan:
        match = _FORM.fullmatch(entry.strip())
        if match is None:
            raise SubjectError(
                f"interruption {entry!r} is not of the form 'SIGINT after 7', 'SIGINT after 40 %', "
                "'SIGKILL in 20' or 'SIGTERM at 3.5 s'"
            )
        interruptions.append(
            Interruption(
                signum=signal.Signals[match[1]], writing="in" in (match[2], match[4]),
                step=int(match[3] or 0), percent=int(match[5]) if match[5] else None,
                seconds=float(match[6]) if match[6] else None,
            )
        )  # fmt: skip
    return interruptions


def interrupt_and_resume(
    control: Control,
    output: Path,
    plan: Sequence[Interruption],
    *,
    logs: Path,
    timeout: float,
    seed: int = 0,
) -> Interrupted:
    """Start, interrupt and resume as planned, then resume to the end.

    Args:
        control: The same training left alone.
        output: The folder of this one.
        plan: One start for each; what follows one that did not end the trainer is left out.
        logs: Folder for what each start prints.
        timeout: Seconds that each start may take.
        seed: Chooses the moments within a save.

    Raises:
        SubjectError: It hangs, or ends before it was interrupted.
    """
    trainer, cycles = control.trainer, list[Cycle]()
    output.mkdir(parents=True, exist_ok=True)
    for number, planned in enumerate(plan):
        log = logs / f"start-{number + 1}.log"
        interruption, chance = planned.placed(control), random.Random(f"{seed}/{number}")
        with _Start(trainer, output, log, interruption, resume=number > 0) as start:
            cycles.append(start.interrupted(control, timeout, chance))
        if not cycles[-1].happened:
            break
    log = logs / f"start-{len(cycles) + 1}.log"
    with Training(trainer, output, log, resume=bool(cycles)) as training:
        last = training.end(timeout)
    return Interrupted(cycles=_with_resumptions(control, cycles, last), last=last)


class _Start:
    """One start that is to be interrupted. Leaving its context ends it."""

    def __init__(
        self, trainer: Trainer, output: Path, log: Path, interruption: Interruption, *, resume: bool
    ) -> None:
        self._interruption, self._log, self._output = interruption, log, output
        self._saves = SaveWatch(output) if interruption.writing else None
        self._start = (trainer, output, log, resume)

    def __enter__(self) -> _Start:
        if self._saves is not None:
            self._saves.__enter__()
        trainer, output, log, resume = self._start
        self._training = Training(trainer, output, log, resume=resume, saves=self._saves)
        return self

    def __exit__(self, *error: object) -> None:
        self._training.__exit__(None, None, None)
        if self._saves is not None:
            self._saves.__exit__(None, None, None)

    def interrupted(self, control: Control, timeout: float, chance: random.Random) -> Cycle:
        """Wait for the moment, interrupt, and say what happened."""
        training, planned = self._training, self._interruption
        if self._wait(control, timeout, chance):
            raise SubjectError(
                f"the trainer {training.end(timeout).state} before {planned.words}; see {self._log}"
            )
        signalled = training.reached()
        training.interrupt(planned.signum)
        happened = self._ends(control, signalled)
        ended = training.end(timeout)
        reached = max([signalled, *(step.number for step in ended.steps)])
        there = training.checkpoints()
        whole = control.whole_steps(there)
        return Cycle(
            interruption=planned, ended=ended, reached=reached, signalled=signalled,
            happened=happened and reached < control.total, checkpoints=whole,
            missed=planned.writing and any(step >= planned.step for step in whole),
        )  # fmt: skip

    def _wait(self, control: Control, timeout: float, chance: random.Random) -> bool:
        """Wait until it is time; return whether the training has ended before that."""
        planned = self._interruption
        if planned.seconds is not None:
            return self._training.wait_seconds(planned.seconds, timeout)
        if self._saves is None:
            return self._training.wait_step(planned.step, timeout)
        if self._training.wait_step(max(0, planned.step - control.numbering.stride), timeout):
            return True
        return self._wait_save(self._saves, control, timeout, chance)

    def _wait_save(
        self, saves: SaveWatch, control: Control, timeout: float, chance: random.Random
    ) -> bool:
        """Wait for a random moment between the first byte of a save and its last turn."""
        turns, extra = chance.randrange(control.turns), chance.random()
        seen, deadline = 0, time.monotonic() + timeout
        while self._training.running and time.monotonic() < deadline:
            for change in saves.look():
                if seen >= turns:
                    time.sleep(extra * min(0.001, _between(control)))
                    return False
                seen += change.kind != "written"
        return not self._training.running

    def _ends(self, control: Control, signalled: int) -> bool:
        """Wait for the end after a signal; False, and end it, where it goes on for many steps."""
        training = self._training
        steps = [each.step for each in control.checkpoints if each.step > 0]
        grace = max([_STEPS_OF_GRACE, control.total // 10, *steps[:1]])
        deadline = time.monotonic() + _PATIENCE

        def goes_on() -> bool:
            return training.reached() > signalled + grace and time.monotonic() > deadline

        if training.wait(float("inf"), goes_on):
            return True
        training.interrupt(signal.SIGKILL)
        return False


def _between(control: Control) -> float:
    times = [change.seconds for change in control.changes]
    gaps = sorted(b - a for a, b in zip(times, times[1:], strict=False))
    return gaps[len(gaps) // 2] if gaps else 0.0


def _with_resumptions(control: Control, cycles: Sequence[Cycle], last: Ended) -> list[Cycle]:
    following = [*(cycle.ended for cycle in cycles[1:]), last]
    return [
        replace(cycle, resumed_at=step_resumed_at(ended, control.numbering, cycle.checkpoints))
        for cycle, ended in zip(cycles, following, strict=True)
    ]
