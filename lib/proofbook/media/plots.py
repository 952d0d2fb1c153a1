"""Matplotlib figures as evidence. Knows nothing about what they show."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from proofbook.errors import SubjectError
from proofbook.media.media import Media
from proofbook.records import Fact, Label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot", "render_png"]

_DPI = 110


def plot(figure: Figure, *, name: str = "plot", caption: str = "", **labels: Label) -> Media:
    """Return a figure as evidence (PNG), and close it.

    Raises:
        SubjectError: It is no matplotlib figure, or nothing is drawn on it.
    """
    from matplotlib.figure import Figure

    if not isinstance(figure, Figure):
        raise SubjectError(f"plot needs a matplotlib Figure and got {type(figure).__name__}")
    if not figure.axes:
        raise SubjectError("the figure has no axes: nothing was plotted")
    png = render_png(figure, dpi=_DPI, tight=True)
    _close(figure)
    return Media(
        kind="plot",
        source=png,
        suffix=".png",
        name=name,
        caption=caption,
        labels=labels,
        facts=(Fact(name="axes", value=len(figure.axes)),),
    )


def render_png(
    figure: Figure, *, dpi: int, transparent: bool = False, tight: bool = False
) -> bytes:
    """Return a figure as PNG bytes, drawn without any global state.

    ``tight`` fits the picture to what is drawn, so that no label is cut off.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = figure.canvas
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(
        buffer,
        format="png",
        dpi=dpi,
        transparent=transparent,
        bbox_inches="tight" if tight else None,
        metadata={"Software": None},
    )
    figure.set_canvas(canvas)
    return buffer.getvalue()


def _close(figure: Figure) -> None:
    """Make pyplot forget the figure, where the notebook made it with pyplot."""
    import sys

    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(figure)
