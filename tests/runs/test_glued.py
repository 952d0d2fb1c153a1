"""Records in a notebook: which outputs are some, and whose finish counts."""

from __future__ import annotations

from typing import Any

import pytest

from proofbook.records import Check
from proofbook.runs.glued import (
    SCRAP,
    Glued,
    broken_end,
    glued_records,
    is_glued,
    lost_records,
    unproven,
)


def cell(*records: Any, **fields: Any) -> dict[str, Any]:
    outputs = [{"data": {SCRAP: {"data": record}}} for record in records]
    return {"cell_type": "code", "source": "work()", "outputs": outputs, **fields}


def test_records_are_found_in_order_with_what_identifies_them() -> None:
    cells = [
        {"cell_type": "markdown"},
        cell({"kind": "begin"}),
        cell({"kind": "check", "name": "a", "status": "passed"}, {"kind": "check", "name": 3}),
        {"cell_type": "code", "outputs": [{}, {"data": {}}]},
    ]
    assert list(glued_records(cells)) == [
        Glued(1, "begin", "", ""), Glued(2, "check", "a", "passed"), Glued(2, "check", "3", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "is_ours"),
    [
        ({SCRAP: {"data": {"kind": "check"}}}, True),
        ({SCRAP: {"data": {"kind": 3}}}, False),
        ({SCRAP: {"data": {}}}, False),
        ({SCRAP: {"data": ["kind"]}}, False),
        ({SCRAP: {}}, False),
        ({SCRAP: "kind"}, False),
        ({"text/plain": {"data": {"kind": "check"}}}, False),
    ],
)
def test_what_others_have_glued_is_no_record(data: dict[str, Any], is_ours: bool) -> None:
    assert is_glued(data) is is_ours


BEGIN, FINISH = {"kind": "begin"}, {"kind": "finish"}


@pytest.mark.parametrize(
    ("cells", "end"),
    [
        ([], "no cell of the notebook began its checks"),
        ([cell(FINISH)], "no cell of the notebook began its checks"),
        ([cell(BEGIN)], "no cell of the notebook finished its checks"),
        ([cell(BEGIN, FINISH)], ""),
        ([cell(BEGIN), cell(FINISH), {"cell_type": "code"}], ""),
        ([cell(BEGIN), cell(FINISH), {"cell_type": "code", "source": [" # a\n", "\n"]}], ""),
        ([cell(BEGIN), cell(FINISH), {"cell_type": "markdown", "source": "words"}], ""),
        (
            [cell(BEGIN), cell(FINISH, id="end"), cell()],
            "finish() was called by cell end, not by the last code cell",
        ),
        (
            [cell(BEGIN), cell(FINISH), cell(FINISH)],
            "finish() was called by cell 1, not by the last code cell",
        ),
        (
            [{"cell_type": "markdown"}, cell(BEGIN, FINISH, source="")],
            "finish() was called by cell 1, not by the last code cell",
        ),
        (
            [cell(BEGIN, FINISH, source="")],
            "finish() was called by cell 0, not by the last code cell",
        ),
    ],
)
def test_the_last_code_cell_finishes(cells: list[dict[str, Any]], end: str) -> None:
    assert broken_end(cells) == end


def test_each_check_of_the_notebook_is_among_the_records() -> None:
    shown = [Glued(0, "check", "a", "passed"), Glued(0, "begin", "", "")]
    written = [Check(name="a", status="passed")]
    assert lost_records(shown, written) == ""
    assert lost_records([], written) == ""
    message = "check 'a' is passed in the notebook, and records.jsonl does not hold that"
    assert lost_records([*shown, shown[0]], written) == message
    assert lost_records(shown, [Check(name="a", status="failed")]) == message


GOOD, FAILED = ({"kind": "check", "name": "size", "status": s} for s in ("passed", "failed"))
FAULT = {"kind": "fault", "what": "thread loader raised ValueError: x"}


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([], ""),
        ([cell(BEGIN, GOOD), cell({"kind": "check", "status": "skipped"}, FINISH)], ""),
        ([cell(BEGIN), cell(GOOD, FAILED, GOOD), cell(FINISH)], "check 'size' did not pass"),
        ([cell({"kind": "check", "name": "a", "status": "error"})], "check 'a' did not pass"),
        ([cell(FAILED), cell(FINISH, FAULT)], FAULT["what"]),
        ([cell({"kind": "fault"})], "something went wrong beside the checks"),
        ([cell({"kind": "metric", "name": "a", "status": "failed", "what": "b"})], ""),
    ],
)
def test_what_records_say_against_a_notebook(cells: list[dict[str, Any]], words: str) -> None:
    assert unproven(cells) == words
