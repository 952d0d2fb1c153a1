"""Interrupt and resume a training again and again: what does it use, and what does it keep?"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from proofbook.hardware import Gpu
from proofbook_systems.gpu.watching import CardWatch, in_use, kept
from proofbook_systems.training.running import Training
from proofbook_systems.training.subject import Trainer

__all__ = ["CycleUse", "run_cycles"]

_PAUSE = 0.2
_PATIENCE = 10.0


class CycleUse(NamedTuple):
    """One start of a trainer."""

    state: str
    """How it ended, in words."""
    peak: float
    """MB: of the card, else of its processes."""
    kept: float | None
    """MB that stayed in use when it had ended; None if nobody tells."""


def run_cycles(
    trainer: Trainer,
    folder: Path,
    cycles: int,
    *,
    card: Gpu | None,
    slack: float,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> list[CycleUse]:
    """Start a training, interrupt and resume it ``cycles`` times, and let it come to its end.

    Args:
        trainer: What is started.
        folder: Where its output and logs go.
        cycles: Interruptions, spread evenly over the steps.
        card: Whose memory counts; without one, that of the processes and what they share.
        slack: MB that may stay in use without being waited for.
        timeout: Seconds that each start may take.
        env: Variables on top of this process's.
        cwd: Where it runs.

    Raises:
        SubjectError: It hangs.
    """
    found: list[CycleUse] = []
    for number in range(cycles + 1):
        before = in_use(card)
        with CardWatch(card) as watch, Training(
            trainer, folder / "model", folder / f"cycle-{number + 1}.log", resume=number > 0,
            env=env, cwd=cwd,
        ) as training:  # fmt: skip
            if number < cycles:
                training.wait_step((number + 1) * trainer.steps // (cycles + 1), timeout)
                training.send_signal(signal.SIGINT)
            ended = training.end(timeout)
        processes = max((sample.size for sample in ended.memory), default=0) / 1e6
        peak = watch.largest("memory") if card else processes
        found.append(CycleUse(ended.state, peak, _settled(card, before, slack)))
    return found


def _settled(card: Gpu | None, before: Mapping[str, float] | None, slack: float) -> float | None:
    """Return by how much more is in use than before, once that is little or time is up."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        now = in_use(card)
        if before is None or now is None:
            return None
        more = kept(before, now)
        if more <= slack or time.monotonic() > deadline:
            return more
        time.sleep(_PAUSE)
