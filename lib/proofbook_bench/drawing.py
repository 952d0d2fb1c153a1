"""Draw what both sides took. Knows nothing about what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_sides"]

_COLOURS = ("#2f6f4f", "#b0653a", "#6b7fa3", "#8a8a8a")


def draw_sides(sides: Mapping[str, Sequence[float]], *, title: str, unit: str) -> Figure:
    """Return a figure: a bar for each side's median, a dot for each round.

    Args:
        sides: What each side took, by its name; the first is drawn on top.
        title: What was measured.
        unit: Of all amounts.

    Raises:
        ValueError: A side has no amounts.
    """
    from matplotlib.figure import Figure

    if not sides or not all(sides.values()):
        raise ValueError("a side without a measurement cannot be drawn")
    figure = Figure(figsize=(7.5, 1.1 + 0.55 * len(sides)), layout="constrained")
    axes = figure.add_subplot()
    widest = max(max(amounts) for amounts in sides.values())
    for row, amounts in enumerate(sides.values()):
        middle = statistics.median(amounts)
        axes.barh(row, middle, color=_COLOURS[row % len(_COLOURS)], height=0.6)
        axes.plot(amounts, [row] * len(amounts), "o", color="black", markersize=3.5)
        axes.text(max(amounts) + widest * 0.015, row, f"{middle:.3g} {unit}", va="center")
    axes.set_yticks(range(len(sides)), list(sides))
    axes.invert_yaxis()
    axes.set_xlim(0, widest * 1.18)
    axes.set_xlabel(f"{unit}; bar: median, dots: rounds")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
