"""Values are compared number by number, at any depth; words say what was compared."""

from __future__ import annotations

import dataclasses
import math
from collections import namedtuple
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY, MagicMock

import attr
import numpy as np
import pandas as pd
import pydantic
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from proofbook.checks import expectations as e
from proofbook.checks.comparison import same, words_of

NAN = math.nan
BIG = 2**53
Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            True,
            0,
            1.5,
            "text",
            b"bytes",
            [1, [2, "x"]],
            (1, 2),
            {"a": [1]},
            {1, 2},
            math.inf,
        ),
        *(BIG + 1, Decimal("0.1"), Fraction(1, 3), Point(1, 2), {"a": {"b": ()}}, range(3), 1 + 2j),
        *(np.arange(6).reshape(2, 3), np.array(["a", "b"]), np.array([], dtype=int)),
        *(np.array([None, "x"], dtype=object), np.array([True, False]), [np.float32(0.5)]),
        *(torch.arange(4), torch.ones(2, 2, dtype=torch.bfloat16), torch.tensor(3)),
        {"weights": np.ones(3)},
    ],
    ids=repr,
)
def test_a_value_is_the_same_as_itself(value: Any) -> None:
    assert same(value, value)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (NAN, NAN), ([NAN], [NAN]), ((1, NAN), (1, NAN)), ({"a": NAN}, {"a": NAN}), ({NAN}, {NAN}),
        (np.array([NAN]), np.array([NAN])), (torch.tensor([NAN]), torch.tensor([NAN])),
        (True, 1), ([True], [1]), ((False,), (0,)), ({"a": True}, {"a": 1}), ({True}, {1}),
        ({True: "x"}, {1: "x"}), ([[1, [True]]], [[1, [1]]]), ({0: False}, {0: 0.0}),
        (np.array([True]), np.array([1])), (np.True_, 1), (torch.tensor([True]), torch.tensor([1])),
        (BIG + 1, float(BIG)), ([BIG + 1], [float(BIG)]), (np.int64(BIG + 1), np.float64(BIG)),
        (np.array([BIG + 1]), np.array([float(BIG)])), (torch.tensor(BIG + 1), float(BIG)),
        (np.array([BIG + 1], dtype=np.uint64), np.array([float(BIG)])),
        (np.array([BIG + 1]), np.array([BIG + 0j])),
        (np.zeros(3), np.zeros(4)), (np.zeros((2, 3)), np.zeros((3, 2))), (np.zeros(1), 0.0),
        (0, np.zeros(1)), (np.zeros((1, 3)), np.zeros(3)), (np.zeros(2), [0.0]), (0, np.zeros(0)),
        ([1, 2], (1, 2)), ([1], {1}), ({}, []), ("1", 1), (b"a", "a"), ([1, 2], [1, 2, 3]),
        (np.array([True], dtype=object), np.array([1], dtype=object)),
        ({"a": 1}, {"a": 1, "b": 2}), ({1, 2}, {1}), (None, False), (0.0, None),
    ],
    ids=repr,
)  # fmt: skip
def test_two_values_that_a_reader_tells_apart_are_not_the_same(left: Any, right: Any) -> None:
    assert not same(left, right)
    assert not same(right, left)
    assert not e.equals(left).accepts(right)
    assert not e.one_of([left]).accepts(right)
    assert not e.contains(left).accepts([right])
    assert e.without(left).accepts([right])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 1.0), (np.float32(0.5), 0.5), (np.int64(3), 3), ([np.int64(3)], [3]),
        (np.arange(3), [0, 1, 2]), (torch.arange(3), np.arange(3)), (torch.arange(3), [0, 1, 2]),
        (np.array([1, 2]), np.array([1.0, 2.0])), (np.bool_(True), True), (Decimal("0.5"), 0.5),
        ({"a": (1, 2)}, {"a": (1.0, 2)}), ({1: 2}, {1.0: 2}), (frozenset({1}), {1}),
        (np.array([1], dtype=np.uint8), np.array([1], dtype=np.int64)),
    ],
    ids=repr,
)  # fmt: skip
def test_the_type_of_a_number_does_not_matter(left: Any, right: Any) -> None:
    assert same(left, right)
    assert same(right, left)


_ROWS = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=["first", "second"])


@pytest.mark.parametrize(
    "other",
    [
        _ROWS.assign(a=[1, 3]),
        _ROWS.rename(columns={"a": "c"}),
        _ROWS[["b", "a"]],
        _ROWS.set_axis(["second", "first"]),
        _ROWS.iloc[:1],
        _ROWS.assign(a=[True, False]),
        [[1, "x"], [2, "y"]],
        _ROWS.to_numpy(),
        None,
    ],
    ids=repr,
)
def test_a_table_is_compared_by_its_labels_and_its_elements(other: Any) -> None:
    assert same(_ROWS, _ROWS.copy())
    assert e.equals(_ROWS).accepts(_ROWS.assign(a=[1.0, 2.0]))
    assert not same(_ROWS, other)
    assert not same(other, _ROWS)


