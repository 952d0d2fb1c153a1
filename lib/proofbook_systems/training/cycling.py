"""Interrupt and resume a training repeatedly: what memory does it use, and what does it keep?"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from proofbook.hardware import Gpu
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

    Args:
        trainer: What is started.
        folder: Where its output and logs go.
        cycles: Interruptions, spread evenly over the steps.
        gpu: Whose memory counts; without one, that of the processes and what they share.
        slack: MB that may stay in use without being waited for.
        timeout: Seconds that each start may take.

    Raises:
        SubjectError: It hangs.
    """
    uses: list[CycleUse] = []
    for number in range(cycles + 1):
        before = memory_in_use(gpu)
        log = folder / f"cycle-{number + 1}.log"
        with Training(trainer, folder / "model", log, resume=number > 0, gpu=gpu) as training:
            over = number < cycles and _interrupt(training, number + 1, cycles + 1, timeout)
            ended = training.end(timeout)
        peak = ended.gpu.largest("memory") if ended.gpu else ended.peak_memory
        uses.append(CycleUse(ended.state, peak, _settled(gpu, before, slack), _why_not(
            asked=number < cycles, over=over, ended=ended, steps=trainer.steps
        )))  # fmt: skip
    return uses


def _interrupt(training: Training, part: int, parts: int, timeout: float) -> bool:
    """Interrupt a start after its part of the steps; return whether it was over before that."""
    over = training.wait_step(part * training.trainer.steps // parts, timeout)
    training.interrupt(signal.SIGINT)
    return over


def _why_not(*, asked: bool, over: bool, ended: Ended, steps: int) -> str:
    reached = last_step(ended.steps)
    if asked and over:
        return f"it ended before it was interrupted, after step {reached}"
    if asked and reached >= steps and ended.code == 0:
        return f"SIGINT did not interrupt it: it went on to step {reached}"
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
