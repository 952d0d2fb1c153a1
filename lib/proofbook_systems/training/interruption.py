"""Interrupt a training as planned, resume it, and report what each interruption cost.

A plan is a list such as ``SIGINT after 7`` (once step 7 is told), ``SIGKILL in 20`` (once anything
of checkpoint 20 is on the disk), ``SIGTERM at 3.5 s`` (after its start).
"""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.training.comparison import stitch
from proofbook_systems.training.running import Ended, Training
from proofbook_systems.training.steps import Step, last_step
from proofbook_systems.training.trainer import Trainer

__all__ = ["Cycle", "Interrupted", "Interruption", "interrupt_and_resume", "read_plan"]

_FORM = re.compile(r"(SIGINT|SIGTERM|SIGKILL) (?:(after|in) (\d+)|at (\d+(?:\.\d+)?) s)")
_RESUMED = re.compile(r"[Rr]esum\w+ (?:training )?(?:from|at) (?:global )?step (\d+)")
_GRACEFUL = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """One planned interruption."""

    signum: signal.Signals
    step: int = 0
    writing: bool = False
    """While that checkpoint is being written, and not after that step."""
    seconds: float | None = None
    """After the start, whatever step that is."""

    @property
    def words(self) -> str:
        """As it is written in a plan."""
        if self.seconds is not None:
            return f"{self.signum.name} at {self.seconds:g} s"
        return f"{self.signum.name} {'in' if self.writing else 'after'} {self.step}"

    def wait(self, training: Training, timeout: float) -> bool:
        """Wait until it is time; return whether the training has ended before that."""
        if self.seconds is not None:
            return training.wait_seconds(self.seconds, timeout)
        if self.writing:
            return training.wait_checkpoint(self.step, timeout)
        return training.wait_step(self.step, timeout)


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One start, and how it was interrupted."""

    interruption: Interruption
    ended: Ended
    reached: int
    """The last step that was told before it ended."""
    checkpoints: list[int]
    """What was on the disk then."""
    resumed_at: int | None = None
    """The step that the next start went on from."""

    @property
    def lost(self) -> int | None:
        """Steps that had to be made again."""
        return None if self.resumed_at is None else max(0, self.reached - self.resumed_at)

    @property
    def expected_codes(self) -> list[int]:
        """Exit codes of a process that the signal ended: its own, or as a shell has it."""
        return [-self.interruption.signum, 128 + self.interruption.signum]

    @property
    def allowed(self) -> int:
        """Steps that may be lost: none after SIGINT and SIGTERM, else those since a checkpoint."""
        if self.interruption.signum in _GRACEFUL:
            return 0
        return self.reached - max((n for n in self.checkpoints if n <= self.reached), default=0)


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
                f"interruption {entry!r} is not of the form 'SIGINT after 7', 'SIGKILL in 20' or "
                "'SIGTERM at 3.5 s'"
            )
        interruptions.append(
            Interruption(
                signum=signal.Signals[match[1]], writing=match[2] == "in", step=int(match[3] or 0),
                seconds=float(match[4]) if match[4] else None,
            )
        )  # fmt: skip
    return interruptions


def interrupt_and_resume(
    trainer: Trainer,
    output: Path,
    plan: Sequence[Interruption],
    *,
    logs: Path,
    timeout: float,
) -> Interrupted:
    """Start, interrupt and resume as planned, then resume to the end.

    Args:
        trainer: What is started.
        output: Its folder.
        plan: One start for each.
        logs: Folder for what each start prints.
        timeout: Seconds that each start may take.

    Raises:
        SubjectError: It hangs, or ends before it was interrupted.
    """
    cycles: list[Cycle] = []
    for number, interruption in enumerate(plan):
        log = logs / f"start-{number + 1}.log"
        with Training(trainer, output, log, resume=number > 0) as training:
            if interruption.wait(training, timeout):
                raise SubjectError(
                    f"the trainer {training.end(timeout).state} before {interruption.words}; "
                    f"see {log}"
                )
            training.send_signal(interruption.signum)
            ended = training.end(timeout)
            cycles.append(
                Cycle(
                    interruption=interruption, ended=ended, reached=last_step(ended.steps),
                    checkpoints=training.checkpoints(),
                )
            )  # fmt: skip
    log = logs / f"start-{len(plan) + 1}.log"
    with Training(trainer, output, log, resume=bool(plan)) as training:
        last = training.end(timeout)
    return Interrupted(cycles=_with_resumptions(cycles, last), last=last)


def _with_resumptions(cycles: Sequence[Cycle], last: Ended) -> list[Cycle]:
    following = [*(cycle.ended for cycle in cycles[1:]), last]
    return [
        replace(cycle, resumed_at=_resumed_at(ended))
        for cycle, ended in zip(cycles, following, strict=True)
    ]


def _resumed_at(ended: Ended) -> int | None:
    """Return the step that a start reports to go on from, or the one before its first."""
    reported = _RESUMED.search(ended.printed)
    if reported:
        return int(reported[1])
    return ended.steps[0].number - 1 if ended.steps else None
