"""Where two values read the same and are not equal, a check says why; elsewhere it says nothing."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pandas as pd
import pytest

from proofbook.checks.evaluation import evaluate_check
from proofbook.checks.kinds import other_kind

Pair = namedtuple("Pair", "a b")
Entry = namedtuple("Entry", "a b")


def objects(*items: Any) -> Any:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


ROWS = {"a": [(1, 2), [3]]}


@pytest.mark.parametrize(
    ("found", "wanted", "reason"),
    [
        ((1, 2), [1, 2], "expected a list, found a tuple; both read [1, 2]"),
        ([1, 2], (1, 2), "expected a tuple, found a list; both read [1, 2]"),
        (Pair(1, 2), [1, 2], "expected a list, found a Pair; both read [1, 2]"),
        ([1, 2], Entry(1, 2), "expected an Entry, found a list; both read [1, 2]"),
        ([1, (2,)], [1, [2]], "at [1]: expected a list, found a tuple; both read [2]"),
        ({"a": [(1,)]}, {"a": [[1]]}, "at ['a'][0]: expected a list, found a tuple; both read [1]"),
        (pd.DataFrame({"a": [(1, 2), (3,)]}), pd.DataFrame(ROWS),
         "at ['a'][1]: expected a list, found a tuple; both read [3]"),
        (objects((1,), None), objects([1], None),
         "at [0]: expected a list, found a tuple; both read [1]"),
        ({1: 2}, {"1": 2}, "both read the same and are not equal: a key has another type, or NaN "
         "equals nothing"),
        (float("nan"), float("nan"), "both read the same and are not equal: a key has another "
         "type, or NaN equals nothing"),
    ],
)  # fmt: skip
def test_values_that_read_the_same_are_told_apart(found: Any, wanted: Any, reason: str) -> None:
    check = evaluate_check("same", found, wanted, why="", unit="")
    assert (check.status, check.reason) == ("failed", reason)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [(1, 2), ([1], [2]), ([1, 2], [1]), (True, 1), ("1", 1), ((1, 2), [1, 3]), ({"a": 1}, {"b": 1}),
     (np.arange(3), np.ones(3)), (np.arange(3), [1, 2, 3]), (pd.DataFrame({"a": [1]}), 3),
     (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]})), ([Pair(1, 2), 3], [(1, 2), 4]),
     ({"a": 1}, ["a"]), (["a"], {"a": 1}), ([1], 5), (5, [1]), (np.arange(3), 5)],
)  # fmt: skip
def test_values_that_read_otherwise_need_no_reason(found: Any, wanted: Any) -> None:
    check = evaluate_check("same", found, wanted, why="", unit="")
    assert (check.status, check.reason) == ("failed", "")


def test_of_many_parts_the_first_thousand_are_looked_at() -> None:
    for place, words in ((999, "at [999]: expected a list"), (1000, "both read the same")):
        found, wanted = [0] * place + [(1,)], [0] * place + [[1]]
        check = evaluate_check("same", found, wanted, why="", unit="")
        assert check.reason.startswith(words)


def test_what_is_equal_needs_no_reason() -> None:
    check = evaluate_check("same", [(1, 2)], [(1, 2)], why="", unit="")
    assert (check.status, check.reason) == ("passed", "")
    assert other_kind(Pair(1, 2), (1, 2)) == other_kind([1], [1]) == ""
