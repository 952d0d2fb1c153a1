"""An expression names one output of one job; alone it keeps the type, in a text it is text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from proofbook.runner.outputs import (
    ExpressionError,
    Reference,
    find_references,
    has_expression,
    locate_references,
    rename_jobs,
    resolve,
    shorten_references,
)

MODEL = "${{ jobs.train.outputs.model }}"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        (MODEL, ("train", "model")),
        ("${{jobs.train.outputs.model}}", ("train", "model")),
        ("${{\tjobs.gen-0.5_b.outputs.a-B_2  }}", ("gen-0.5_b", "a-B_2")),
        ("${{ jobs.a.outputs.b.outputs.c }}", ("a.outputs.b", "c")),
    ],
)
def test_an_expression_is_read(text: str, reference: tuple[str, str]) -> None:
    assert find_references(text) == [reference]
    assert resolve(text, lambda found: [*found]) == [*reference]


def test_references_are_found_at_any_depth_with_their_places() -> None:
    value: JsonValue = {"a": [1, MODEL], "b": {"c": f"x {MODEL} y ${{{{ jobs.b.outputs.n }}}}"}}
    assert list(locate_references(value, ("parameters",))) == [
        (("train", "model"), ("parameters", "a", 1)),
        (("train", "model"), ("parameters", "b", "c")),
        (("b", "n"), ("parameters", "b", "c")),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "${{ jobs.train.output.model }}",
        "${{ jobs.train.outputs }}",
        "${{ jobs..outputs. }}",
        "${{ jobs.train.outputs.model",
        "${{ jobs.a.outputs.b c }}",
        "${{ jobs.train.outputs.mod.el/ }}",
        "${{}}",
        f"{MODEL} ${{{{ secrets.TOKEN }}}}",
        "${{ ${{ jobs.a.outputs.b }} }}",
    ],
)
def test_what_only_begins_as_an_expression_is_one_line(text: str) -> None:
    assert has_expression([{"a": text}])
    with pytest.raises(ExpressionError, match=r"is not of the form \$\{\{ jobs.<id>") as error:
        find_references({"a": [text]})
    assert error.value.place == ("a", 0)
    assert "\n" not in str(error.value)


def test_an_expression_is_not_a_key() -> None:
    assert has_expression({MODEL: 1})
    with pytest.raises(ExpressionError) as error:
        find_references({"x": {f"{MODEL} and }} more": 1}})
    assert str(error.value) == f"'{MODEL}' is a key; only values can name outputs"
    assert error.value.place == ("x", f"{MODEL} and }} more")


def test_of_an_expression_without_an_end_only_the_beginning_is_shown() -> None:
    with pytest.raises(ExpressionError) as error:
        find_references("${{ " + "a" * 1000)
    assert str(error.value).startswith("'${{ " + "a" * 56 + "' is not of the form")


@pytest.mark.parametrize("value", [None, 1.5, "$ { {{ }} $", ["{{ a }}"], {"a": {"b": "$"}}])
def test_all_else_is_left_alone(value: JsonValue) -> None:
    assert not has_expression(value)
    assert find_references(value) == []
    assert resolve(value, lambda reference: pytest.fail("nothing is named")) == value


@pytest.mark.parametrize("value", [None, True, 3, 0.5, "x", [1, {"a": None}], {"b": []}])
def test_alone_it_keeps_the_type(value: JsonValue) -> None:
    [resolved, other] = resolve([MODEL, 1], lambda reference: value)  # type: ignore[misc]
    assert (resolved, other) == (value, 1)
    assert type(resolved) is type(value)


@pytest.mark.parametrize(
    ("value", "text"), [("x/y", "x/y"), (True, "true"), (3, "3"), (0.5, "0.5"), (1e-7, "1e-07")]
)
def test_inside_a_text_it_is_text(value: JsonValue, text: str) -> None:
    assert resolve(f"a {MODEL}/b {MODEL}", lambda reference: value) == f"a {text}/b {text}"


@pytest.mark.parametrize(("value", "kind"), [(None, "null"), ([1], "a list"), ({}, "a dict")])
def test_what_is_not_a_text_cannot_stand_in_one(value: JsonValue, kind: str) -> None:
    with pytest.raises(ExpressionError, match=f"outputs.model }}}} is {kind}, which cannot stand"):
        resolve(f"a {MODEL}", lambda reference: value)


def test_an_expression_in_an_output_is_not_resolved_again() -> None:
    assert resolve([MODEL, f"x {MODEL}"], lambda reference: MODEL) == [MODEL, f"x {MODEL}"]


def test_jobs_are_renamed_and_the_rest_stays() -> None:
    value: JsonValue = {"a": f"x{MODEL}", "b": ["${{jobs.b.outputs.n}}", 1]}
    assert rename_jobs(value, {"train": "train-2"}) == {
        "a": "x${{ jobs.train-2.outputs.model }}",
        "b": ["${{ jobs.b.outputs.n }}", 1],
    }


def test_a_reference_in_a_name_is_short() -> None:
    assert shorten_references(f"a {MODEL}") == "a train-model"


@pytest.mark.exhaustive
@given(
    st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True),
)
def test_every_reference_reads_as_it_is_written(job: str, output: str) -> None:
    reference = Reference(job, output)
    assert find_references(f"x {reference} {reference}") == [reference, reference]