def test_a_table_equals_no_table_that_misses_a_value_as_it_does() -> None:
    holes = pd.DataFrame({"a": [1.0, NAN]})
    assert not same(holes, holes.copy())


def test_what_the_rows_of_a_column_are_called_is_compared_where_both_have_names() -> None:
    column, swapped = pd.Series([1, 2], index=["a", "b"]), pd.Series([1, 2], index=["b", "a"])
    assert same(column, column.copy())
    assert not same(column, swapped)
    assert not e.close_to(column, atol=0.1).accepts(swapped)
    for plain in ([1, 2], np.array([1.0, 2.0]), pd.Index([1, 2])):
        assert same(column, plain)
        assert e.close_to(plain, atol=0.1).accepts(column)


def test_a_masked_element_has_no_value_to_compare() -> None:
    masked = np.ma.array([1, 1], mask=[False, True])
    for expectation in (e.equals([1, 1]), e.close_to([1, 1], atol=0.1), e.contains(1)):
        with pytest.raises(TypeError, match=r"masked elements have no value"):
            expectation.accepts(masked)
    with pytest.raises(TypeError, match=r"masked"):
        e.close_to(masked, atol=0.1)
    assert same(np.ma.array([1, 2], mask=False), [1, 2])


def test_two_mocks_are_not_one_table() -> None:
    assert not same(MagicMock(), MagicMock())


@pytest.mark.exhaustive
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=9))
def test_what_is_the_same_is_equal(value: Any) -> None:
    assert same(value, value)
    assert not same([value], [[value]])


@pytest.mark.parametrize(
    ("make", "value"),
    [
        (lambda: e.within(BIG, 0), BIG + 1),
        (lambda: e.at_least(BIG + 1), BIG),
        (lambda: e.at_least(BIG + 1), float(BIG)),
        (lambda: e.at_most(float(BIG)), BIG + 1),
        (lambda: e.between(0, BIG), BIG + 1),
        (lambda: e.within(10**400, 1), 10**400 + 2),
        (lambda: e.within(Decimal("0.1"), 0), 0.1),
    ],
)
def test_a_whole_number_is_never_rounded(make: Any, value: Any) -> None:
    assert not make().accepts(value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: e.within(30, math.inf), lambda: e.within(30, NAN), lambda: e.within(math.inf, 1),
        lambda: e.within(NAN, 1), lambda: e.at_least(-math.inf), lambda: e.at_least(NAN),
        lambda: e.at_most(math.inf), lambda: e.at_most(NAN), lambda: e.between(-math.inf, math.inf),
        lambda: e.between(NAN, 1), lambda: e.between(0, NAN), lambda: e.matches(""),
        lambda: e.matches(".*"), lambda: e.matches("a*"), lambda: e.matches(r"(?s)^.*$"),
        lambda: e.matches("x?|y"), lambda: e.contains(b""), lambda: e.without(""),
        lambda: e.close_to([1.0], atol=math.inf), lambda: e.close_to([1.0]),
        lambda: e.close_to([], atol=1), lambda: e.close_to([NAN], atol=1),
        lambda: e.close_to([1.0], atol=-1, rtol=2), lambda: e.close_to([1.0], rtol=NAN),
        lambda: e.close_to([1.0], rtol=math.inf),
    ],
)  # fmt: skip
def test_an_expectation_that_accepts_everything_or_nothing_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"every|no |nothing|finite|tolerance"):
        make()


@pytest.mark.parametrize("pattern", ["^$", r"^\s*$", r"^v\d", ".", r"\w", "(?i)error"])
def test_a_pattern_that_refuses_something_is_one(pattern: str) -> None:
    assert e.matches(pattern).words == f"matches /{pattern}/"


def test_arrays_may_be_close() -> None:
    wanted = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    close = e.close_to(wanted, atol=0.01)
    assert close.accepts(wanted + 0.009)
    assert close.accepts((wanted + 0.009).tolist())
    assert not close.accepts(wanted + 0.02)
    assert not close.accepts(wanted.T + 0.009)
    assert not close.accepts(wanted[:1])
    assert not close.accepts(wanted.flatten())
    assert not close.accepts(np.full((2, 2), NAN))
    assert e.close_to([100.0], rtol=0.1).accepts(np.array([109]))
    with pytest.raises(TypeError, match="expected numbers, found an array of <U1"):
        close.accepts([["a", "b"], ["c", "d"]])
    with pytest.raises(TypeError):
        close.accepts([[True, False], [True, True]])


