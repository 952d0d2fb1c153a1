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


def test_a_secret_is_found_over_two_texts_of_a_stream_past_others(redact: Redactor) -> None:
    unnamed = {"output_type": "stream", "text": "noise\n"}
    made = cell(stream(SECRET[:5]), stream("noise\n", "stderr"), unnamed, stream(f"{SECRET[5:]} b"))
    outputs = redact_cell(redact, made)["outputs"]
    assert [each["text"] for each in outputs] == [MARK, "noise\n", "noise\n", " b"]


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


@pytest.mark.exhaustive
@pytest.mark.parametrize("text", [SECRET, f"<{SECRET}>" * 100_000], ids=["short", "long"])
def test_a_text_that_claims_to_be_a_picture_hides_nothing(redact: Redactor, text: str) -> None:
    shown = nbformat.v4.new_output("display_data", data={"image/png": text})
    assert SECRET not in json.dumps(redact_cell(redact, cell(shown)))


NUMBER = "48392017"


def test_what_counts_and_times_is_no_secret() -> None:
    redact = Redactor({NUMBER: "DB_PASSWORD", "2026-11-26": "A_PASSWORD", "1.5": "B_PASSWORD"})
    shown = {"output_type": "execute_result", "data": {}, "execution_count": int(NUMBER)}
    made = cell(shown, {**shown, "execution_count": None})
    made["execution_count"] = int(NUMBER)
    state = {
        "start_time": "2026-11-26T07:21:51+00:00",
        "end_time": "2026-11-26T07:21:52.123456Z",
        "duration": 1.5,
        "exception": None,
        "status": "pending",
    }
    made.metadata = {"papermill": state}
    clean = redact_cell(redact, made)
    assert clean["execution_count"] == int(NUMBER)
    assert [each["execution_count"] for each in clean["outputs"]] == [int(NUMBER), None]
    assert clean["metadata"]["papermill"] == state


@pytest.mark.parametrize(
    "state",
    [
        {"start_time": f"2026-11-26T07:21:51 {SECRET}"},
        {"status": SECRET},
        {"other": "completed"},
        {"start_time": [SECRET]},
        SECRET,
    ],
)
def test_papermills_state_hides_nothing(redact: Redactor, state: Any) -> None:
    made = cell()
    made.metadata = {"papermill": state, "more": "completed"}
    clean = redact_cell(redact, made)["metadata"]
    assert clean["papermill"] == redact.walk(state) != state
    assert clean["more"] == "[redacted:DB_PASSWORD]"


def test_a_notebook_keeps_the_names_of_its_kernel_and_nothing_else() -> None:
    redact = Redactor({"python3": "DB_PASSWORD", "completed": "DB_PASSWORD", SECRET: "A_TOKEN"})
    clean = redact_metadata(
        redact,
        {
            "kernelspec": {"name": "python3", "argv": ["python3"], "display_name": SECRET},
            "language_info": "python3",
            "papermill": {"status": "completed", "parameters": "python3"},
            "python3": "python3",
        },
    )
    mark = "[redacted:DB_PASSWORD]"
    assert clean == {
        "kernelspec": {"name": "python3", "argv": [mark], "display_name": MARK},
        "language_info": "python3",
        "papermill": {"status": "completed", "parameters": mark},
        mark: mark,
    }


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_a_cell_that_is_no_code_has_no_count(redact: Redactor, kind: str) -> None:
    made = {
        "cell_type": kind,
        "id": f"cell-{SECRET}",
        "source": SECRET,
        "attachments": {"a": SECRET},
    }
    assert redact_cell(redact, made) == {
        "cell_type": kind, "id": f"cell-{MARK}", "source": MARK, "attachments": {"a": MARK},
    }  # fmt: skip


def test_a_code_cell_always_has_a_count(redact: Redactor) -> None:
    clean = redact_cell(redact, {"cell_type": "code", "source": "completed"})
    assert clean == {
        "cell_type": "code", "source": "[redacted:DB_PASSWORD]", "execution_count": None,
    }  # fmt: skip


