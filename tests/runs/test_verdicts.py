"""Each rule of judgement, by breaking the one thing it guards and watching green go away."""

from __future__ import annotations

from pathlib import Path

import pytest

from proofbook.records import (
    AnyRecord,
    Begin,
    CellState,
    Check,
    Evidence,
    Failure,
    Finish,
    Metric,
    Outcome,
    PlannedJob,
    Question,
)
from proofbook.runs.media_store import store_media
from proofbook.runs.verdicts import confirm, exit_code, judge, media_problem, review_state, verdict

JOB = PlannedJob(id="job-1", runbook="musicgen/generate", timeout=60, allow_skips=("cuda-*",))
PASSED = Check(name="exists", status="passed")
FAILED = Check(name="duration", status="failed")
ERROR = Check(name="loudness", status="error", reason="ValueError: too short")
ALLOWED = Check(name="cuda-memory", status="skipped", reason="no CUDA device")
FORBIDDEN = Check(name="api-key", status="skipped", reason="no key")


def whole(*records: AnyRecord) -> list[AnyRecord]:
    """Put a truthful begin and finish around the records."""
    inside: list[AnyRecord] = [Begin(runbook=JOB.runbook), *records]
    counts: dict[str, int] = {}
    for record in inside:
        counts[record.kind] = counts.get(record.kind, 0) + 1
    return [*inside, Finish(counts=counts)]


def stored(media: Path) -> Evidence:
    """Store a file with one view."""
    return Evidence(
        name="clip",
        media_kind="audio",
        file=store_media(media, b"sound", ".wav"),
        views={"waveform": store_media(media, b"picture", ".png")},
    )


def outcome(status: str, **fields: object) -> Outcome:
    return Outcome.model_validate(
        {"job": JOB.id, "runbook": JOB.runbook, "status": status, **fields}
    )


def test_a_whole_job_passes(tmp_path: Path) -> None:
    records = whole(PASSED, ALLOWED, Metric(name="speed", value=1.0), stored(tmp_path))
    assert judge(JOB, records, 0, tmp_path) == ("passed", "", False)


@pytest.mark.parametrize("check", [FAILED, ERROR])
def test_one_check_that_did_not_pass_fails_the_job(tmp_path: Path, check: Check) -> None:
    status, cause, _ = judge(JOB, whole(PASSED, check), 0, tmp_path)
    assert status == "failed"
    assert cause == f"1 of 2 checks did not pass: {check.name}"


def test_a_cause_names_three_checks_and_counts_the_rest(tmp_path: Path) -> None:
    records = whole(*[Check(name=f"c{i}", status="failed") for i in range(5)])
    cause = judge(JOB, records, 0, tmp_path).cause
    assert cause == "5 of 5 checks did not pass: c0, c1, c2 and 2 more"


def test_a_failed_check_is_failed_even_without_a_finish_record(tmp_path: Path) -> None:
    assert judge(JOB, whole(PASSED, FAILED)[:-1], 0, tmp_path).status == "failed"


def test_a_skip_that_no_glob_allows_fails_the_job(tmp_path: Path) -> None:
    status, cause, allowed = judge(JOB, whole(PASSED, FORBIDDEN), 0, tmp_path)
    assert (status, allowed) == ("failed", False)
    assert cause == "required but unavailable: api-key (no key)"


def test_all_skipped_and_all_allowed_is_skipped_and_not_passed(tmp_path: Path) -> None:
    status, cause, allowed = judge(JOB, whole(ALLOWED), 0, tmp_path)
    assert (status, allowed) == ("skipped", True)
    assert "no CUDA device" in cause


def test_no_checks_at_all_is_incomplete(tmp_path: Path) -> None:
    found = judge(JOB, whole(Metric(name="speed", value=1.0)), 0, tmp_path)
    assert found == ("incomplete", "no checks were made", False)


def test_no_records_is_incomplete(tmp_path: Path) -> None:
    assert judge(JOB, [], 0, tmp_path) == ("incomplete", "no records were made", False)


def test_a_missing_finish_is_incomplete(tmp_path: Path) -> None:
    status, cause, _ = judge(JOB, whole(PASSED)[:-1], 0, tmp_path)
    assert status == "incomplete"
    assert "no finish record" in cause


def test_a_missing_begin_is_incomplete(tmp_path: Path) -> None:
    assert judge(JOB, whole(PASSED)[1:], 0, tmp_path).status == "incomplete"


def test_records_of_two_executions_in_one_file_are_incomplete(tmp_path: Path) -> None:
    assert judge(JOB, [*whole(PASSED), *whole(PASSED)], 0, tmp_path).status == "incomplete"


def test_two_finish_records_are_incomplete(tmp_path: Path) -> None:
    records = whole(PASSED)
    status, cause, _ = judge(JOB, [*records, records[-1]], 0, tmp_path)
    assert status == "incomplete"
    assert "2 finish records" in cause


def test_a_record_after_finish_is_incomplete(tmp_path: Path) -> None:
    assert judge(JOB, [*whole(PASSED), PASSED], 0, tmp_path).status == "incomplete"


