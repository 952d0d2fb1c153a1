"""Turns, medians, ratios and their spread."""

from __future__ import annotations

import pytest

from proofbook.errors import SubjectError
from proofbook_bench.pairs import Pairs, alternate, named, repeat, seconds, summarise

NAMES = ("ours 1", "theirs 2")


def test_the_sides_are_measured_in_turns():
    order: list[str] = []

    def side(name: str, amount: float):
        def measure() -> float:
            order.append(name)
            return amount

        return measure

    pairs = alternate(side("a", 1.0), side("b", 2.0), 3, names=NAMES)
    assert order == ["a", "b"] * 3
    assert pairs.subject == (1.0, 1.0, 1.0)
    assert pairs.peer == (2.0, 2.0, 2.0)


def test_the_ratio_is_of_medians_and_the_spread_of_rounds():
    pairs = Pairs(subject=(1.0, 2.0, 9.0), peer=(10.0, 40.0, 20.0), names=NAMES)
    assert pairs.share == (2.0 / 20.0, 2.0 / 40.0, 9.0 / 20.0)
    assert pairs.times == (20.0 / 2.0, 20.0 / 9.0, 40.0 / 2.0)
    assert pairs.times.words == "10 (2.22 to 20)"


def test_a_side_that_fails_has_no_time():
    def fail() -> float:
        raise SubjectError("the peer failed")

    with pytest.raises(SubjectError, match="the peer failed"):
        alternate(lambda: 1.0, fail, 2, names=NAMES)


def test_no_round_is_no_measurement():
    with pytest.raises(ValueError, match="at least 1"):
        alternate(lambda: 1.0, lambda: 1.0, 0, names=NAMES)
    with pytest.raises(ValueError, match="at least 1"):
        repeat(lambda: 1.0, 0)


def test_one_side_alone_is_repeated():
    amounts = iter([3.0, 1.0, 2.0])
    assert repeat(lambda: next(amounts), 3) == (3.0, 1.0, 2.0)


def test_seconds_are_read_from_the_clock():
    ticks = iter([10.0, 12.5])
    worked: list[int] = []
    assert seconds(lambda: worked.append(1), clock=lambda: next(ticks)) == 2.5
    assert worked == [1]


def test_figures_give_each_side_and_the_ratio_with_its_spread():
    pairs = Pairs(subject=(1.0, 2.0, 3.0), peer=(4.0, 4.0, 4.0), names=NAMES)
    figures = pairs.figures("seconds", "share")
    sides = {(f.labels["role"], f.labels["statistic"]): f for f in figures[:6]}
    assert [sides["subject", s].value for s in ("min", "median", "max")] == [1.0, 2.0, 3.0]
    assert sides["peer", "median"].labels["side"] == "theirs 2"
    assert {f.labels["rounds"] for f in figures[:6]} == {3}
    assert {f.name for f in figures[6:]} == {"seconds_share"}
    assert {f.labels["statistic"]: f.value for f in figures[6:]} == {
        "ratio": 0.5,
        "low": 0.25,
        "high": 0.75,
    }
    assert {f.better for f in pairs.figures("seconds", "times")[6:]} == {"higher"}


def test_a_summary_holds_least_median_and_largest():
    found = {f.labels["statistic"]: f.value for f in summarise("x", [5.0, 1.0, 2.0], "s", side="a")}
    assert found == {"min": 1.0, "median": 2.0, "max": 5.0}


def test_a_peer_is_named_with_its_version():
    import papermill

    assert named("papermill") == f"papermill {papermill.__version__}"
