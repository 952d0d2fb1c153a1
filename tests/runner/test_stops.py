"""A stop says what ended an execution, in which cell, and keeps the whole failure."""

from __future__ import annotations

import nbformat
import pytest

from proofbook.runner import stops
from proofbook.runner.truncation import LARGEST_ERROR

CELL = nbformat.v4.new_code_cell("train()", id="train")
RED = "\x1b[31m"


@pytest.mark.parametrize(
    ("ename", "kind", "cause"),
    [
        ("ChecksFailed", "failed", "1 of 2 checks (cell train)"),
        ("ValueError", "error", "ValueError: 1 of 2 checks (cell train)"),
    ],
)
def test_an_exception_is_told_in_one_line_and_kept_without_colours(
    ename: str, kind: str, cause: str
) -> None:
    stop = stops.raised(CELL, 3, ename, f"{RED}1 of 2\n  checks", f"{RED}Traceback\n  line 1")
    assert (stop.kind, stop.cause) == (kind, cause)
    assert stop.failure is not None
    assert stop.failure.model_dump() == {
        "cell_index": 3, "cell_id": "train", "source": "train()", "ename": ename,
        "evalue": "1 of 2\n  checks", "traceback": "Traceback\n  line 1",
    }  # fmt: skip


def test_a_long_exception_is_cut() -> None:
    stop = stops.raised(CELL, 3, "E", "e" * 2 * LARGEST_ERROR, "t" * 2 * LARGEST_ERROR)
    assert len(stop.cause) == 400
    assert stop.failure is not None
    for text in (stop.failure.evalue, stop.failure.traceback):
        assert LARGEST_ERROR < len(text) < LARGEST_ERROR + 100
        assert "characters left out here" in text


@pytest.mark.parametrize(
    ("stop", "kind", "cause", "ename", "evalue"),
    [
        (stops.cancelled(CELL, 3), "cancelled", "the run was cancelled", "Cancelled",
         "the run was cancelled"),
        (stops.timed_out(CELL, 3, "took 9 s"), "timed_out", "took 9 s (cell train)", "TimedOut",
         "took 9 s"),
        (stops.kernel_lost(CELL, 3, "ran out of memory"), "crashed",
         "the kernel ran out of memory (cell train)", "KernelDied", "the kernel ran out of memory"),
    ],
    ids=["cancelled", "timed out", "kernel lost"],
)  # fmt: skip
def test_what_ends_a_cell_is_a_failure_of_that_cell(
    stop: stops.Stop, kind: str, cause: str, ename: str, evalue: str
) -> None:
    assert (stop.kind, stop.cause) == (kind, cause)
    assert stop.failure is not None
    failure = stop.failure
    assert (failure.cell_index, failure.cell_id, failure.source) == (3, "train", "train()")
    assert (failure.ename, failure.evalue, failure.traceback) == (ename, evalue, "")


def test_what_ends_no_cell_is_no_failure_of_one() -> None:
    exited, lost = stops.exited(CELL), stops.kernel_lost_at_end("was killed")
    assert (exited.kind, exited.failure) == ("incomplete", None)
    assert "(cell train)" in exited.cause
    assert (lost.kind, lost.failure) == ("crashed", None)
    assert lost.cause == "the kernel was killed after the last cell"


def test_an_exception_that_a_tag_allows_is_named_with_a_stricter_tag() -> None:
    said = stops.allowed_exception("ValueError")
    assert said.startswith("[ValueError, ") and "raises:ValueError" in said
    assert said.endswith("]\n")


NOTHING = {"status": "error", "ename": "NoneType", "evalue": "None", "traceback": ["text"]}
SHOWN = nbformat.v4.new_output("error", ename="KeyError", evalue="'a'", traceback=[])
PRINTED = nbformat.v4.new_output("stream", text="NoneType: None")


def test_what_drawing_a_value_raised_has_the_name_that_the_cell_shows() -> None:
    named = stops.named_error(NOTHING, [PRINTED, SHOWN, PRINTED])
    assert named == {**NOTHING, "ename": "KeyError", "evalue": "'a'"}


@pytest.mark.parametrize(
    ("reply", "outputs"),
    [({**NOTHING, "ename": "ValueError"}, [SHOWN]), (NOTHING, [PRINTED]), (NOTHING, [])],
)
def test_a_reply_that_names_an_exception_keeps_it(
    reply: dict[str, str], outputs: list[nbformat.NotebookNode]
) -> None:
    assert stops.named_error(reply, outputs) == reply
