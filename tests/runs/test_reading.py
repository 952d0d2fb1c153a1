"""A job that is read back is never greener than what was written, nor than its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from executed import cell_of, output_of
from job_files import ALLOWED, FAILED, JOB, PASSED, JobFiles, whole
from unprivileged import without_rights

from proofbook.records import AnyRecord, Begin, Finish


@pytest.fixture
def files(tmp_path: Path) -> JobFiles:
    return JobFiles(tmp_path)


def test_a_job_that_never_started_is_incomplete(files: JobFiles) -> None:
    assert (files.read().status, files.read().cause) == ("incomplete", "never started")


def test_a_job_without_an_outcome_is_incomplete_whatever_its_records_say(files: JobFiles) -> None:
    shown = files.write(whole(PASSED)).read()
    assert (shown.status, shown.cause) == ("incomplete", "no outcome was written")
    files.folder.outcome.write_text("{")
    assert files.read().cause == "outcome.json cannot be read"


def test_files_that_nobody_may_read_say_so(files: JobFiles) -> None:
    files.write(whole(PASSED)).write_outcome("passed")
    folder = files.folder
    for path, mode in ((folder.outcome, 0), (folder.path, 0o600), (folder.path.parent, 0)):
        with without_rights(path, mode):
            assert files.read().cause == "outcome.json cannot be read: Permission denied"
    for path, cause in (
        (folder.notebook, "the executed notebook cannot be read: Permission denied"),
        (folder.records, "1 lines of records.jsonl cannot be read"),
    ):
        with without_rights(path):
            shown = files.read()
        assert (shown.status, cause in shown.cause) == ("incomplete", True)
    assert files.read().status == "passed"


def test_the_outcome_of_another_job_is_not_taken(files: JobFiles) -> None:
    shown = files.write(whole(PASSED)).write_outcome("passed", job="job-2").read()
    assert (shown.job, shown.status) == (JOB.id, "incomplete")
    assert shown.cause == "outcome.json belongs to another job: job-2"


def test_an_outcome_that_was_never_completed_says_so(files: JobFiles) -> None:
    shown = files.write(whole(FAILED)).write_outcome("incomplete").read()
    assert (shown.status, "killed" in shown.cause) == ("incomplete", True)


def test_a_passed_outcome_that_the_files_support_stands(files: JobFiles) -> None:
    files.write(whole(PASSED)).write_outcome("passed", flaky=True, kernel="warm")
    shown = files.read()
    assert (shown.status, shown.cause, shown.flaky, shown.kernel) == ("passed", "", True, "warm")
    assert [(cell.id, cell.seconds) for cell in shown.cells] == [("finish", 0.5)]


@pytest.mark.parametrize(
    ("records", "status"),
    [([], "incomplete"), (whole(PASSED)[:-1], "incomplete"), (whole(FAILED), "failed")],
)
def test_a_passed_outcome_without_support_is_not_shown_as_passed(
    files: JobFiles, records: list[AnyRecord], status: str
) -> None:
    shown = files.write(records).write_outcome("passed").read()
    assert shown.status == status
    assert shown.cause.startswith("outcome.json says passed, but ")


def test_an_exception_in_the_notebook_is_shown_though_the_outcome_says_passed(
    files: JobFiles,
) -> None:
    cell = cell_of("load", outputs=[output_of("AssertionError", "\x1b[1m1 is not 2")])
    shown = files.write(whole(PASSED), cell).write_outcome("passed").read()
    assert shown.status == "error"
    assert shown.cause == "outcome.json says passed, but AssertionError: 1 is not 2 (cell load)"
    assert shown.failure is not None
    assert (shown.failure.cell_index, shown.failure.source) == (0, "load()")
    assert shown.failure.traceback == "Traceback\nAssertionError: 1 is not 2"


def test_a_passed_outcome_of_skips_alone_is_not_green(files: JobFiles) -> None:
    shown = files.write(whole(ALLOWED)).write_outcome("passed").read()
    assert (shown.status, shown.allowed) == ("skipped", True)


@pytest.mark.parametrize("state", ["not_run", "failed", "interrupted", "running"])
def test_a_passed_outcome_with_an_unfinished_cell_contradicts_itself(
    files: JobFiles, state: str
) -> None:
    cell = {"index": 3, "id": "load", "cell_type": "code", "status": state}
    shown = files.write(whole(PASSED)).write_outcome("passed", cells=[cell]).read()
    assert shown.status == "incomplete"
    assert f"cell load is {state}" in shown.cause


def test_a_passed_outcome_with_a_failure_contradicts_itself(files: JobFiles) -> None:
    failure = {"ename": "OSError", "evalue": "it broke"}
    shown = files.write(whole(PASSED)).write_outcome("passed", failure=failure).read()
    assert (shown.status, "raised OSError" in shown.cause) == ("incomplete", True)


@pytest.mark.parametrize("records", [[], whole(PASSED)])
def test_an_allowed_skip_that_nothing_supports_is_not_allowed(
    files: JobFiles, records: list[AnyRecord]
) -> None:
    shown = files.write(records).write_outcome("skipped", allowed=True).read()
    assert (shown.status, shown.allowed) == ("incomplete", False)
    assert shown.cause.startswith("outcome.json says an allowed skip, but ")


@pytest.mark.parametrize("status", ["failed", "error", "timed_out", "crashed", "cancelled"])
def test_an_outcome_that_is_not_green_stands(files: JobFiles, status: str) -> None:
    written = files.write(whole(PASSED)).write_outcome(status, cause="why")
    assert (written.read().status, written.read().cause) == (status, "why")


def test_a_skip_for_want_of_another_job_stands(files: JobFiles) -> None:
    shown = files.write_outcome("skipped", cause="it needs job-2, which failed").read()
    assert (shown.status, shown.allowed, shown.cause) == (
        "skipped", False, "it needs job-2, which failed")  # fmt: skip


def test_an_incomplete_outcome_becomes_failed_where_its_records_hold_a_failed_check(
    files: JobFiles,
) -> None:
    shown = files.write(whole(FAILED)).write_outcome("incomplete", cause="lost").read()
    assert shown.status == "failed"
    assert shown.cause.startswith("outcome.json says incomplete, but 1 of 1 check")


def test_an_outcome_read_back_survives_a_round_trip(files: JobFiles) -> None:
    files.write(whole(PASSED)).write_outcome("passed")
    again = files.read()
    assert json.loads(again.model_dump_json())["status"] == "passed"


def test_a_contradiction_hides_no_failed_check(files: JobFiles) -> None:
    failure = {"ename": "OSError", "evalue": "it broke"}
    shown = files.write(whole(FAILED)).write_outcome("passed", failure=failure).read()
    assert (shown.status, "did not pass: duration" in shown.cause) == ("failed", True)


def test_two_records_of_one_file_are_both_verified(files: JobFiles) -> None:
    evidence = files.store()
    other = evidence.file.model_copy(update={"size": 6})
    wrong = evidence.model_copy(update={"name": "wrong", "file": other})
    files.write(whole(PASSED, wrong, evidence)).write_outcome("passed")
    assert "evidence wrong" in files.read().cause


def test_outputs_in_the_place_of_their_names_are_those_in_force(tmp_path: Path) -> None:
    job = JOB.model_copy(update={"parameters": {"model": "${{ jobs.a.outputs.model }}"}})
    begin = Begin(runbook=JOB.runbook, parameters={"model": "weights"})
    records = [begin, PASSED, Finish(counts={"begin": 1, "check": 1})]
    files = JobFiles(tmp_path, job).write(records)
    assert files.write_outcome("passed", resolved={"model": "weights"}).read().status == "passed"
    shown = files.write_outcome("passed", resolved={"model": "other"}).read()
    assert (shown.status, "parameter 'model'" in shown.cause) == ("incomplete", True)


def test_where_a_job_stopped_is_known_from_its_notebook_too(files: JobFiles) -> None:
    raising = cell_of("load", "failed", outputs=[output_of("KeyError", "in the notebook")])
    files.write(whole(PASSED), raising)
    shown = files.write_outcome("crashed", cause="the kernel died").read()
    assert shown.failure is not None
    assert shown.failure.evalue == "in the notebook"
    written = {"ename": "DeadKernelError", "evalue": "it died"}
    shown = files.write_outcome("crashed", failure=written).read()
    assert shown.failure is not None
    assert shown.failure.evalue == "it died"
