"""Crash a training, resume it, and see what each start computed.

Interrupts as :mod:`.interruption` does; each start is watched on its own, and what the first crash
left on the disk is kept for further starts.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook_systems.training.controls import Control
from proofbook_systems.training.interruption import (
    Interrupted,
    Interruption,
    interrupt_and_resume,
)
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.watching import Watched, read_watch, watched_trainer

__all__ = ["Crashed", "crash_and_resume"]


@dataclass(frozen=True, kw_only=True)
class Crashed:
    """A training that was crashed and resumed to its end."""

    result: Interrupted
    output: Path
    left: Path
    """A copy of its folder as the first crash left it."""
    watched: tuple[Watched, ...]
    """What each start computed, in order."""

    @property
    def resumptions(self) -> list[tuple[int, Watched]]:
        """What each resumption computed, with the step that it went on from."""
        cycles = self.result.cycles
        seen = zip(cycles, self.watched[1:], strict=True)
        return [(each.resumed_at, watched) for each, watched in seen if each.resumed_at is not None]


def crash_and_resume(
    control: Control, plan: Sequence[Interruption], folder: Path, *, timeout: float, seed: int
) -> Crashed:
    """Start, interrupt and resume as planned, then resume to the end.

    Args:
        control: The same training left alone.
        plan: One start for each.
        folder: Where all of it goes.
        timeout: Seconds that each start may take.
        seed: Chooses the moments within a save.

    Raises:
        SubjectError: It hangs, or ends before it was interrupted.
    """
    output, left = folder / "crashed", folder / "left-by-the-crash"

    def prepare(number: int, trainer: Trainer) -> Trainer:
        if number == 1:
            shutil.rmtree(left, ignore_errors=True)
            shutil.copytree(output, left, symlinks=True)
        place = folder / f"watched-{number}"
        shutil.rmtree(place, ignore_errors=True)
        return watched_trainer(trainer, place)

    result = interrupt_and_resume(
        control, output, plan, logs=folder / "starts", timeout=timeout, seed=seed, prepare=prepare
    )
    watched = tuple(read_watch(folder / f"watched-{n}") for n in range(len(result.starts)))
    return Crashed(result=result, output=output, left=left, watched=watched)
