"""An executed notebook stays a valid one, and no output of it has a secret."""

from __future__ import annotations

import base64
import json
from typing import Any

import nbformat
import pytest

from proofbook.runs.glued import SCRAP
from proofbook.runs.notebook_redaction import redact_cell, redact_metadata
from proofbook.runs.redaction import Redactor

SECRET = "Zq81xyzw42Ab"
MARK = "[redacted:A_TOKEN]"


@pytest.fixture
def redact() -> Redactor:
    return Redactor.from_environment({"A_TOKEN": SECRET, "DB_PASSWORD": "completed"})


def cell(*outputs: Any) -> nbformat.NotebookNode:
    made = nbformat.v4.new_code_cell("x = 1", id="cell-1")
    made.outputs = list(outputs)
    return made


def stream(text: str, name: str = "stdout") -> nbformat.NotebookNode:
    return nbformat.v4.new_output("stream", name=name, text=text)


def test_a_cell_stays_what_it_is(redact: Redactor) -> None:
    made = cell(stream("completed"))
    made.metadata = {
        "tags": ["parameters", "raises-exception"],
        "papermill": {"status": "completed", "duration": 1.5, "exception": False},
    }
    clean = redact_cell(redact, made)
    assert clean["metadata"] == made.metadata
    assert (clean["cell_type"], clean["id"]) == ("code", "cell-1")
    assert clean["outputs"][0]["text"] == "[redacted:DB_PASSWORD]"


def test_the_result_is_a_valid_notebook(redact: Redactor) -> None:
    made = nbformat.v4.new_notebook()
    made.metadata = {
        "kernelspec": {"name": "completed", "display_name": "completed", "language": "python"},
        "papermill": {"start_time": "2026-11-26T07:21:51+00:00", "parameters": {"x": SECRET}},
        SECRET: SECRET,
    }
    shown = nbformat.v4.new_output("execute_result", data={"text/plain": SECRET}, execution_count=3)
    error = nbformat.v4.new_output("error", ename="E", evalue=SECRET, traceback=[f"E: {SECRET}"])
    made.cells = [cell(shown, error), nbformat.v4.new_markdown_cell(SECRET, id="cell-2")]
    clean = {
        **made,
        "metadata": redact_metadata(redact, made.metadata),
        "cells": [redact_cell(redact, each) for each in made.cells],
    }
    nbformat.validate(nbformat.from_dict(clean))
    assert SECRET not in json.dumps(clean)
    assert clean["metadata"]["kernelspec"]["name"] == "completed"
    assert clean["cells"][0]["outputs"][0]["execution_count"] == 3


@pytest.mark.parametrize(
    "outputs",
    [
        [stream(SECRET[:5]), stream(SECRET[5:], "stderr")],
        [stream(f"a {SECRET[:5]}"), stream("noise\n", "stderr"), stream(f"{SECRET[5:]} b")],
        [stream(f"{SECRET[:5]}\n"), stream(f"{SECRET[5:]}\n")],
    ],
    ids=["between two streams", "with another stream between", "in two lines"],
)
def test_a_secret_that_is_split_is_found(redact: Redactor, outputs: list[Any]) -> None:
    text = json.dumps(redact_cell(redact, cell(*outputs)))
    assert MARK in text
    assert SECRET[:5] not in text
    assert SECRET[5:] not in text


def test_what_claims_to_be_another_output_hides_nothing(redact: Redactor) -> None:
    made = cell({"output_type": SECRET, "name": SECRET, "data": {SECRET: SECRET}, SECRET: SECRET})
    made.metadata = {"papermill": {"status": SECRET, "start_time": SECRET}, "tags": [SECRET]}
    assert SECRET not in json.dumps(redact_cell(redact, made))


def test_a_glued_record_keeps_its_schema(redact: Redactor) -> None:
    record = {"kind": "check", "status": "passed", "name": SECRET, "actual": {"status": SECRET}}
    scrap = {"name": "check/a", "data": record, "encoder": "json", "version": 1}
    shown = nbformat.v4.new_output("display_data", data={SCRAP: scrap})
    data = redact_cell(redact, cell(shown))["outputs"][0]["data"][SCRAP]
    clean = {"kind": "check", "status": "passed", "name": MARK, "actual": {"status": MARK}}
    assert data == {**scrap, "data": clean}


def test_a_picture_with_a_secret_in_it_is_left_out_and_another_is_kept(redact: Redactor) -> None:
    pictures = [
        base64.encodebytes(b"\x89PNG" + each).decode() for each in (b"fine", SECRET.encode())
    ]
    shown = [nbformat.v4.new_output("display_data", data={"image/png": p}) for p in pictures]
    clean = redact_cell(redact, cell(*shown))["outputs"]
    assert [each["data"]["image/png"] for each in clean] == [pictures[0], MARK]


@pytest.mark.parametrize("text", [SECRET, f"<{SECRET}>" * 100_000], ids=["short", "long"])
def test_a_text_that_claims_to_be_a_picture_hides_nothing(redact: Redactor, text: str) -> None:
    shown = nbformat.v4.new_output("display_data", data={"image/png": text})
    assert SECRET not in json.dumps(redact_cell(redact, cell(shown)))
