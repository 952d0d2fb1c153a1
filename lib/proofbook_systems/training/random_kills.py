"""Interrupt trainings at random moments, resume them, and hold each against one left alone."""

from __future__ import annotations

import random
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from proofbook_systems.training.artefacts import checkpoint_steps
from proofbook_systems.training.comparison import compare_files, compare_steps, weights_in
from proofbook_systems.training.interruption import Cycle, Interruption, interrupt_and_resume
from proofbook_systems.training.running import Ended
from proofbook_systems.training.subject import Trainer

__all__ = ["Moment", "interrupt_at_random"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


class Moment(NamedTuple):
    """One training that was interrupted once."""

    cycle: Cycle
    departed: tuple[str, ...]
    """Where it is not the same as the one left alone, in words."""

    @property
    def words(self) -> str:
        """What happened, in a line."""
        cycle = self.cycle
        same = "; ".join(self.departed) or "the same to the bit"
        return (
            f"{cycle.interruption.words}, after step {cycle.reached}, resumed at "
            f"{cycle.resumed_at}: {same}"
        )

    @property
    def lost_too_much(self) -> bool:
        """Whether more steps were made again than may be; none are where it was over already."""
        if self.cycle.ended.code == 0:
            return False
        return self.cycle.lost is None or self.cycle.lost > self.cycle.allowed


def interrupt_at_random(
    number: int,
    trainer: Trainer,
    folder: Path,
    alone: Path,
    whole: Ended,
    *,
    seed: int,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Moment:
    """Interrupt training ``number`` once, resume it to the end, and compare.

    Args:
        number: Chooses the signal, each third the same, and with ``seed`` the moment.
        trainer: What is started.
        folder: Where its output and logs go.
        alone: Output of the training that was left alone.
        whole: How that one went: moments lie within its time.
        seed: Chooses the moments.
        timeout: Seconds that each start may take.
        env: Variables on top of this process's.
        cwd: Where it runs.

    Raises:
        SubjectError: It hangs, or was over before its moment.
    """
    moment = random.Random(f"{seed}/{number}").uniform(0.05, 0.85) * whole.seconds
    plan = [Interruption(signum=_SIGNALS[number % 3], seconds=round(moment, 3))]
    output = folder / f"interrupted-{number}"
    result = interrupt_and_resume(
        trainer, output, plan, logs=folder / f"logs-{number}", timeout=timeout, env=env, cwd=cwd
    )
    departed = [found.words for found in compare_steps(result.steps, whole.steps)]
    states = [
        Path(f"checkpoint-{step}", name)
        for step in checkpoint_steps(trainer, alone)[-1:]
        for name in trainer.files
    ]
    for name in (*states, *weights_in(alone)):
        departure = compare_files(output / name, alone / name)
        departed += [departure.words] if departure else []
    return Moment(result.cycles[0], tuple(departed))
