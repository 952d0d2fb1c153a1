"""What is displayed is saved as a notebook may hold it."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest

from proofbook.runner.mimebundles import bundle_size, sound_bundle


@pytest.mark.parametrize(
    "data",
    [
        {"text/plain": "a"},
        {"text/plain": ["a\n", "b"]},
        {"application/json": {"a": [1]}},
        {"application/vnd.plotly.v1+json": {"a": None}},
        {},
    ],
)
def test_a_sound_bundle_stays_as_it_is(data: dict[str, Any]) -> None:
    assert sound_bundle(data, 100) == data


@pytest.mark.parametrize("value", [{"a": 1}, [1, 2], 7, None, True])
def test_a_value_that_no_notebook_may_hold_becomes_text(value: object) -> None:
    sound = sound_bundle({"application/x-thing": value, "text/plain": "thing"}, 100)
    assert json.loads(sound["application/x-thing"]) == value
    notebook = nbformat.v4.new_notebook()
    output = nbformat.v4.new_output("display_data", data=sound)
    notebook.cells.append(nbformat.v4.new_code_cell(outputs=[output]))
    nbformat.validate(notebook)


def test_what_is_too_large_is_named_and_the_rest_stays() -> None:
    data = {"text/html": "x" * 3_000_000, "text/plain": "<Figure>", "image/png": "y" * 10}
    sound = sound_bundle(data, 1_000_000)
    assert sound == {
        "text/plain": "<Figure>\n[left out here: text/html, 3.0 MB]",
        "image/png": "y" * 10,
    }


def test_a_size_counts_text_and_json() -> None:
    assert bundle_size({"text/plain": "abc", "application/json": {"a": 1}}) == 3 + len('{"a": 1}')
    assert bundle_size({}) == 0
