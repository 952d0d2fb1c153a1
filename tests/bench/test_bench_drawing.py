"""The picture of both sides."""

from __future__ import annotations

import pytest

from proofbook.media import plot
from proofbook_bench.drawing import draw_sides


def test_every_side_has_a_bar_and_its_median():
    figure = draw_sides({"ours": [1.0, 2.0, 9.0], "theirs": [20.0]}, title="T", unit="s")
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [2.0, 20.0]
    assert [text.get_text() for text in axes.texts] == ["2 s", "20 s"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ours", "theirs"]
    assert plot(figure, name="x").suffix == ".png"


@pytest.mark.parametrize("sides", [{}, {"ours": []}])
def test_nothing_measured_is_not_drawn(sides: dict[str, list[float]]):
    with pytest.raises(ValueError, match="cannot be drawn"):
        draw_sides(sides, title="T", unit="s")
