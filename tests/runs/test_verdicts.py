"""Each rule of the judge, by breaking the one thing it guards and watching green go away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from executed import cell_of, output_of
from job_files import (
    ALLOWED,
    ERROR,
    FAILED,
    FORBIDDEN,
    JOB,
    PASSED,
    JobFiles,
    whole,
)

from proofbook.files import hash_file
from proofbook.records import AnyRecord, Check, Failure, Finish, Metric
from proofbook.runs.verdicts import HARDWARE_CHECK, JudgedJob, Stop, severity


@pytest.fixture
def files(tmp_path: Path) -> JobFiles:
    return JobFiles(tmp_path)


def test_a_whole_job_passes(files: JobFiles) -> None:
    files.write(whole(PASSED, ALLOWED, Metric(name="speed", value=1.0), files.store()))
    assert files.judge() == ("passed", "", False)


@pytest.mark.parametrize("check", [FAILED, ERROR])
def test_one_check_that_did_not_pass_fails_the_job(files: JobFiles, check: Check) -> None:
    status, cause, _ = files.write(whole(PASSED, check)).judge()
    assert status == "failed"
    assert cause == f"1 of 2 checks did not pass: {check.name}"


@pytest.mark.parametrize(
    ("count", "named"),
    [(3, "c0, c1, c2"), (4, "c0, c1, c2 and 1 more"), (5, "c0, c1, c2 and 2 more")],
)
def test_a_cause_names_three_checks_and_counts_the_rest(
    files: JobFiles, count: int, named: str
) -> None:
    files.write(whole(*[Check(name=f"c{i}", status="failed") for i in range(count)]))
    assert files.judge()[1] == f"{count} of {count} checks did not pass: {named}"


def test_a_failed_check_is_failed_even_without_a_finish_record(files: JobFiles) -> None:
    assert files.write(whole(PASSED, FAILED)[:-1]).judge()[0] == "failed"


def test_a_skip_that_no_glob_allows_fails_the_job(files: JobFiles) -> None:
    found = files.write(whole(PASSED, FORBIDDEN)).judge()
    assert found == ("failed", "required but unavailable: api-key (no key)", False)


def test_what_failed_and_what_could_not_run_are_told_at_once(files: JobFiles) -> None:
    found = files.write(whole(FAILED, FORBIDDEN)).judge()
    words = f"1 of 2 checks did not pass: {FAILED.name}; required but unavailable: api-key (no key)"
    assert found == ("failed", words, False)


def test_what_could_not_run_for_one_reason_is_told_once(files: JobFiles) -> None:
    reasons = ["a script", "film", "a script", "a script", "", "key", "a script", "key"]
    skipped = [Check(name=f"c{i}", status="skipped", reason=r) for i, r in enumerate(reasons)]
    cause = files.write(whole(*skipped)).judge()[1]
    told = "c0, c2, c3 and 1 more (a script), c1 (film), c4 (no reason given)"
    assert cause == f"required but unavailable: {told}; 2 more for other reasons"


def test_all_skipped_and_all_allowed_is_skipped_and_not_passed(files: JobFiles) -> None:
    status, cause, allowed = files.write(whole(ALLOWED)).judge()
    assert (status, allowed) == ("skipped", True)
    assert "no CUDA device" in cause


def test_no_checks_at_all_is_incomplete(files: JobFiles) -> None:
    found = files.write(whole(Metric(name="speed", value=1.0))).judge()
    assert found == ("incomplete", "no checks were made", False)


def test_no_records_is_incomplete(files: JobFiles) -> None:
    assert files.write([]).judge() == ("incomplete", "no records were made", False)


def test_a_missing_finish_is_incomplete(files: JobFiles) -> None:
    status, cause, _ = files.write(whole(PASSED)[:-1]).judge()
    assert status == "incomplete"
    assert "no finish record" in cause


TWO = whole(PASSED, PASSED)


@pytest.mark.parametrize(
    ("records", "cause"),
    [
        (whole(PASSED)[1:], "must start with one begin record and holds 0"),
        ([*whole(PASSED), *whole(PASSED)], "must start with one begin record and holds 2"),
        ([*whole(PASSED), whole(PASSED)[-1]], "2 finish records: several executions"),
        ([*whole(PASSED), PASSED], "records were made after the finish: check"),
        ([TWO[0], *TWO[2:]], "records were lost: finish counted 1 begin, 2 check"),
    ],
)
def test_records_that_are_not_one_whole_execution_are_incomplete(
    files: JobFiles, records: list[AnyRecord], cause: str
) -> None:
    status, told, _ = files.write(records).judge()
    assert (status, cause in told) == ("incomplete", True), told


def test_an_unreadable_line_is_incomplete(files: JobFiles) -> None:
    files.write(whole(PASSED))
    with files.folder.records.open("a") as file:
        file.write('{"kind": "ch')
    assert files.judge()[:2] == ("incomplete", "1 lines of records.jsonl cannot be read")


def test_records_that_are_a_folder_are_incomplete(files: JobFiles) -> None:
    files.write([])
    files.folder.records.unlink()
    files.folder.records.mkdir()
    assert files.judge()[0] == "incomplete"


def test_zero_counts_in_finish_are_not_a_difference(files: JobFiles) -> None:
    records = [*whole(PASSED)[:-1], Finish(counts={"begin": 1, "check": 1, "metric": 0})]
    assert files.write(records).judge()[0] == "passed"


@pytest.mark.parametrize("view", [False, True])
def test_a_deleted_evidence_file_is_incomplete(files: JobFiles, view: bool) -> None:
    evidence = files.store()
    file = evidence.views["waveform"] if view else evidence.file
    (files.run.media / file.filename).unlink()
    status, cause, _ = files.write(whole(PASSED, evidence)).judge()
    assert status == "incomplete"
    assert cause == f"evidence clip: media/{file.filename} is missing"


@pytest.mark.parametrize("content", [b"sounf", b"longer than before"])
def test_an_evidence_file_with_other_bytes_is_incomplete(files: JobFiles, content: bytes) -> None:
    evidence = files.store()
    path = files.run.media / evidence.file.filename
    path.chmod(0o644)
    path.write_bytes(content)
    status, cause, _ = files.write(whole(PASSED, evidence)).judge()
    assert status == "incomplete"
    assert "has other bytes than were recorded" in cause


# The executed notebook.


def test_a_cell_that_shows_an_exception_is_not_green_though_all_checks_passed(
    files: JobFiles,
) -> None:
    swallowed = cell_of("load", outputs=[output_of("AssertionError", "1 is not 2\nmore")])
    files.write(whole(PASSED), swallowed, cell_of("finish"))
    assert files.judge() == ("error", "AssertionError: 1 is not 2 (cell load)", False)


@pytest.mark.parametrize(
    ("ename", "status"), [("ChecksFailed", "failed"), ("Incomplete", "incomplete")]
)
def test_an_exception_of_ours_keeps_its_meaning(files: JobFiles, ename: str, status: str) -> None:
    cell = cell_of("load", outputs=[output_of(ename)])
    assert files.write(whole(PASSED), cell).judge()[0] == status


def test_a_cell_that_is_expected_to_raise_may_raise(files: JobFiles) -> None:
    cell = cell_of("load", outputs=[output_of("KeyError")])
    cell["metadata"]["tags"] = ["raises-exception"]
    assert files.write(whole(PASSED), cell).judge()[0] == "passed"


def test_output_that_is_no_exception_is_no_error(files: JobFiles) -> None:
    printed = {"output_type": "stream", "name": "stderr", "text": "Traceback"}
    assert files.write(whole(PASSED), cell_of("load", outputs=[printed])).judge()[0] == "passed"


def test_a_cell_without_an_id_is_not_named(files: JobFiles) -> None:
    cell = cell_of("load", outputs=[output_of("KeyError", "'model'")])
    del cell["id"]
    assert files.write(whole(PASSED), cell).judge()[:2] == ("error", "KeyError: 'model'")


@pytest.mark.parametrize("state", ["not_run", "failed", "interrupted", "running", "unheard of"])
def test_a_code_cell_that_did_not_complete_is_not_green(files: JobFiles, state: str) -> None:
    files.write(whole(PASSED), cell_of("load", state), cell_of("finish"))
    shown = state if state != "unheard of" else "not_run"
    assert files.judge() == ("incomplete", f"cell load is {shown}", False)


def test_a_cell_that_was_not_executed_by_us_did_not_complete(files: JobFiles) -> None:
    files.write(whole(PASSED), cell_of("load", metadata={}))
    assert files.judge()[1] == "cell load is not_run"


def test_text_between_the_cells_need_not_be_executed(files: JobFiles) -> None:
    files.write(whole(PASSED), cell_of("about", "not_run", cell_type="markdown"), cell_of("finish"))
    assert files.judge()[0] == "passed"


def test_a_job_without_its_notebook_is_not_green(files: JobFiles) -> None:
    files.write(whole(PASSED)).folder.notebook.unlink()
    assert files.judge() == ("incomplete", "there is no executed notebook", False)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("{", "is not a notebook"),
        ("[" * 100_000, "is not a notebook"),
        ('{"cells": {}}', "is not a notebook"),
        ('{"cells": []}', "has no code cell"),
        ('{"cells": [{"cell_type": "markdown", "source": "words"}]}', "has no code cell"),
    ],
)
def test_a_notebook_that_proves_nothing_is_not_green(
    files: JobFiles, content: str, cause: str
) -> None:
    files.write(whole(PASSED)).folder.notebook.write_text(content)
    status, told, _ = files.judge()
    assert (status, cause in told) == ("incomplete", True), told


def test_odd_but_sound_notebooks_are_read(files: JobFiles) -> None:
    odd = cell_of("load", source=["a\n", "b"], execution_count=None)
    del odd["id"]
    odd["outputs"] = [
        {"output_type": "display_data", "data": {"text/x-odd": {"deep": [1, None]}}},
        {"output_type": "stream", "name": "stdout", "text": ["lone \udcff surrogate", "☃"]},
    ]
    odd["metadata"]["papermill"] = {"status": "completed", "duration": None, "exception": False}
    files.write(whole(PASSED), odd)
    assert r"\udcff" in files.folder.notebook.read_text()
    assert files.judge()[0] == "passed"


def test_a_job_that_lacks_hardware_has_no_notebook_and_may_be_skipped(tmp_path: Path) -> None:
    lack = Check(name=HARDWARE_CHECK, status="skipped", reason="needs 99 gpu")
    job = JOB.model_copy(update={"hardware": {"gpu": 99}, "allow_skips": ("hardware",)})
    files = JobFiles(tmp_path, job).write(whole(lack))
    files.folder.notebook.unlink()
    assert files.judge() == ("skipped", "every check was skipped: needs 99 gpu", True)
    files.job = JOB.model_copy(update={"allow_skips": ("hardware",)})
    assert files.judge()[:2] == ("incomplete", "there is no executed notebook")


# What stopped the execution.


def stop(kind: Any, cause: str = "it broke (cell load)", ename: str = "OSError") -> Stop:
    failure = Failure(ename=ename, evalue="it broke\nsecond line", cell_id="load")
    return Stop(kind=kind, cause=cause, failure=failure)


@pytest.mark.parametrize("kind", ["error", "timed_out", "crashed", "cancelled"])
def test_what_stopped_a_job_outweighs_its_checks(files: JobFiles, kind: str) -> None:
    files.write(whole(PASSED, FAILED), cell_of("load", "interrupted"))
    assert files.judge(stop(kind)) == (kind, "it broke (cell load)", False)


def test_a_stop_by_checks_names_the_checks(files: JobFiles) -> None:
    files.write(whole(FAILED), cell_of("load", "failed", outputs=[output_of("ChecksFailed")]))
    found = files.judge(stop("failed", ename="ChecksFailed"))
    assert found == ("failed", "1 of 1 check did not pass: duration", False)


def test_a_stop_by_checks_without_records_is_still_failed(files: JobFiles) -> None:
    assert files.judge(stop("failed")) == ("failed", "it broke (cell load)", False)


@pytest.mark.parametrize("by_checks", [False, True])
def test_an_outcome_keeps_where_its_execution_stopped(files: JobFiles, by_checks: bool) -> None:
    raising = cell_of("load", "failed", outputs=[output_of("ChecksFailed", "seen in the notebook")])
    files.write(whole(FAILED if by_checks else PASSED), raising)
    stopped = stop("failed" if by_checks else "crashed")
    assert files.judge_all(stopped).outcome.failure == stopped.failure
    failure = files.judge_all().outcome.failure
    assert failure is not None
    assert failure.evalue == "seen in the notebook"


@pytest.mark.parametrize("status", ["error", "timed_out", "crashed"])
def test_only_a_cancellation_is_worse_than_an_error(status: Any) -> None:
    assert severity("failed", False) < severity(status, False) == severity("error", False)
    assert severity(status, False) < severity("cancelled", False)


def test_a_skip_that_is_not_allowed_is_as_bad_as_what_is_incomplete() -> None:
    assert severity("skipped", False) == severity("incomplete", False)
    order = [severity("passed", False), severity("skipped", True), severity("skipped", False)]
    assert order == sorted(set(order))
    assert severity("skipped", False) < severity("failed", False)


ENDED = cell_of("finish", "failed", outputs=[output_of("ChecksFailed")])
TEXT = cell_of("about", "not_run", cell_type="markdown")


@pytest.mark.parametrize(
    ("records", "cells", "only_checks"),
    [
        (whole(PASSED, FAILED), [cell_of("a"), ENDED], True),
        (whole(PASSED, FAILED), [TEXT, cell_of("a"), ENDED], True),
        (whole(FAILED), [cell_of("finish")], True),
        (whole(PASSED), [cell_of("finish")], False),
        (whole(FAILED)[:-1], [cell_of("a"), ENDED], False),
        (whole(FAILED, FORBIDDEN), [cell_of("a"), ENDED], False),
        (whole(FAILED, ALLOWED), [cell_of("a"), ENDED], True),
        (whole(FAILED), [cell_of("a", "not_run"), ENDED], False),
        (whole(FAILED), [cell_of("a", "interrupted"), cell_of("b"), ENDED], False),
        (whole(FAILED), [cell_of("a"), cell_of("b", "not_run"), ENDED], False),
        (whole(FAILED), [cell_of("finish", outputs=[output_of("Incomplete")])], False),
        (whole(FAILED), [cell_of("finish", outputs=[output_of("KeyError")])], False),
    ],
)
def test_a_job_that_came_to_its_end_may_have_failed_by_its_checks_alone(
    files: JobFiles, records: list[AnyRecord], cells: list[dict[str, Any]], only_checks: bool
) -> None:
    assert files.write(records, *cells).judge_all().only_checks_failed is only_checks


def test_a_stop_is_more_than_checks(files: JobFiles) -> None:
    files.write(whole(FAILED), cell_of("a"), ENDED)
    assert not files.judge_all(stop("crashed")).only_checks_failed


# What is read to judge a job is kept for whoever shows it.


def test_a_judged_job_keeps_all_that_was_read(files: JobFiles) -> None:
    evidence = files.store()
    files.write(whole(PASSED, evidence))
    (files.run.media / evidence.file.filename).unlink()
    with files.folder.records.open("a") as file:
        file.write('{"kind": "ch')
    judged = files.judge_all()
    assert judged.unreadable_lines == 1
    assert judged.notebook_sha256 == hash_file(files.folder.notebook)
    assert judged.media_problems == {evidence.file.filename: "is missing"}
    assert judged.of_kind(Check) == (PASSED,)


def test_a_job_of_which_nothing_was_read_has_no_unreadable_lines(files: JobFiles) -> None:
    outcome = files.write(whole(PASSED)).judge_all().outcome
    judged = JudgedJob(planned=JOB, outcome=outcome)
    assert (judged.unreadable_lines, judged.only_checks_failed) == (0, False)


BADNESS = {"passed": 0, "incomplete": 1, "failed": 2, "error": 3, "crashed": 3, "cancelled": 4}
RECORDS = ((0, whole(PASSED)), (1, [TWO[0], *TWO[2:]]), (2, whole(FAILED)))
CELLS = (
    (0, cell_of("a")),
    (1, cell_of("a", "not_run")),
    (2, cell_of("a", outputs=[output_of("ChecksFailed")])),
    (3, cell_of("a", outputs=[output_of("KeyError")])),
)
STOPS = ((0, None), (3, stop("crashed")), (4, stop("cancelled")))


@pytest.mark.parametrize("records", RECORDS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("stopped", STOPS)
def test_where_sources_disagree_the_worst_holds(
    files: JobFiles,
    records: tuple[int, list[AnyRecord]],
    cell: tuple[int, dict[str, Any]],
    stopped: tuple[int, Stop | None],
) -> None:
    status, _, _ = files.write(records[1], cell[1]).judge(stopped[1])
    assert BADNESS[status] == max(records[0], cell[0], stopped[0])
    shown = files.write_outcome(status, cause="written").read()
    assert BADNESS[shown.status] == BADNESS[status]