def test_a_lost_record_is_incomplete(tmp_path: Path) -> None:
    records = whole(PASSED, PASSED)
    status, cause, _ = judge(JOB, [records[0], *records[2:]], 0, tmp_path)
    assert status == "incomplete"
    assert cause.startswith("records were lost")


def test_an_unreadable_line_is_incomplete(tmp_path: Path) -> None:
    status, cause, _ = judge(JOB, whole(PASSED), 1, tmp_path)
    assert status == "incomplete"
    assert "cannot be read" in cause


def test_zero_counts_in_finish_are_not_a_difference(tmp_path: Path) -> None:
    records = whole(PASSED)
    records[-1] = Finish(counts={"begin": 1, "check": 1, "metric": 0})
    assert judge(JOB, records, 0, tmp_path).status == "passed"


@pytest.mark.parametrize("view", [False, True])
def test_a_deleted_evidence_file_is_incomplete(tmp_path: Path, view: bool) -> None:
    evidence = stored(tmp_path)
    file = evidence.views["waveform"] if view else evidence.file
    (tmp_path / file.filename).unlink()
    status, cause, _ = judge(JOB, whole(PASSED, evidence), 0, tmp_path)
    assert status == "incomplete"
    assert cause == f"evidence clip: media/{file.filename} is missing"


@pytest.mark.parametrize("content", [b"sounf", b"longer than before"])
def test_an_evidence_file_with_other_bytes_is_incomplete(tmp_path: Path, content: bytes) -> None:
    evidence = stored(tmp_path)
    path = tmp_path / evidence.file.filename
    path.chmod(0o644)
    path.write_bytes(content)
    assert media_problem(tmp_path, evidence.file) == "has other bytes than were recorded"
    assert judge(JOB, whole(PASSED, evidence), 0, tmp_path).status == "incomplete"


def test_the_caller_may_pass_its_own_way_to_find_media_problems(tmp_path: Path) -> None:
    records = whole(PASSED, stored(tmp_path))
    found = judge(JOB, records, 0, tmp_path, find_problem=lambda folder, file: "is cursed")
    assert found.status == "incomplete"
    assert "is cursed" in found.cause


def stop(ename: str, evalue: str = "it broke\nsecond line") -> Failure:
    return Failure(ename=ename, evalue=evalue, cell_id="load")


def test_an_exception_is_an_error_with_its_first_line_and_cell(tmp_path: Path) -> None:
    found = judge(JOB, whole(PASSED), 0, tmp_path, stopped=stop("OSError"))
    assert found == ("error", "OSError: it broke (cell load)", False)


def test_checks_failed_is_failed_and_names_the_checks(tmp_path: Path) -> None:
    found = judge(JOB, whole(FAILED), 0, tmp_path, stopped=stop("ChecksFailed"))
    assert found == ("failed", "1 of 1 checks did not pass: duration", False)


def test_checks_failed_without_records_is_still_failed(tmp_path: Path) -> None:
    assert judge(JOB, [], 0, tmp_path, stopped=stop("ChecksFailed")).status == "failed"


def test_incomplete_raised_in_the_notebook_is_incomplete(tmp_path: Path) -> None:
    found = judge(JOB, whole(PASSED), 0, tmp_path, stopped=stop("Incomplete"))
    assert found.status == "incomplete"


def test_a_job_that_never_started_is_incomplete(tmp_path: Path) -> None:
    shown = confirm(JOB, None, [], 0, tmp_path, absence="never started")
    assert (shown.status, shown.cause) == ("incomplete", "never started")


def test_a_job_without_an_outcome_is_incomplete_whatever_its_records_say(tmp_path: Path) -> None:
    shown = confirm(JOB, None, whole(PASSED), 0, tmp_path)
    assert (shown.status, shown.cause) == ("incomplete", "no outcome was written")


def test_the_outcome_of_another_job_is_not_taken(tmp_path: Path) -> None:
    other = outcome("passed", job="job-2")
    assert confirm(JOB, other, whole(PASSED), 0, tmp_path).status == "incomplete"


def test_an_outcome_that_was_never_completed_says_so(tmp_path: Path) -> None:
    assert "killed" in confirm(JOB, outcome("incomplete"), [], 0, tmp_path).cause


def test_a_passed_outcome_that_the_records_support_stands(tmp_path: Path) -> None:
    written = outcome("passed", flaky=True)
    assert confirm(JOB, written, whole(PASSED), 0, tmp_path) == written


@pytest.mark.parametrize(
    ("records", "status"),
    [([], "incomplete"), (whole(PASSED)[:-1], "incomplete"), (whole(FAILED), "failed")],
)
def test_a_passed_outcome_without_support_is_demoted(
    tmp_path: Path, records: list[AnyRecord], status: str
) -> None:
    shown = confirm(JOB, outcome("passed"), records, 0, tmp_path)
    assert shown.status == status
    assert shown.cause.startswith("outcome.json says passed, but ")


