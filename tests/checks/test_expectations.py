"""Expectations accept what they say, and nothing else."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofbook.checks import expectations as e

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@pytest.mark.parametrize(
    ("expectation", "good", "bad"),
    [
        (e.equals(3), 3, 4),
        (e.equals(True), True, 1),
        (e.equals(1), 1, True),
        (e.equals(True), np.bool_(True), np.bool_(False)),
        (e.equals("a"), "a", "b"),
        (e.within(30, 0.5), 30.5, 30.51),
        (e.at_least(2), 2, 1.999),
        (e.at_most(2), 2, 2.001),
        (e.between(1, 2), 1, 2.1),
        (e.one_of([1, "x"]), "x", "y"),
        (e.contains("ab"), "cabd", "cba"),
        (e.contains(2), [1, 2], [1]),
        (e.without("Traceback"), "fine", "Traceback (most"),
        (e.empty(), [], ["one"]),
        (e.empty(), np.zeros(0), np.zeros(1)),
        (e.equals({"scale": np.zeros(0)}), {"scale": np.zeros(0)}, {"scale": np.zeros(1)}),
        (e.matches(r"^v\d"), "v1", "w1"),
        (e.expectation_of(5), 5, 6),
    ],
)
def test_it_accepts_the_good_and_refuses_the_bad(
    expectation: e.Expectation, good: Any, bad: Any
) -> None:
    assert expectation.accepts(good) is True
    assert expectation.accepts(bad) is False


@pytest.mark.parametrize(
    "expectation",
    [e.within(0, 1e9), e.at_least(-1e9), e.at_most(1e9), e.between(-1, 1), e.equals(math.nan)],
)
def test_nan_fits_nothing(expectation: e.Expectation) -> None:
    assert not expectation.accepts(math.nan)
    assert not expectation.accepts(np.float32("nan"))


@pytest.mark.parametrize("value", [None, "3", True, [3]])
def test_a_number_is_asked_for_so_anything_else_is_an_error(value: Any) -> None:
    with pytest.raises(TypeError):
        e.at_least(1).accepts(value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: e.within(1, -1),
        lambda: e.between(2, 1),
        lambda: e.one_of([]),
        lambda: e.contains(""),
        lambda: e.equals(np.zeros((0, 3))),
    ],
)
def test_an_expectation_that_accepts_nothing_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"negative|swapped|nothing|every"):
        make()


@given(finite, st.floats(0, 1e6), finite)
def test_within_is_between_its_bounds(target: float, tolerance: float, value: float) -> None:
    exact = abs(Fraction(value) - Fraction(target)) <= Fraction(tolerance)
    assert e.within(target, tolerance).accepts(value) == exact


def test_the_words_say_what_is_asked() -> None:
    assert e.within(30, 0.5).words == "30 ± 0.5"
    assert e.without("Traceback").words == "without Traceback"
    assert e.one_of(["a", 2]).words == "one of a, 2"
    assert e.equals("").words == "''"


def test_one_of_a_text_is_a_mistake_and_not_its_letters() -> None:
    with pytest.raises(ValueError, match="needs a list of values and got the text 'done'"):
        e.one_of("done")
