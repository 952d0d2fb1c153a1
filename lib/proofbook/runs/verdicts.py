"""What became of a job: the one place where a result may become green.

The runner judges a job once it has ended, before ``outcome.json`` is written; whoever reads a run
judges it again from the same files with the same function, and never shows more green than they
support. Knows nothing about kernels or how a report looks.

Three sources speak: what stopped the execution (or, of a run that is read back, the written
outcome), the executed notebook, and the records. The worst that any of them says holds:

=========================================================================  ====================
the run was cancelled                                                      cancelled
the kernel died, a limit was reached, the harness could not go on          crashed, timed_out, error
a code cell raised, or shows an exception that it did not expect           error, failed, incomplete
a check failed, or could not be evaluated                                  failed
a skipped check matches no glob of the job's ``allow_skips``               failed
there is no notebook, or a code cell in it did not complete                incomplete
begin, finish or a record is missing, doubled or unreadable                incomplete
an evidence file is missing or has other bytes than recorded               incomplete
there is no check at all                                                   incomplete
every check was skipped, and every skip is allowed                         skipped, allowed
none of these                                                              passed
=========================================================================  ====================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeVar

from proofbook.records import (
    AnyRecord,
    Check,
    Evidence,
    Failure,
    Outcome,
    OutcomeStatus,
    PlannedJob,
)
from proofbook.runs.executed_notebook import (
    ExecutedNotebook,
    read_executed_notebook,
    unfinished_cell,
)
from proofbook.runs.folder import JobFolder, read_records
from proofbook.runs.media_index import MediaIndex
from proofbook.runs.record_rules import (
    broken_sequence,
    forbidden_skips,
    skip_reasons,
    unmet_checks,
)

__all__ = ["HARDWARE_CHECK", "JudgedJob", "Stop", "StopKind", "judge_job", "read_job"]

HARDWARE_CHECK = "hardware"
"""The one check of a job that was not executed, since the machine lacks what it needs."""

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

    def of_kind(self, kind: type[_R]) -> tuple[_R, ...]:
        """Return the records of one kind, in order."""
        return tuple(record for record in self.records if isinstance(record, kind))


class _Verdict(NamedTuple):
    """What one source says."""

    status: OutcomeStatus
    cause: str = ""
    failure: Failure | None = None
    allowed: bool = False

    @property
    def severity(self) -> int:
        """The higher, the worse; of what is not green, the least is an incomplete job."""
        is_forbidden_skip = self.status == "skipped" and not self.allowed
        return _SEVERITY["incomplete" if is_forbidden_skip else self.status]


def judge_job(
    job: PlannedJob, folder: JobFolder, media: MediaIndex, stop: Stop | None = None
) -> JudgedJob:
    """Judge a job by its files, and by what stopped its execution, if anything did."""
    records, unreadable = read_records(folder.records)
    notebook = read_executed_notebook(folder.notebook)
    problems = _media_problems(records, media)
    verdicts = _verdicts(job, records, unreadable, notebook, problems, stop)
    worst = max(verdicts, key=lambda verdict: verdict.severity)  # of equal ones, the first
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
    )


def read_job(job: PlannedJob, folder: JobFolder, media: MediaIndex) -> JudgedJob:
    """Read a job back: the outcome that was written, or a worse one that its files support.

    Without a final outcome, the job is incomplete whatever its other files say.
    """
    judged = judge_job(job, folder, media)
    return replace(judged, outcome=_reconciled(folder, judged.outcome))


def _verdicts(
    job: PlannedJob,
    records: Sequence[AnyRecord],
    unreadable: int,
    notebook: ExecutedNotebook,
    problems: Mapping[str, str],
    stop: Stop | None,
) -> Iterator[_Verdict]:
    """Yield what each source says; of two that are equally bad, the clearer one comes first."""
    checks = [record for record in records if isinstance(record, Check)]
    if cause := unmet_checks(checks) or forbidden_skips(checks, job.allow_skips):
        failure = stop.failure if stop else notebook.failure
        yield _Verdict("failed", cause, failure)
    if stop is not None:
        yield _Verdict(stop.kind, stop.cause, stop.failure)
    if notebook.failure is not None:
        yield _raised(notebook.failure)
    if cause := (
        ("" if _was_not_needed(job, checks) else notebook.unfinished)
        or broken_sequence(records, unreadable)
        or _broken_evidence(records, problems)
        or ("" if checks else "no checks were made")
    ):
        yield _Verdict("incomplete", cause)
    elif all(check.status == "skipped" for check in checks):
        yield _Verdict("skipped", f"every check was skipped: {skip_reasons(checks)}", allowed=True)
    else:
        yield _Verdict("passed")


def _was_not_needed(job: PlannedJob, checks: Sequence[Check]) -> bool:
    """Say whether the job was skipped before its notebook was executed."""
    return bool(job.hardware) and [(check.name, check.status) for check in checks] == [
        (HARDWARE_CHECK, "skipped")
    ]


def _raised(failure: Failure) -> _Verdict:
    status = _STOPPED_BY_CHECKS.get(failure.ename, "error")
    where = f" (cell {failure.cell_id})" if failure.cell_id else ""
    first_line = failure.evalue.strip().partition("\n")[0]
    return _Verdict(status, f"{failure.ename}: {first_line}{where}", failure)


def _media_problems(records: Sequence[AnyRecord], media: MediaIndex) -> dict[str, str]:
    files = {
        file.filename: file
        for record in records
        if isinstance(record, Evidence)
        for file in (record.file, *record.views.values())
    }
    problems = {name: media.problem(file) for name, file in files.items()}
    return {name: problem for name, problem in problems.items() if problem}


def _broken_evidence(records: Sequence[AnyRecord], problems: Mapping[str, str]) -> str:
    for record in records if problems else ():
        if isinstance(record, Evidence):
            for file in (record.file, *record.views.values()):
                if file.filename in problems:
                    return (
                        f"evidence {record.name}: media/{file.filename} {problems[file.filename]}"
                    )
    return ""


def _reconciled(folder: JobFolder, supported: Outcome) -> Outcome:
    """Return the worse of the written outcome and the one that the files support."""
    written = folder.read_outcome()
    cells = supported.cells or (written.cells if written else ())
    if written is None or written.job != supported.job:
        return Outcome(
            job=supported.job, runbook=supported.runbook, cells=cells,
            cause=_explain_absence(folder, written),
        )  # fmt: skip
    if written.status == "incomplete" and not written.cause:
        cause = "no final outcome: the job is still running, or its runner was killed"
        return written.model_copy(update={"cause": cause, "cells": cells})
    verdict = _worse(written, supported)
    update = {**verdict._asdict(), "failure": written.failure or verdict.failure, "cells": cells}
    return written.model_copy(update=update)


def _worse(written: Outcome, supported: Outcome) -> _Verdict:
    own, files = _verdict_of(written), _verdict_of(supported)
    if own.severity <= _SEVERITY["skipped"] and (cause := _contradiction(written, supported)):
        files = _Verdict("incomplete", cause)
    if files.severity <= own.severity:
        return own
    name = "an allowed skip" if written.allowed else written.status
    return files._replace(cause=f"outcome.json says {name}, but {files.cause}")


def _verdict_of(outcome: Outcome) -> _Verdict:
    return _Verdict(outcome.status, outcome.cause, outcome.failure, outcome.allowed)


def _contradiction(written: Outcome, supported: Outcome) -> str:
    """Return what a green outcome says against itself, or nothing."""
    if written.failure is not None:
        return f"the notebook raised {written.failure.ename}"
    if written.status == "skipped" and supported.status == "passed":
        return "its records hold passed checks"
    return unfinished_cell(written.cells)


def _explain_absence(folder: JobFolder, written: Outcome | None) -> str:
    if written is not None:
        return f"outcome.json belongs to another job: {written.job}"
    if folder.outcome.exists():
        return "outcome.json cannot be read"
    return "no outcome was written" if folder.path.exists() else "never started"
