"""Charts show every number that they are given, each under its name."""

from __future__ import annotations

import math

import pytest

from proofbook.media import draw_bars, draw_lines, plot


def test_each_panel_has_its_lines_and_the_marks():
    panels = {"loss": {"a": [(1, 3.0), (2, 2.0)], "b": [(1, 4.0)]}, "rate": {"a": [(2, 0.1)]}}
    figure = draw_lines(panels, x="step", marks=[1.5])
    above, below = figure.axes
    assert [line.get_label() for line in above.lines[:2]] == ["a", "b"]
    assert list(above.lines[0].get_ydata()) == [3.0, 2.0]
    assert [list(axes.lines[-1].get_xdata()) for axes in figure.axes] == [[1.5, 1.5]] * 2
    assert (above.get_ylabel(), below.get_ylabel(), below.get_xlabel()) == ("loss", "rate", "step")
    assert plot(figure).suffix == ".png"


def test_an_unknown_number_is_a_gap_and_a_line_may_be_empty():
    figure = draw_lines({"loss": {"a": [(1, 3.0), (2, None), (3, 1.0)], "none": []}}, x="step")
    first, second = figure.axes[0].lines
    assert [math.isnan(value) for value in first.get_ydata()] == [False, True, False]
    assert len(second.get_xdata()) == 0
    assert plot(figure).suffix == ".png"


def test_a_bar_is_the_median_with_a_dot_for_each_amount():
    figure = draw_bars({"ours": [1.0, 2.0, 9.0], "theirs": [20.0]}, x="s", title="T")
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [2.0, 20.0]
    assert [list(line.get_xdata()) for line in axes.lines] == [[1.0, 2.0, 9.0]]
    assert [text.get_text() for text in axes.texts] == ["2", "20"]


def test_bars_have_the_labels_and_colours_that_are_given():
    labels, colours = {"a": "passed"}, {"a": "#ff0000"}
    figure = draw_bars({"a": [0.0], "b": [0.0]}, x="s", labels=labels, colours=colours)
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["passed", "0"]
    assert axes.patches[0].get_facecolor() == (1.0, 0.0, 0.0, 1.0)
    assert plot(figure).suffix == ".png"


@pytest.mark.parametrize("bars", [{}, {"ours": []}])
def test_a_bar_without_amounts_is_refused(bars: dict[str, list[float]]):
    with pytest.raises(ValueError, match="cannot be drawn"):
        draw_bars(bars, x="s")


def test_each_line_is_named_once() -> None:
    points = [(1.0, 2.0), (2.0, 3.0)]
    panels = {"loss": {"a": points}, "rate": {"a": points}, "ms": {"p50": points, "p90": points}}
    legends = [axes.get_legend() for axes in draw_lines(panels, x="step").axes]
    named = [[t.get_text() for t in legend.get_texts()] if legend else [] for legend in legends]
    assert named == [["a"], [], ["p50", "p90"]]
