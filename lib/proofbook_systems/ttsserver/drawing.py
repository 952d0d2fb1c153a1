"""Draw a server's memory over its rows. Knows nothing about what is good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from proofbook_systems.serving.memory import Sample
from proofbook_systems.ttsserver.rows import RowResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_memory", "draw_rows"]

_COLOURS = {"passed": "#2e7d32", "failed": "#c62828", "timeout": "#ef6c00"}


def draw_memory(samples: Sequence[Sample]) -> Figure:
    """Return resident memory over time, in MB and seconds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.fill_between([s.seconds for s in samples], [s.size / 1e6 for s in samples], alpha=0.3)
    axes.plot([s.seconds for s in samples], [s.size / 1e6 for s in samples], linewidth=1.2)
    axes.set(xlabel="seconds", ylabel="resident memory, MB", ylim=(0, None))
    return figure


def draw_rows(results: Sequence[RowResult]) -> Figure:
    """Return how long each row took, in seconds, coloured by what became of it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.6 + 0.3 * len(results)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(
        [result.row.name for result in results],
        [result.elapsed_seconds for result in results],
        color=[_COLOURS[result.status] for result in results],
    )
    axes.bar_label(bars, [result.status for result in results], padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(xlabel="seconds")
    return figure
