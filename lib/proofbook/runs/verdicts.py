"""What became of a job: the one place where a result may become green.

The runner judges a job once it has ended, before ``outcome.json`` is written. ``runs/reading.py``
judges it again from the same files, with the same function. Knows nothing about kernels or reports.

There are three sources: what stopped the execution, the executed notebook, and the records. The
worst that any of them says holds:

=========================================================================  ====================
the run was cancelled                                                      cancelled
the kernel died, a limit was reached, the harness could not go on          crashed, timed_out, error
something went wrong beside the checks, or a call of theirs was refused    error
a code cell raised, or shows an exception that it did not expect           error, failed, incomplete
a check failed, or could not be evaluated                                  failed
a skipped check matches no glob of the job's ``allow_skips``               failed
there is no notebook, or a code cell in it did not complete                incomplete
its checks were not begun in it, or not finished by its last code cell     incomplete
begin, finish or a record is missing, doubled or unreadable                incomplete
notebook and records hold different checks                                 incomplete
the records name another runbook, or other parameters than were planned    incomplete
an evidence file is missing or has other bytes than recorded               incomplete
there is no check at all                                                   incomplete
every check was skipped, and every skip is allowed                         skipped, allowed
none of these                                                              passed
=========================================================================  ====================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar

from pydantic import JsonValue

from proofbook.records import (
    AnyRecord,
    Check,
    Evidence,
    Failure,
    Outcome,
    OutcomeStatus,
    PlannedJob,
)
from proofbook.runs.executed_notebook import ExecutedNotebook, read_executed_notebook
from proofbook.runs.folder import JobFolder, read_records
from proofbook.runs.glued import lost_records
from proofbook.runs.media_index import MediaIndex
from proofbook.runs.record_rules import (
    broken_sequence,
    contradictions,
    faults,
    forbidden_skips,
    skip_reasons,
    unmet_checks,
)

__all__ = [
    "HARDWARE_CHECK",
    "REQUIREMENTS_CHECK",
    "JudgedJob",
    "Stop",
    "StopKind",
    "judge_job",
    "severity",
]

HARDWARE_CHECK, REQUIREMENTS_CHECK = "hardware", "requirements"
"""The only checks of a job that was not executed, since the machine lacks what it needs."""

StopKind = Literal["failed", "error", "timed_out", "crashed", "cancelled", "incomplete"]
_R = TypeVar("_R", bound=AnyRecord)

_STOPPED_BY_CHECKS: dict[str, OutcomeStatus] = {
    "ChecksFailed": "failed",
    "Incomplete": "incomplete",
}
_SEVERITY: dict[OutcomeStatus, int] = {
    "passed": 0,
    "skipped": 1,
    "incomplete": 2,
    "failed": 3,
    "error": 4,
    "timed_out": 4,
    "crashed": 4,
    "cancelled": 5,
}


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Why an execution ended before its last cell was done."""

    kind: StopKind
    cause: str
    failure: Failure | None = None


