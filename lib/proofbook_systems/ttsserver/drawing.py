"""Draw what became of each row. Knows nothing about what is good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from proofbook.media import draw_bars
from proofbook_systems.ttsserver.rows import RowResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_rows"]

_COLOURS = {"passed": "#2e7d32", "failed": "#c62828", "timeout": "#ef6c00"}


def draw_rows(results: Sequence[RowResult]) -> Figure:
    """Return how long each row took, in seconds, coloured by what became of it."""
    return draw_bars(
        {result.row.name: [result.elapsed_seconds] for result in results},
        x="seconds",
        labels={result.row.name: result.status for result in results},
        colours={result.row.name: _COLOURS[result.status] for result in results},
    )