def test_the_type_of_a_cell_and_its_tags_are_words_of_the_schema() -> None:
    redact = Redactor.from_environment({"A_PASSWORD": "markdown", "B_PASSWORD": "parameters"})
    made = {
        "cell_type": "markdown", "source": "markdown",
        "metadata": {"tags": ["parameters", "the parameters"]},
    }  # fmt: skip
    clean = redact_cell(redact, made)
    assert (clean["cell_type"], clean["source"]) == ("markdown", "[redacted:A_PASSWORD]")
    assert clean["metadata"]["tags"] == ["parameters", "the [redacted:B_PASSWORD]"]


def test_the_words_of_an_output_are_those_of_the_schema() -> None:
    redact = Redactor.from_environment({"A_PASSWORD": "stream", "B_PASSWORD": "stderr"})
    shown = {"output_type": "stream", "name": "stderr", "text": ["a ", "stream\n", "stderr"]}
    assert redact_cell(redact, cell(shown))["outputs"] == [
        {
            "output_type": "stream",
            "name": "stderr",
            "text": "a [redacted:A_PASSWORD]\n[redacted:B_PASSWORD]",
        }
    ]


def shown(redact: Redactor, **data: Any) -> dict[str, Any]:
    made = {
        "output_type": "display_data",
        "data": {k.replace("_", "/"): v for k, v in data.items()},
    }
    clean: dict[str, Any] = redact_cell(redact, cell(made))["outputs"][0]["data"]
    return clean


def test_a_secret_over_two_lines_of_a_list_is_found(redact: Redactor) -> None:
    assert shown(redact, text_plain=[f"a {SECRET[:5]}", f"{SECRET[5:]} b"]) == {
        "text/plain": [f"a {MARK}", " b"]
    }


def test_a_list_of_other_things_is_looked_through(redact: Redactor) -> None:
    assert shown(redact, application_json=[SECRET, 1]) == {"application/json": [MARK, 1]}


@pytest.mark.parametrize("kind", ["image", "audio", "video"])
def test_a_file_in_base64_is_left_out_by_what_is_in_it(redact: Redactor, kind: str) -> None:
    hidden = base64.b64encode(b"x" + SECRET.encode()).decode()
    assert shown(redact, **{f"{kind}_x": hidden}) == {f"{kind}/x": MARK}
    assert shown(redact, text_x=hidden) == {"text/x": f"{redact(hidden)}"}


def test_a_media_type_that_is_a_word_stays_and_another_key_does_not() -> None:
    redact = Redactor({"text/plain": "A_PASSWORD", "words": "B_PASSWORD"})
    data = {"text/plain": "words", "words": 1, "a text/plain": 2}
    made = {"output_type": "display_data", "data": data}
    assert redact_cell(redact, cell(made))["outputs"][0]["data"] == {
        "text/plain": "[redacted:B_PASSWORD]",
        "[redacted:B_PASSWORD]": 1,
        "a [redacted:A_PASSWORD]": 2,
    }


def test_a_scrap_keeps_its_constants_and_hides_nothing_else() -> None:
    redact = Redactor({"json": "A_PASSWORD", SECRET: "B_TOKEN", "passed": "C_PASSWORD"})
    scrap = {"data": SECRET, "encoder": "json", "version": 1, "name": SECRET, "more": "json"}
    made = {"output_type": "display_data", "data": {SCRAP: scrap}}
    mark = "[redacted:B_TOKEN]"
    (clean,) = redact_cell(redact, cell(made))["outputs"]
    assert clean["data"] == {SCRAP: {**scrap, "data": mark, "name": mark, "more": redact("json")}}
    record = {"kind": "check", "status": "passed", "name": "passed"}
    made = {"output_type": "display_data", "data": {SCRAP: {"data": record}}}
    (clean,) = redact_cell(redact, cell(made))["outputs"]
    assert clean["data"][SCRAP]["data"] == {**record, "name": "[redacted:C_PASSWORD]"}
    for odd in (SECRET, {"name": SECRET}, [SECRET]):
        made = {"output_type": "display_data", "data": {SCRAP: odd}}
        (clean,) = redact_cell(redact, cell(made))["outputs"]
        assert SECRET not in json.dumps(clean)


def test_a_cell_of_no_known_kind_has_no_secret_in_it(redact: Redactor) -> None:
    clean = redact_cell(redact, {"cell_type": SECRET, "source": "x"})
    assert (clean["cell_type"], clean["source"]) == (MARK, "x")
