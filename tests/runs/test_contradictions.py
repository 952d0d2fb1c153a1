"""Notebook and records are two sources: where they disagree, nothing passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from executed import cell_of, glue, output_of, write_notebook
from job_files import JOB, PASSED, JobFiles, whole
from pydantic import JsonValue

from proofbook.records import Begin, Check, Evidence, Fault, Finish, Identity, Output, Question
from proofbook.values import to_json

BEGIN, FINISH = whole(PASSED)[0], whole(PASSED)[-1]


@pytest.fixture
def files(tmp_path: Path) -> JobFiles:
    return JobFiles(tmp_path)


def judge_cells(files: JobFiles, *cells: dict[str, Any]) -> tuple[str, str]:
    """Judge whole records with a notebook whose cells have made what they have made."""
    files.write(whole(PASSED))
    write_notebook(files.folder.notebook, *cells, records=())
    return files.judge()[:2]


ALL = whole(PASSED)


@pytest.mark.parametrize(
    "cells",
    [
        [glue(cell_of("a"), ALL)],
        [glue(cell_of("a"), ALL[:2]), glue(cell_of("b"), ALL[2:])],
        [glue(cell_of("a"), ALL[:1]), glue(cell_of("b"), ALL[2:])],  # a thread's output may be lost
        [glue(cell_of("a"), ALL), cell_of("words", cell_type="markdown")],
        [glue(cell_of("a"), ALL), cell_of("empty", "not_run", cell_type="raw")],
        [glue(cell_of("a"), ALL), cell_of("empty", source=" \n")],
        [glue(cell_of("a"), ALL), cell_of("remark", source=["# to do:\n", "  # nothing"])],
    ],
)
def test_a_finish_by_the_last_code_cell_passes(
    files: JobFiles, cells: list[dict[str, Any]]
) -> None:
    assert judge_cells(files, *cells) == ("passed", "")


@pytest.mark.parametrize(
    ("cells", "cause"),
    [
        ([cell_of("a")], "no cell of the notebook began its checks"),
        ([glue(cell_of("a"), ALL[1:])], "no cell of the notebook began its checks"),
        ([glue(cell_of("a"), ALL[:2])], "no cell of the notebook finished its checks"),
        (
            [glue(cell_of("a"), ALL), cell_of("late")],
            "finish() was called by cell a, not by the last code cell",
        ),
        (
            [glue(cell_of("a"), [*ALL, FINISH])],
            "finish() was called by cell a, not by the last code cell",
        ),
        (
            [glue(cell_of("a"), [BEGIN, Check(name="more", status="passed"), FINISH])],
            "check 'more' is passed in the notebook, and records.jsonl does not hold that",
        ),
        (
            [glue(cell_of("a"), [BEGIN, Check(name="exists", status="failed"), FINISH])],
            "check 'exists' is failed in the notebook, and records.jsonl does not hold that",
        ),
        (
            [glue(cell_of("a"), [BEGIN, PASSED, PASSED, FINISH])],
            "check 'exists' is passed in the notebook, and records.jsonl does not hold that",
        ),
    ],
)
def test_records_that_the_notebook_did_not_make_are_incomplete(
    files: JobFiles, cells: list[dict[str, Any]], cause: str
) -> None:
    assert judge_cells(files, *cells) == ("incomplete", cause)


def test_what_a_user_has_glued_is_no_record(files: JobFiles) -> None:
    scraps = [{"data": 3}, {"data": {"kind": 5}}, {"data": None}, "text", {"data": ["finish"]}]
    outputs = [
        {"output_type": "display_data", "data": {"application/scrapbook.scrap.json+json": scrap}}
        for scrap in scraps
    ]
    own = cell_of("own", outputs=outputs)
    assert judge_cells(files, own, glue(cell_of("a"), ALL)) == ("passed", "")


def test_what_the_notebook_says_of_itself_counts(files: JobFiles) -> None:
    files.write(whole(PASSED))
    text = files.folder.notebook.read_text()
    state = '"metadata": {"papermill": {"exception": true, "exception_cause": "KeyError: x"}}, "nb'
    files.folder.notebook.write_text(text.replace('"metadata": {}, "nb', state))
    assert files.judge()[:2] == ("incomplete", "the notebook was ended by KeyError: x")


@pytest.mark.parametrize(
    ("tags", "enames", "status"),
    [
        (["raises-exception"], ["KeyError"], "passed"),
        (["raises-exception"], [], "passed"),
        (["raises-exception", "raises:KeyError"], ["KeyError"], "passed"),
        (["raises-exception", "raises:KeyError", "raises:OSError"], ["OSError"], "passed"),
        (["raises-exception", "raises:KeyError"], ["OSError"], "error"),
        (["raises-exception", "raises:KeyError"], ["KeyError", "OSError"], "error"),
        (["raises-exception", "raises:KeyError"], [], "error"),
        (["raises:KeyError"], ["KeyError"], "error"),
    ],
)
def test_a_cell_may_raise_what_it_is_expected_to(
    files: JobFiles, tags: list[str], enames: list[str], status: str
) -> None:
    cell = cell_of("odd", outputs=[output_of(ename) for ename in enames])
    cell["metadata"]["tags"] = tags
    assert files.write(whole(PASSED), cell, cell_of("finish")).judge()[0] == status


def test_a_fault_is_an_error_though_all_checks_passed(files: JobFiles) -> None:
    records = whole(PASSED, Fault(what="thread x raised KeyError: 'a'"), Fault(what="more"))
    assert files.write(records).judge()[:2] == (
        "error", "thread x raised KeyError: 'a' (and 1 more)",
    )  # fmt: skip


def test_a_fault_after_the_finish_is_one(files: JobFiles) -> None:
    assert files.write([*whole(PASSED), Fault(what="late")]).judge()[:2] == ("error", "late")


def test_checks_of_another_runbook_prove_nothing(files: JobFiles) -> None:
    records = [Begin(runbook="musicgen/other"), PASSED, Finish(counts={"begin": 1, "check": 1})]
    assert files.write(records).judge()[:2] == (
        "incomplete",
        "its checks call themselves musicgen/other, and the runbook is musicgen/generate",
    )


@pytest.mark.parametrize(
    ("planned", "found", "status"),
    [
        (7, 7, "passed"), (7, 7.0, "passed"), ("a", "a", "passed"), ([1, "b"], [1, "b"], "passed"),
        ({"a": [1]}, {"a": [1]}, "passed"), (None, None, "passed"),
        ("x" * 9000, "x" * 9000, "passed"),
        (7, 5, "incomplete"), (1, True, "incomplete"), ("a", "b", "incomplete"),
        ("", "a", "incomplete"), ([1], [1, 2], "incomplete"), (0, None, "incomplete"),
    ],
)  # fmt: skip
def test_parameters_in_force_are_those_planned(
    tmp_path: Path, planned: JsonValue, found: JsonValue, status: str
) -> None:
    job = JOB.model_copy(update={"parameters": {"seed": planned, "unnamed": 1}})
    begin = Begin(runbook=JOB.runbook, parameters={"seed": to_json(found), "other": 2})
    records = [begin, PASSED, Finish(counts={"begin": 1, "check": 1})]
    told = JobFiles(tmp_path, job).write(records).judge()
    cause = f"parameter 'seed' was planned as {planned!r}, and {to_json(found)!r} was in force"
    assert told[:2] == (status, "" if status == "passed" else cause)


@pytest.mark.parametrize(
    "record",
    [
        PASSED,
        Identity(name="model", revision="1"),
        Output(name="model", value=1),
        Question(name="good", text="?"),
    ],
)
def test_two_records_of_one_name_are_incomplete(files: JobFiles, record: Any) -> None:
    status, cause, _ = files.write(whole(PASSED, record, record)).judge()
    assert status == "incomplete"
    assert f"records of kind {record.kind} with the name {record.name!r}" in cause


def test_two_pieces_of_evidence_of_one_name_are_incomplete(files: JobFiles) -> None:
    shown = files.store()
    assert files.write(whole(PASSED, shown, shown)).judge()[:2] == (
        "incomplete", "there are 2 records of kind evidence with the name 'clip'",
    )  # fmt: skip


def test_a_question_about_bytes_that_are_nowhere_is_incomplete(files: JobFiles) -> None:
    shown = files.store()
    about = Question(name="good", text="?", about=(shown.file.sha256,))
    assert files.write(whole(PASSED, shown, about)).judge()[0] == "passed"
    assert files.write(whole(PASSED, about)).judge()[:2] == (
        "incomplete", "question 'good' is about evidence that is not there",
    )  # fmt: skip


@pytest.mark.parametrize("view", [False, True])
def test_evidence_that_is_a_link_is_incomplete(files: JobFiles, view: bool) -> None:
    shown: Evidence = files.store()
    file = shown.views["waveform"] if view else shown.file
    stored = files.run.media / file.filename
    stored.rename(files.run.media / "moved")
    stored.symlink_to("moved")
    status, cause, _ = files.write(whole(PASSED, shown)).judge()
    assert status == "incomplete"
    assert cause.endswith("is a link, not a file")
