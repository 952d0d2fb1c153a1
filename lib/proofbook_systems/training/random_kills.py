"""Interrupt trainings at random moments, resume them, and compare each with an undisturbed one."""

from __future__ import annotations

import random
import signal
from pathlib import Path
from typing import NamedTuple

from proofbook_systems.training.comparison import compare_steps
from proofbook_systems.training.controls import Control
from proofbook_systems.training.interruption import Cycle, Interruption, interrupt_and_resume
from proofbook_systems.training.trees import compare_trees

__all__ = ["Moment", "interrupt_at_random"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


class Moment(NamedTuple):
    """One training that was interrupted once."""

    cycle: Cycle
    departed: tuple[str, ...]
    """Where it differs from the undisturbed one, in words."""
    over: bool = False
    """Whether all steps had been made before the interruption."""

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
        """Whether more steps were repeated than may be; none are where it was over already."""
        if self.over:
            return False
        return self.cycle.lost is None or self.cycle.lost > self.cycle.allowed(saves_on_signal=True)


def interrupt_at_random(
    number: int, control: Control, folder: Path, *, seed: int, timeout: float
) -> Moment:
    """Interrupt training ``number`` once, resume it to the end, and compare.

    Args:
        number: Chooses the signal, each third the same, and with ``seed`` the moment.
        control: The undisturbed training: moments are within its time.
        folder: Where output and logs go.
        seed: Chooses the moments.
        timeout: Seconds that each start may take.

    Raises:
        SubjectError: It hangs, or was over before its moment.
    """
    moment = random.Random(f"{seed}/{number}").uniform(0.05, 0.85) * control.ended.seconds
    plan = [Interruption(signum=_SIGNALS[number % 3], seconds=round(moment, 3))]
    output = folder / f"interrupted-{number}"
    result = interrupt_and_resume(
        control, output, plan, logs=folder / f"logs-{number}", timeout=timeout
    )
    departures = [
        each for each in compare_steps(result.steps, control.ended.steps, result.untold(control))
        if control.is_repeatable(each.what)
    ]  # fmt: skip
    departed = [departure.words for departure in departures]
    comparison = compare_trees(output, control.output, control.noise)
    departed += [f"{row.place}: {row.words}" for row in comparison.having("differs", "damaged")]
    (cycle,) = result.cycles
    # A signal after the last step meets a trainer that is saving its model, or leaving.
    return Moment(cycle, tuple(departed), over=cycle.reached >= control.total)
