"""What a checkpoint costs a training, at the byte count of a full-size network.

Weights and optimizer have the full size, and are real; passes are those of a small network, for as
long as a step of the full one takes on a GPU. Nothing of the state changes between the
ends of two steps, as in any training.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from proofbook.errors import SubjectError

__all__ = ["UNET_PARAMETERS", "SaveCost", "measure_saving"]

UNET_PARAMETERS = 859_520_964
"""Of Stable Diffusion 1.5, in float32 with two moments each: 10.3 GB."""

_PROGRAM = "proofbook_bench.programs.save_checkpoint"


class SaveCost(NamedTuple):
    """What the second of two checkpoints costs, in seconds."""

    first: float
    """That training stood still for the first."""
    stall: float
    """That training stood still for the second."""
    slowed: float
    """By which steps took longer while it was written."""
    left: float
    """That it was still written when the steps were over."""

    @property
    def total(self) -> float:
        """All that the second cost."""
        return self.stall + self.slowed


def measure_saving(
    side: Literal["subject", "peer"],
    folder: Path,
    *,
    parameters: int,
    step_seconds: float,
    steps: int,
) -> SaveCost:
    """Save twice in a process of its own, during steps of ``step_seconds``.

    Raises:
        SubjectError: It failed: memory or disk may be too small.
    """
    words = [sys.executable, "-m", _PROGRAM, side, str(parameters), str(step_seconds), str(steps)]
    done = subprocess.run(
        [*words, str(folder / f"saved-{side}")], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it printed nothing"]
        raise SubjectError(f"saving by the {side} ended with {done.returncode}: {lines[-1]}")
    costs = json.loads(done.stdout.strip().splitlines()[-1])
    first, second = costs["stall"]
    return SaveCost(first, second, costs["slowed"], costs["left"])
