"""Interrupt and resume a training repeatedly: what memory does it use, and what does it keep?"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook.hardware import Gpu
from proofbook_systems.training.config import MOST_TRIES
from proofbook_systems.training.gpu_watch import added_use, memory_in_use
from proofbook_systems.training.running import Ended, Training
from proofbook_systems.training.steps import last_step
from proofbook_systems.training.trainer import Trainer

__all__ = ["CycleUse", "run_cycles"]

_PAUSE = 0.2
_PATIENCE = 10.0


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


def run_cycles(
    trainer: Trainer,
    folder: Path,
    cycles: int,
    *,
    gpu: Gpu | None,
    slack: float,
    timeout: float,
) -> list[CycleUse]:
    """Start a training, interrupt and resume it ``cycles`` times, and let it come to its end.

    Where it was over before a signal could be sent, all of it is done again, with earlier signals.

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
    for attempt in range(MOST_TRIES):
        shutil.rmtree(folder / "model", ignore_errors=True)
        uses = list(
            _cycles(trainer, folder, cycles, attempt, gpu=gpu, slack=slack, timeout=timeout)
        )
        if len(uses) == cycles + 1:
            return uses
    raise SubjectError(
        f"the trainer was at its last step before it was interrupted, in {MOST_TRIES} tries; give "
        "more steps"
    )


def _cycles(
    trainer: Trainer, folder: Path, cycles: int, earlier: int, *, gpu: Gpu | None, slack: float,
    timeout: float,
) -> Iterator[CycleUse]:  # fmt: skip
    """Yield what each start did, up to one that was interrupted too late."""
    last = trainer.steps
    for number in range(cycles + 1):
        before = memory_in_use(gpu)
        log, due = folder / f"cycle-{number + 1}.log", last * (number + 1) // (cycles + 1) - earlier
        with Training(trainer, folder / "model", log, resume=number > 0, gpu=gpu) as training:
            signalled = _interrupt(training, due, timeout) if number < cycles else None
            ended = training.end(timeout)
        if not number and ended.steps:
            last = trainer.steps - 1 + min(1, ended.steps[0].number)  # counted from 0 or from 1
        if signalled is not None and signalled >= last - 1 and ended.code == 0:
            return  # it had at the most its last step to make
        peak = ended.gpu.largest("memory") if ended.gpu else ended.peak_memory
        yield CycleUse(
            ended.state, peak, _settled(gpu, before, slack), _why_not(signalled, ended, last)
        )


def _interrupt(training: Training, step: int, timeout: float) -> int:
    """Interrupt a start after ``step``; return the step that it had told then."""
    training.wait_step(max(1, step), timeout)
    training.hold()  # until the signal is sent, so that it comes at the step that is noted
    signalled = training.reached()
    training.interrupt(signal.SIGINT)
    training.let_go()
    return signalled


def _why_not(signalled: int | None, ended: Ended, last: int) -> str:
    reached = last_step(ended.steps)
    if signalled is not None and reached >= last and ended.code == 0:
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
