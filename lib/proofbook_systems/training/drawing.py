"""Draw losses and learning rates over the steps. Knows nothing about what is good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from proofbook.media import draw_lines
from proofbook_systems.training.steps import Step

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_steps"]


def draw_steps(runs: Mapping[str, Sequence[Step]], marks: Sequence[int] = ()) -> Figure:
    """Return loss and learning rate of each run over its steps; ``marks`` are dashed."""
    panels = {
        "loss": {name: [(s.number, s.loss) for s in steps] for name, steps in runs.items()},
        "learning rate": {name: [(s.number, s.lr) for s in steps] for name, steps in runs.items()},
    }
    return draw_lines(panels, x="step", marks=marks)
