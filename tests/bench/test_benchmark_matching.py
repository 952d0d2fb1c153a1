"""The peer of key matching is what a script does, and its mistakes are counted."""

from __future__ import annotations

from proofbook_bench.matching import accuracy, match_with_difflib


def test_the_most_alike_of_equal_shape_is_taken_once():
    names = {"a.weight": (2,), "b.weight": (2,), "c.bias": (3,)}
    keys = {"x.a.weight": (2,), "x.b.weight": (2,), "a.weight": (9,), "c.bias": (3,)}
    assert match_with_difflib(names, keys) == {
        "a.weight": "x.a.weight", "b.weight": "x.b.weight", "c.bias": "c.bias",
    }  # fmt: skip


def test_what_has_no_equal_shape_has_no_match():
    assert match_with_difflib({"a": (1,)}, {"a": (2,)}) == {}


def test_right_wrong_and_missing_are_told_apart():
    right = {"a": "1", "b": "2", "c": "3", "d": "4"}
    assert accuracy({"a": "1", "b": "3"}, right) == (0.25, 1)
    assert accuracy(right, right) == (1.0, 0)
