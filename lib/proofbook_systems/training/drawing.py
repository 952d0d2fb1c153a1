"""Draw losses and learning rates over the steps. Knows nothing about what is good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from proofbook_systems.training.running import MemorySample
from proofbook_systems.training.steps import Step

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_memory", "draw_steps"]


def draw_steps(runs: Mapping[str, Sequence[Step]], marks: Sequence[int] = ()) -> Figure:
    """Return loss and learning rate of each run over its steps; ``marks`` are dashed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(2, 1))
    for name, steps in runs.items():
        numbers = [step.number for step in steps]
        above.plot(numbers, [s.loss for s in steps], label=name, linewidth=1.2, marker=".")
        below.plot(numbers, [s.lr for s in steps], label=name, linewidth=1.2)
    for axes in (above, below):
        for mark in marks:
            axes.axvline(mark, linestyle="--", linewidth=0.8, color="0.5")
    above.set(ylabel="loss")
    below.set(ylabel="learning rate", xlabel="step")
    above.legend(frameon=False)
    return figure


def draw_memory(samples: Sequence[MemorySample]) -> Figure:
    """Return resident memory over the time, in MB and seconds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([s.seconds for s in samples], [s.size / 1e6 for s in samples], linewidth=1.2)
    axes.set(xlabel="seconds", ylabel="resident memory, MB", ylim=(0, None))
    return figure
