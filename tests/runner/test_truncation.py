"""A text that is too long keeps its beginning and its end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proofbook.runner.truncation import LARGEST_ERROR, shorten, shorten_error


def test_the_middle_goes_and_the_note_says_how_much() -> None:
    text = "first" + "x" * 1000 + "last"
    short = shorten(text, 20)
    assert short.startswith("firstxxxxx\n")
    assert short.endswith("\nxxxxxxlast")
    assert "[989 characters left out here]" in short


@given(st.text(max_size=50), st.integers(2, 60))
def test_a_short_text_stays_and_a_long_one_loses_its_middle(text: str, largest: int) -> None:
    short = shorten(text, largest)
    assert (short == text) == (len(text) <= largest)
    half = largest // 2
    assert short[:half] == text[:half]
    assert short[-half:] == text[-half:]


def test_a_large_exception_stays_readable() -> None:
    error = {"ename": "E" * 999, "evalue": "v" * 5_000_000, "traceback": ["t" * 99_999, "end"]}
    short = shorten_error(error)
    assert len(short["evalue"]) < LARGEST_ERROR + 100
    assert sum(map(len, short["traceback"])) < LARGEST_ERROR + 100
    assert short["traceback"][-1].endswith("end")
    assert len(short["ename"]) < 300


def test_a_small_exception_is_not_touched() -> None:
    error = {"ename": "E", "evalue": "v", "traceback": ["a", "b"], "status": "error"}
    assert shorten_error(error) == error


def test_an_exception_without_its_parts_has_empty_ones() -> None:
    assert shorten_error({}) == {"ename": "", "evalue": "", "traceback": []}


def test_a_traceback_of_just_the_largest_length_keeps_its_lines() -> None:
    lines = ["a" * 5, "b" * 5]
    assert shorten_error({"traceback": lines}, 10)["traceback"] == lines
    (cut,) = shorten_error({"traceback": [*lines, "c"]}, 10)["traceback"]
    assert "characters left out here" in cut
