"""Interrupt and resume a training repeatedly: what memory does it use, and what does it keep?"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook.hardware import Gpu
from proofbook_systems.training.awaited_saves import AwaitedSave, why_no_moment
from proofbook_systems.training.config import MOST_TRIES
from proofbook_systems.training.controls import Control, given_control
from proofbook_systems.training.gpu_watch import added_use, memory_in_use
from proofbook_systems.training.layouts import find_checkpoints
from proofbook_systems.training.plans import Interruption
from proofbook_systems.training.running import Ended, Training
from proofbook_systems.training.saving import SaveWatch, can_watch
from proofbook_systems.training.steps import last_step
from proofbook_systems.training.trainer import Trainer

__all__ = ["CycleUse", "Cycled", "run_cycles"]

_PAUSE = 0.2
_PATIENCE = 10.0
_EARLIER = 0.7
_ADVICE = "have it print each step when it is made, save more often, or lower cycles"


class CycleUse(NamedTuple):
    """One start of a trainer."""

    state: str
    """How it ended, in words."""
    peak: float
    """MB: of the GPU, else of its processes."""
    kept: float | None
    """MB that stayed in use when it had ended; None where the system does not tell."""
    interrupted: str
    """Why it does not count as interrupted, where it should have been; else empty."""


class Cycled(NamedTuple):
    """What all starts of a trainer did."""

    uses: list[CycleUse]
    """One for each start, the last one to the end."""
    no_moment: str = ""
    """Why nothing tells when to interrupt it; its one start was left alone then. Else empty."""


def run_cycles(
    trainer: Trainer,
    folder: Path,
    cycles: int,
    *,
    gpu: Gpu | None,
    slack: float,
    timeout: float,
) -> Cycled:
    """Start a training, interrupt and resume it ``cycles`` times, and let it come to its end.

    Where it was over before a signal could be sent, all of it is done again, with earlier signals.
    Where that was because its steps are told too late, its saves are waited for from then on. A
    trainer that is not told how many steps to make is left alone first.

    Args:
        trainer: What is started.
        folder: Where its output and logs go.
        cycles: Interruptions, spread evenly over the steps.
        gpu: Whose memory counts; without one, that of the processes and what they share.
        slack: MB that may stay in use without being waited for.
        timeout: Seconds that each start may take.

    Raises:
        SubjectError: It hangs, or is always over before a signal is sent.
    """
    cycling = _Cycling(trainer, folder, cycles, gpu, slack, timeout)
    if not (trainer.takes_steps and trainer.steps):
        cycling.leave_alone()
    for attempt in range(MOST_TRIES):
        if cycling.alone is not None and (why := cycling.no_moment(cycling.alone)):
            return Cycled([cycling.alone.use], why)
        uses = list(cycling.once(attempt))
        if len(uses) == cycles + 1:
            return Cycled(uses)
    raise SubjectError(
        f"the trainer was at its last step before it was interrupted, in {MOST_TRIES} tries; give "
        "more steps"
    )


class _Alone(NamedTuple):
    """A start that came to its end, or failed, by itself."""

    control: Control
    use: CycleUse


@dataclass
class _Cycling:
    """Tries to interrupt a training as planned."""

    trainer: Trainer
    folder: Path
    cycles: int
    gpu: Gpu | None
    slack: float
    timeout: float
    alone: _Alone | None = None
    """The first start that nothing interrupted: it tells how many steps there are, and saves."""
    last: int = 0
    """The number of its last step: where they are counted from 0, it is one less."""

    def no_moment(self, alone: _Alone) -> str:
        """Say why its interruptions have no moment, as a start that was left alone shows it."""
        ended = alone.control.ended
        if ended.code != 0:
            return f"left alone, the trainer {ended.state}: {ended.last_words}"
        steps = [self._due(number, 0) for number in range(self.cycles)]
        plan = [Interruption(signum=signal.SIGINT, step=step) for step in steps]
        return why_no_moment(alone.control, plan, advice=_ADVICE)

    def once(self, attempt: int) -> Iterator[CycleUse]:
        """Yield what each start did, up to one that was interrupted too late."""
        shutil.rmtree(self.folder / "model", ignore_errors=True)
        for number in range(self.cycles):
            use, ended, late = self._start(number, self._due(number, attempt))
            if late and self.alone is None and not _was_followed(ended):
                self.leave_alone()
            if late:
                return
            yield use
        yield self._start(self.cycles, None)[0]

    def leave_alone(self) -> None:
        """Let it come to its end."""
        shutil.rmtree(self.folder / "model", ignore_errors=True)
        self._start(0, None)

    @property
    def _by_saves(self) -> Control | None:
        """The control, where nothing but saves tells how far a training is."""
        control = self.alone.control if self.alone else None
        return control if control is not None and control.is_told_by_saves else None

    def _due(self, number: int, attempt: int) -> int:
        """Return the step after which a start is interrupted, earlier with each attempt."""
        step = (self.last or self.trainer.steps) * (number + 1) // (self.cycles + 1)
        return max(1, int(step * _EARLIER**attempt) if self._by_saves else step - attempt)

    def _start(self, number: int, due: int | None) -> tuple[CycleUse, Ended, bool]:
        """Start it, and interrupt it after step ``due``; say whether that was too late."""
        before, output = memory_in_use(self.gpu), self.folder / "model"
        first = self.alone is None and not number
        output.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            saves = stack.enter_context(SaveWatch(output)) if first and can_watch() else None
            training = Training(
                self.trainer, output, self.folder / f"cycle-{number + 1}.log", resume=number > 0,
                gpu=self.gpu, saves=saves,
            )  # fmt: skip
            stack.enter_context(training)
            signalled = None if due is None else self._interrupt(training, due)
            ended = training.end(self.timeout)
        peak = ended.gpu.largest("memory") if ended.gpu else ended.peak_memory
        use = CycleUse(ended.state, peak, _settled(self.gpu, before, self.slack), "")
        if first and signalled is None and (due is None or ended.code == 0):
            self._keep(output, ended, saves, use)
        if due is None:
            return use, ended, False
        if self.alone is None and not number and ended.steps:
            self.last = self.trainer.steps - 1 + min(1, ended.steps[0].number)
        last = self.last or self.trainer.steps
        use = use._replace(interrupted=_why_not(signalled, ended, last))
        return use, ended, _is_late(signalled, ended, last)

    def _keep(self, output: Path, ended: Ended, saves: SaveWatch | None, use: CycleUse) -> None:
        """Keep a start that nothing interrupted; its folder is moved, as another one follows."""
        place = output.with_name("alone")
        shutil.rmtree(place, ignore_errors=True)
        shutil.move(output, place)
        changes = saves.changes if saves else []
        self.alone = _Alone(given_control(self.trainer, place, ended, changes), use)
        self.last = self.alone.control.total

    def _interrupt(self, training: Training, due: int) -> int | None:
        """Interrupt a start after step ``due``; return the step that it had made then.

        None where it was over before.
        """
        control, there = self._by_saves, find_checkpoints(training.output, self.trainer.checkpoints)
        if control is not None:
            awaited = AwaitedSave(control, due, there)
            over = training.wait(self.timeout, lambda: awaited.is_there(training.checkpoints()))
        else:
            over = training.wait_step(due, self.timeout)
        if over:
            return None
        training.hold()  # until the signal is sent, so that it comes at the step that is noted
        signalled = training.reached()
        if control is not None and control.counts_steps:
            signalled = max([signalled, *control.whole_steps(training.checkpoints())])
        training.interrupt(signal.SIGINT)
        training.let_go()
        return signalled


def _was_followed(ended: Ended) -> bool:
    """Say whether a step before the last one was told while it ran."""
    return any(0 < sample.step < last_step(ended.steps) for sample in ended.memory)


def _is_late(signalled: int | None, ended: Ended, last: int) -> bool:
    """Say whether a start was over before it was interrupted, or had at the most one step left."""
    if signalled is None:
        return ended.code == 0
    return signalled >= (last - 1 if ended.code == 0 else last)


def _why_not(signalled: int | None, ended: Ended, last: int) -> str:
    """Say why a start does not count as interrupted; empty where it does."""
    if signalled is None:
        return f"it {ended.state} before it was interrupted: {ended.last_words}"
    reached = last_step(ended.steps)
    if reached >= last and ended.code == 0:
        return f"SIGINT did not interrupt it: it went on from step {signalled} to step {reached}"
    return ""


def _settled(gpu: Gpu | None, before: Mapping[str, float] | None, slack: float) -> float | None:
    """Return by how much more is in use than before, once that is little or time is up."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        now = memory_in_use(gpu)
        if before is None or now is None:
            return None
        more = added_use(before, now)
        if more <= slack or time.monotonic() > deadline:
            return more
        time.sleep(_PAUSE)