@dataclass(frozen=True, kw_only=True)
class JudgedJob:
    """One job, with everything that was read to judge it; nobody reads it a second time."""

    planned: PlannedJob
    outcome: Outcome
    records: tuple[AnyRecord, ...] = ()
    unreadable_lines: int = 0
    """Lines of ``records.jsonl`` that could not be read."""
    notebook_sha256: str = ""
    """Of the executed notebook; empty where there is none."""
    media_problems: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with an evidence file, by its name under ``media/``."""
    only_checks_failed: bool = False
    """Whether the job came to its end, and is not green for its failed checks alone."""

    def of_kind(self, kind: type[_R]) -> tuple[_R, ...]:
        """Return the records of one kind, in order."""
        return tuple(record for record in self.records if isinstance(record, kind))


class _Verdict(NamedTuple):
    """What one source says."""

    status: OutcomeStatus
    cause: str = ""
    failure: Failure | None = None
    allowed: bool = False


def judge_job(
    job: PlannedJob,
    folder: JobFolder,
    media: MediaIndex,
    stop: Stop | None = None,
    resolved: Mapping[str, JsonValue] | None = None,
) -> JudgedJob:
    """Judge a job by its files, and by what stopped its execution, if anything did.

    ``resolved`` are the parameters that name outputs of other jobs, as the notebook got them.
    """
    parameters = {**job.parameters, **(resolved or {})}
    records, unreadable = read_records(folder.records)
    notebook = read_executed_notebook(folder.notebook)
    problems = _media_problems(records, media)
    broken = _broken(job, records, unreadable, notebook, problems, parameters)
    verdicts = _verdicts(job, records, notebook, broken, stop)
    worst = max(verdicts, key=lambda each: severity(each.status, each.allowed))
    outcome = Outcome(
        job=job.id, runbook=job.runbook, status=worst.status, cause=worst.cause,
        allowed=worst.allowed, failure=worst.failure, cells=notebook.cells,
    )  # fmt: skip
    return JudgedJob(
        planned=job,
        outcome=outcome,
        records=tuple(records),
        unreadable_lines=unreadable,
        notebook_sha256=notebook.sha256,
        media_problems=problems,
        only_checks_failed=worst.status == "failed"
        and not broken
        and _came_to_its_end(notebook)
        and not forbidden_skips(_checks(records), job.allow_skips),
    )


def severity(status: OutcomeStatus, allowed: bool) -> int:
    """Return how bad an outcome is: 0 for passed, 1 for an allowed skip, more for all others."""
    is_forbidden_skip = status == "skipped" and not allowed
    return _SEVERITY["incomplete" if is_forbidden_skip else status]


def _verdicts(
    job: PlannedJob,
    records: Sequence[AnyRecord],
    notebook: ExecutedNotebook,
    broken: str,
    stop: Stop | None,
) -> Iterator[_Verdict]:
    """Yield what each source says; of two that are equally bad, the first is taken."""
    checks = _checks(records)
    not_needed = _was_not_needed(job, notebook, checks)
    unmet, unavailable = unmet_checks(checks), forbidden_skips(checks, job.allow_skips)
    if cause := "; ".join(part for part in (unmet, unavailable) if part):
        failure = stop.failure if stop else notebook.failure
        yield _Verdict("failed", cause, failure)
    if stop is not None:
        yield _Verdict(stop.kind, stop.cause, stop.failure)
    if cause := faults(records):
        yield _Verdict("error", cause)
    if notebook.failure is not None:
        yield _raised(notebook.failure)
    if cause := (
        ("" if not_needed else notebook.unfinished)
        or broken
        or notebook.broken_end
        or ("" if checks else "no checks were made")
    ):
        yield _Verdict("incomplete", cause)
    elif all(check.status == "skipped" for check in checks):
        yield _Verdict("skipped", f"every check was skipped: {skip_reasons(checks)}", allowed=True)
    else:
        yield _Verdict("passed")


def _broken(
    job: PlannedJob,
    records: Sequence[AnyRecord],
    unreadable: int,
    notebook: ExecutedNotebook,
    problems: Mapping[str, str],
    parameters: Mapping[str, JsonValue],
) -> str:
    """Return why the records are not a whole and right account of the job; empty if they are."""
    return (
        broken_sequence(records, unreadable)
        or lost_records(notebook.glued, records)
        or contradictions(records, job.runbook, parameters)
        or _broken_evidence(records, problems)
    )


def _checks(records: Sequence[AnyRecord]) -> list[Check]:
    return [record for record in records if isinstance(record, Check)]


def _came_to_its_end(notebook: ExecutedNotebook) -> bool:
    """Say whether every cell was executed, and none raised but the last, for its checks."""
    states = [cell.status for cell in notebook.cells if cell.cell_type == "code"]
    failure = notebook.failure
    is_by_checks = failure is None or _STOPPED_BY_CHECKS.get(failure.ename) == "failed"
    return is_by_checks and all(status == "completed" for status in states[:-1])


def _was_not_needed(job: PlannedJob, notebook: ExecutedNotebook, checks: Sequence[Check]) -> bool:
    """Say whether the job was skipped before its notebook was executed."""
    needs = {
        HARDWARE_CHECK: job.hardware or job.resources.declared,
        REQUIREMENTS_CHECK: job.requires,
    }
    lacks = [check.status == "skipped" and bool(needs.get(check.name)) for check in checks]
    return not notebook.sha256 and bool(checks) and all(lacks)


def _raised(failure: Failure) -> _Verdict:
    status = _STOPPED_BY_CHECKS.get(failure.ename, "error")
    where = f" (cell {failure.cell_id})" if failure.cell_id else ""
    first_line = failure.evalue.strip().partition("\n")[0]
    return _Verdict(status, f"{failure.ename}: {first_line}{where}", failure)


def _media_problems(records: Sequence[AnyRecord], media: MediaIndex) -> dict[str, str]:
    files = dict.fromkeys(
        file
        for record in records
        if isinstance(record, Evidence)
        for file in (record.file, *record.views.values())
    )
    return {file.filename: problem for file in files if (problem := media.problem(file))}


def _broken_evidence(records: Sequence[AnyRecord], problems: Mapping[str, str]) -> str:
    for record in records:
        if isinstance(record, Evidence):
            for file in (record.file, *record.views.values()):
                if file.filename in problems:
                    return (
                        f"evidence {record.name}: media/{file.filename} {problems[file.filename]}"
                    )
    return ""
