"""Draw what both sides took. Knows nothing about what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from proofbook.media import draw_bars

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_sides"]


def draw_sides(sides: Mapping[str, Sequence[float]], *, title: str, unit: str) -> Figure:
    """Return a figure: a bar for each side's median, a dot for each round.

    Args:
        sides: What each side took, by its name; the first is drawn on top.
        title: What was measured.
        unit: Of all amounts.

    Raises:
        ValueError: A side has no amounts.
    """
    if not sides or not all(sides.values()):
        raise ValueError("a side without a measurement cannot be drawn")
    labels = {side: f"{statistics.median(amounts):.3g} {unit}" for side, amounts in sides.items()}
    return draw_bars(sides, x=f"{unit}; bar: median, dots: rounds", title=title, labels=labels)
