"""Draw a load: memory over time and from film to film. Knows nothing of how it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from proofbook_systems.pipeline.load.sampling import Sample

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_memory", "draw_peaks"]

_MOST = 2000
"""Points of a line."""


def draw_memory(samples: Sequence[Sample], bound_gb: float) -> Figure:
    """Return memory of all programs together, and how many there were, over time."""
    from proofbook.media.charts import draw_lines

    step = max(1, len(samples) // _MOST)
    some = samples[::step]
    memory = [(sample.seconds, sample.memory / 1e6) for sample in some]
    programs = [(sample.seconds, float(sample.programs)) for sample in some]
    figure = draw_lines({"MB": {"together": memory}, "programs": {"running": programs}}, x="s")
    highest = max((value for _, value in memory), default=0.0)
    if bound_gb * 1e3 < 2 * highest:
        figure.axes[0].axhline(bound_gb * 1e3, linestyle="--", linewidth=0.8, color="0.5")
    return figure


def draw_peaks(peaks: Sequence[float]) -> Figure:
    """Return the most memory of each film, in the order in which they were finished."""
    from proofbook.media.charts import draw_lines

    points = [(float(number), size / 1e6) for number, size in enumerate(peaks, 1)]
    return draw_lines({"MB": {"most of each film": points}}, x="films finished")