def test_a_passed_outcome_of_skips_alone_is_not_green(tmp_path: Path) -> None:
    shown = confirm(JOB, outcome("passed"), whole(ALLOWED), 0, tmp_path)
    assert (shown.status, shown.allowed) == ("skipped", True)


@pytest.mark.parametrize("state", ["not_run", "failed", "interrupted", "running"])
def test_a_passed_outcome_with_an_unfinished_cell_is_demoted(tmp_path: Path, state: str) -> None:
    cell = CellState.model_validate(
        {"index": 3, "id": "load", "cell_type": "code", "status": state}
    )
    shown = confirm(JOB, outcome("passed", cells=(cell,)), whole(PASSED), 0, tmp_path)
    assert shown.status == "incomplete"
    assert f"cell load is {state}" in shown.cause


def test_a_passed_outcome_with_a_failure_is_demoted(tmp_path: Path) -> None:
    shown = confirm(JOB, outcome("passed", failure=stop("OSError")), whole(PASSED), 0, tmp_path)
    assert shown.status == "incomplete"


def test_an_allowed_skip_that_nothing_supports_is_not_allowed(tmp_path: Path) -> None:
    shown = confirm(JOB, outcome("skipped", allowed=True), [], 0, tmp_path)
    assert (shown.status, shown.allowed) == ("incomplete", False)


def test_an_allowed_skip_whose_records_hold_passed_checks_is_incomplete(tmp_path: Path) -> None:
    shown = confirm(JOB, outcome("skipped", allowed=True), whole(PASSED), 0, tmp_path)
    assert (shown.status, shown.allowed) == ("incomplete", False)


@pytest.mark.parametrize("status", ["failed", "error", "timed_out", "crashed", "cancelled"])
def test_an_outcome_that_is_not_green_stands(tmp_path: Path, status: str) -> None:
    written = outcome(status, allowed=True)
    assert confirm(JOB, written, whole(PASSED), 0, tmp_path) == written


def ask(status: str, required: bool = True) -> Question:
    return Question.model_validate(
        {"name": "q", "text": "?", "status": status, "required": required}
    )


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], "passed"),
        (["approved"], "passed"),
        (["approved", "waived"], "waived"),
        (["approved", "waived", "pending"], "unreviewed"),
        (["stale"], "unreviewed"),
        (["expired"], "unreviewed"),
        (["pending", "rejected"], "rejected"),
        (["approved", "needs-work"], "rejected"),
    ],
)
def test_the_least_favourable_answer_decides(states: list[str], expected: str) -> None:
    optional = [ask("rejected", required=False), ask("pending", required=False)]
    assert review_state([*map(ask, states), *optional]) == expected


PLAN = [JOB, PlannedJob(id="job-2", runbook="r", timeout=1)]


@pytest.mark.parametrize(
    ("second", "expected", "code"),
    [
        ("passed", "passed", 0),
        ("failed", "failed", 1),
        ("error", "error", 3),
        ("crashed", "error", 3),
        ("timed_out", "error", 3),
        ("incomplete", "incomplete", 3),
        ("skipped", "incomplete", 3),
        ("cancelled", "cancelled", 130),
    ],
)
def test_one_job_decides_the_verdict_and_the_exit_code(
    second: str, expected: str, code: int
) -> None:
    found = verdict(PLAN, {"job-1": outcome("passed"), "job-2": outcome(second)})
    assert (found, exit_code(found)) == (expected, code)


def test_the_worst_state_decides() -> None:
    states = ["incomplete", "failed", "timed_out", "cancelled"]
    expected = ["incomplete", "failed", "error", "cancelled"]
    for count, worst in enumerate(expected, start=1):
        plan = [PlannedJob(id=state, runbook="r", timeout=1) for state in states[:count]]
        outcomes = {state: outcome(state, job=state) for state in states[:count]}
        assert verdict(plan, outcomes, [ask("pending")]) == worst


def test_a_pending_question_makes_all_passed_unreviewed_and_exits_zero() -> None:
    found = verdict([JOB], {"job-1": outcome("passed")}, [ask("pending")])
    assert (found, exit_code(found)) == ("unreviewed", 0)


def test_a_rejection_exits_as_a_failure_does() -> None:
    found = verdict([JOB], {"job-1": outcome("passed")}, [ask("approved"), ask("rejected")])
    assert (found, exit_code(found)) == ("rejected", 1)


def test_a_planned_job_without_outcome_makes_the_run_incomplete() -> None:
    assert verdict(PLAN, {"job-1": outcome("passed")}) == "incomplete"


def test_an_allowed_skip_beside_a_passed_job_is_passed() -> None:
    skipped = outcome("skipped", allowed=True)
    assert verdict(PLAN, {"job-1": outcome("passed"), "job-2": skipped}) == "passed"


def test_a_run_of_allowed_skips_alone_or_of_nothing_is_not_green() -> None:
    assert verdict([JOB], {"job-1": outcome("skipped", allowed=True)}) == "incomplete"
    assert verdict([], {}) == "incomplete"