def test_an_element_may_be_as_far_away_as_the_tolerance() -> None:
    assert e.close_to([1.0], atol=0.5).accepts([1.5])
    assert e.close_to([2.0], atol=0.5, rtol=0.25).accepts([3.0])


@pytest.mark.parametrize(
    ("target", "tolerances", "words"),
    [
        ([1.0, 2.5], {"atol": 0.5}, "[1.0, 2.5] ± 0.5"),
        ([1.0], {"rtol": 0.1}, "[1.0] ± 0.1 of each"),
        ([1.0], {"atol": 2, "rtol": 0.1}, "[1.0] ± 2 ± 0.1 of each"),
        ([0] * 8, {"atol": 1}, "[0, 0, 0, 0, 0, 0, 0, 0] ± 1"),
        ([0] * 9, {"atol": 1}, "array of shape (9,) ± 1"),
    ],
)
def test_the_words_of_close_arrays_name_the_tolerance(
    target: list[float], tolerances: dict[str, float], words: str
) -> None:
    assert e.close_to(target, **tolerances).words == words


def test_an_array_holds_its_elements() -> None:
    assert e.contains(4).accepts(np.array([[1, 2], [3, 4]]))
    assert not e.contains(5).accepts(np.array([[1, 2], [3, 4]]))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (30.0, "30"), (0.1, "0.1"), (1e-05, "1e-05"), (1000000001, "1000000001"),
        (0.1 + 0.2, "0.30000000000000004"), ("text", "text"), ("5", "'5'"), ("", "''"),
        ("None", "'None'"), (" a", "' a'"), ("nan", "'nan'"), (True, "True"), ([1], "[1]"),
    ],
)  # fmt: skip
def test_words_tell_two_values_apart(value: Any, words: str) -> None:
    assert words_of(value) == words


def test_the_words_of_a_large_value_are_short() -> None:
    assert words_of(10**5000) == "<int that cannot be shown: ValueError>"
    assert len(words_of(list(range(10_000)))) < 300
    assert e.close_to(np.zeros((3, 4)), atol=0.5).words == "array of shape (3, 4) ± 0.5"


class Everything(float):
    """A number that equals whatever it is held against."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = float.__hash__


class Place:
    """A value of somebody's own, which is equal to its like."""

    def __init__(self, *places: float) -> None:
        self.places = places

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and self.places == other.places

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("left", [3.0, [3.0], {"a": 3.0}, None, Place(1), Everything(3)])
@pytest.mark.parametrize("value", [ANY, Everything(3)])
def test_what_equals_everything_is_no_value(left: Any, value: Any) -> None:
    for one, other in ((left, value), ([left], [value]), ({"a": left}, {"a": value})):
        assert not same(one, other)
        assert not same(other, one)
    assert not e.equals(value).accepts(left)


@pytest.mark.parametrize(
    "value",
    [Place(1, 2), Path("a"), datetime(2026, 3, 4), Decimal("1.5"), np.float32(1.5), 1 + 2j, b"a",
     range(3), np.dtype("f4"), type(None), object, ...],
)  # fmt: skip
def test_a_value_of_any_other_type_is_the_same_as_itself(value: Any) -> None:
    assert same(value, value)
    assert not same(value, 7)


@dataclasses.dataclass
class Spot:
    x: Any
    seen: int = dataclasses.field(default=0, compare=False)


class Model(pydantic.BaseModel):
    x: Any


Made = attr.make_class("Made", ["x"])
RECORDS = [Spot, Model, SimpleNamespace, Made]


@pytest.mark.parametrize("make", RECORDS)
@pytest.mark.parametrize(("left", "right"), [(1.0, ANY), (NAN, NAN), (True, 1), ([True], [1])])
def test_a_record_of_fields_is_compared_field_by_field(make: Any, left: Any, right: Any) -> None:
    assert not same(make(x=left), make(x=right))
    assert not same([make(x=left)], [make(x=right)])
    assert not same(make(x=make(x=left)), make(x=make(x=right)))


@pytest.mark.parametrize("make", RECORDS)
@pytest.mark.parametrize("value", [1.0, None, "a", [1, 2], {"a": True}])
def test_a_record_of_equal_fields_is_the_same(make: Any, value: Any) -> None:
    assert same(make(x=value), make(x=value))
    assert same(make(x=make(x=value)), make(x=make(x=value)))
    assert not same(make(x=value), make(x=7))


def test_a_field_that_is_not_compared_may_differ() -> None:
    assert same(Spot(1, seen=3), Spot(1, seen=4))
