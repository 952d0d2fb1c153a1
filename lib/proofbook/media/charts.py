"""Draw numbers: lines over one axis, and bars with a label each. Knows nothing of what they are."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_bars", "draw_lines"]

_WIDTH = 8.0
_COLOURS = ("#2f6f4f", "#b0653a", "#6b7fa3", "#8a8a8a")

Points = Sequence[tuple[float, float | None]]


def draw_lines(
    panels: Mapping[str, Mapping[str, Points]], *, x: str, marks: Sequence[float] = ()
) -> Figure:
    """Return a figure of lines, one panel below the other, the first twice as high as the others.

    Args:
        panels: For each panel, by the words at its vertical axis, the points (x, y) of each line by
            the line's name; a y of None leaves a gap.
        x: Words at the horizontal axis.
        marks: Places on it that get a dashed line.
    """
    from matplotlib.figure import Figure

    heights = [2.0] + [1.0] * (len(panels) - 1)
    figure = Figure(figsize=(_WIDTH, 1.3 * sum(heights)), layout="constrained")
    rows = figure.subplots(len(panels), sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    named: set[str] = set()
    for axes, (y, lines) in zip(rows, panels.items(), strict=True):
        for name, points in lines.items():
            numbers = [(place, float("nan") if value is None else value) for place, value in points]
            xs, ys = zip(*numbers, strict=True) if numbers else ((), ())
            axes.plot(xs, ys, label=name, linewidth=1.2, marker="." if len(xs) < 100 else None)
        for mark in marks:
            axes.axvline(mark, linestyle="--", linewidth=0.8, color="0.5")
        axes.set_ylabel(y)
        if set(lines) - named:
            # Lower panels are too low for a legend among their lines.
            beside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if named else {}
            axes.legend(frameon=False, **beside)
        named |= set(lines)
    rows[-1].set_xlabel(x)
    return figure


def draw_bars(
    bars: Mapping[str, Sequence[float]],
    *,
    x: str,
    title: str = "",
    labels: Mapping[str, str] | None = None,
    colours: Mapping[str, str] | None = None,
) -> Figure:
    """Return a figure of horizontal bars: the median of each one's amounts, and a dot for each.

    Args:
        bars: The amounts, by name; the first is drawn on top.
        x: Words at the horizontal axis.
        title: Words above.
        labels: What stands after a bar, by name; by default its median.
        colours: Of a bar, by name; by default they take turns.

    Raises:
        ValueError: There is no bar, or one without amounts.
    """
    from matplotlib.figure import Figure

    if not bars or not all(bars.values()):
        raise ValueError("a bar without amounts cannot be drawn")
    figure = Figure(figsize=(_WIDTH, 1.1 + 0.45 * len(bars)), layout="constrained")
    axes = figure.add_subplot()
    widest = max(max(amounts) for amounts in bars.values())
    for row, (name, amounts) in enumerate(bars.items()):
        middle = statistics.median(amounts)
        colour = (colours or {}).get(name, _COLOURS[row % len(_COLOURS)])
        axes.barh(row, middle, color=colour, height=0.6)
        if len(amounts) > 1:
            axes.plot(amounts, [row] * len(amounts), "o", color="black", markersize=3.5)
        label = (labels or {}).get(name, f"{middle:.3g}")
        axes.text(max(amounts) + widest * 0.015, row, label, va="center", fontsize=9)
    axes.set_yticks(range(len(bars)), list(bars))
    axes.invert_yaxis()
    axes.set_xlim(0, widest * 1.18 or 1)
    axes.set_xlabel(x)
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
