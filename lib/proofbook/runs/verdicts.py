"""What the files of a job support: the one place where a result may become green.

The runner judges a job with it before it writes ``outcome.json``; the report judges again from the
files alone and never shows more green than they support. Knows nothing about kernels, notebooks
or how a report looks.

The rules, in the order in which they are asked; the first that holds decides:

1. an exception ended the notebook                                     failed, incomplete or error
2. a check failed, or could not be evaluated                           failed
3. a skipped check matches no glob of the job's ``allow_skips``        failed
4. begin, finish or a record is missing, doubled or unreadable         incomplete
5. an evidence file is missing or has other bytes than recorded        incomplete
6. there is no check at all                                            incomplete
7. every check was skipped, and every skip is allowed                  skipped, allowed
8. otherwise                                                           passed
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, NamedTuple

from proofbook.files import hash_file
from proofbook.records import (
    AnyRecord,
    Begin,
    Check,
    Evidence,
    Failure,
    Finish,
    MediaFile,
    Outcome,
    OutcomeStatus,
    PlannedJob,
    Question,
    Verdict,
)

__all__ = [
    "Judgement",
    "confirm",
    "exit_code",
    "judge",
    "media_problem",
    "review_state",
    "verdict",
]

_EXIT_CODES: dict[Verdict, int] = {
    "passed": 0,
    "waived": 0,
    "unreviewed": 0,
    "rejected": 1,
    "failed": 1,
    "error": 3,
    "incomplete": 3,
    "cancelled": 130,
}
_STOPPED_BY_CHECKS: dict[str, OutcomeStatus] = {
    "ChecksFailed": "failed",
    "Incomplete": "incomplete",
}
_VERDICT_OF: dict[OutcomeStatus, Verdict] = {
    "cancelled": "cancelled",
    "crashed": "error",
    "timed_out": "error",
    "error": "error",
    "failed": "failed",
    "incomplete": "incomplete",
    "passed": "passed",
}
_PRECEDENCE: tuple[Verdict, ...] = ("cancelled", "error", "failed", "incomplete")
_NAMED = 3

FindProblem = Callable[[Path, MediaFile], str]


class Judgement(NamedTuple):
    """What the records of a job support."""

    status: OutcomeStatus
    cause: str
    """One line; empty where the job passed."""
    allowed: bool
    """True only where the job is ``skipped`` and the profile allows every one of its skips."""


def judge(
    job: PlannedJob,
    records: Sequence[AnyRecord],
    unreadable_lines: int,
    media_folder: Path,
    *,
    stopped: Failure | None = None,
    find_problem: FindProblem | None = None,
) -> Judgement:
    """Judge a job whose notebook ran to its end, or was stopped by the exception ``stopped``.

    ``find_problem`` says what is wrong with one media file (default: :func:`media_problem`); a
    caller that judges many jobs passes one that remembers.
    """
    checks = [record for record in records if isinstance(record, Check)]
    find = find_problem or media_problem
    if stopped is not None:
        return _judge_stopped(stopped, checks)
    if cause := _unmet(checks) or _forbidden_skips(checks, job.allow_skips):
        return Judgement("failed", cause, False)
    cause = (
        _broken_sequence(records, unreadable_lines)
        or _broken_evidence(records, media_folder, find)
        or ("" if checks else "no checks were made")
    )
    if cause:
        return Judgement("incomplete", cause, False)
    if all(check.status == "skipped" for check in checks):
        return Judgement("skipped", f"every check was skipped: {_reasons(checks)}", True)
    return Judgement("passed", "", False)


def confirm(
    job: PlannedJob,
    outcome: Outcome | None,
    records: Sequence[AnyRecord],
    unreadable_lines: int,
    media_folder: Path,
    *,
    absence: str = "no outcome was written",
    find_problem: FindProblem | None = None,
) -> Outcome:
    """Return the outcome that may be shown: the written one, or a less green one with its reason.

    A missing outcome becomes ``incomplete`` with ``absence`` as its cause; ``passed`` and allowed
    skips are judged again; every other status stands as it was written.
    """
    if outcome is None:
        return Outcome(job=job.id, runbook=job.runbook, cause=absence)
    if outcome.job != job.id:
        cause = f"outcome.json belongs to another job: {outcome.job}"
        return Outcome(job=job.id, runbook=job.runbook, cause=cause)
    if outcome.status == "incomplete" and not outcome.cause:
        cause = "no final outcome: the job is still running, or its runner was killed"
        return outcome.model_copy(update={"cause": cause})
    if outcome.status != "passed" and not (outcome.status == "skipped" and outcome.allowed):
        return outcome
    found = judge(job, records, unreadable_lines, media_folder, find_problem=find_problem)
    if found.status == "passed" and (cause := _unfinished_cells(outcome)):
        found = Judgement("incomplete", cause, False)
    if found.status == outcome.status:
        return outcome
    return _demoted(outcome, found)


def media_problem(media_folder: Path, file: MediaFile) -> str:
    """Return what is wrong with a stored media file, or nothing."""
    path = media_folder / file.filename
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != file.size or hash_file(path) != file.sha256:
        return "has other bytes than were recorded"
    return ""


def review_state(
    questions: Iterable[Question],
) -> Literal["passed", "waived", "unreviewed", "rejected"]:
    """Return what people have said about all required questions together."""
    said = {question.status for question in questions if question.required}
    if said & {"rejected", "needs-work"}:
        return "rejected"
    if said - {"approved", "waived"}:
        return "unreviewed"
    return "waived" if "waived" in said else "passed"


def verdict(
    plan: Sequence[PlannedJob],
    outcomes: Mapping[str, Outcome],
    questions: Iterable[Question] = (),
) -> Verdict:
    """Return the verdict of a run, the worst that holds.

    Cancelled, error, failed, incomplete; then what people said: rejected, unreviewed, waived,
    passed. A planned job without an outcome counts as incomplete, and so does a skip that no
    profile allowed, or a run in which nothing passed.
    """
    found = {_verdict_of(outcomes.get(job.id)) for job in plan}
    for worst in _PRECEDENCE:
        if worst in found:
            return worst
    if "passed" not in found:
        return "incomplete"
    return review_state(questions)


def exit_code(verdict: Verdict) -> int:
    """Return the exit code of a run that ended with this verdict."""
    return _EXIT_CODES[verdict]


def _judge_stopped(stopped: Failure, checks: Sequence[Check]) -> Judgement:
    status = _STOPPED_BY_CHECKS.get(stopped.ename, "error")
    if status == "failed" and (cause := _unmet(checks)):
        return Judgement(status, cause, False)
    where = f" (cell {stopped.cell_id})" if stopped.cell_id else ""
    first_line = stopped.evalue.strip().partition("\n")[0]
    return Judgement(status, f"{stopped.ename}: {first_line}{where}", False)


def _unmet(checks: Sequence[Check]) -> str:
    unmet = [check.name for check in checks if check.status in ("failed", "error")]
    return f"{len(unmet)} of {len(checks)} checks did not pass: {_names(unmet)}" if unmet else ""


def _forbidden_skips(checks: Sequence[Check], globs: Sequence[str]) -> str:
    forbidden = [
        f"{check.name} ({check.reason or 'no reason given'})"
        for check in checks
        if check.status == "skipped" and not any(fnmatchcase(check.name, glob) for glob in globs)
    ]
    return f"required but unavailable: {_names(forbidden)}" if forbidden else ""


def _broken_sequence(records: Sequence[AnyRecord], unreadable_lines: int) -> str:
    if unreadable_lines:
        return f"{unreadable_lines} lines of records.jsonl cannot be read"
    if not records:
        return "no records were made"
    kinds = Counter[str](record.kind for record in records)
    if kinds["begin"] != 1 or not isinstance(records[0], Begin):
        return f"records.jsonl must start with one begin record and holds {kinds['begin']}"
    finish = records[-1]
    if not isinstance(finish, Finish):
        return "no finish record: the runbook did not reach its last cell"
    if kinds["finish"] != 1:
        return f"{kinds['finish']} finish records: several executions are mixed"
    before = kinds - Counter({"finish": 1})
    if {kind: n for kind, n in finish.counts.items() if n} != dict(before):
        return (
            f"records were lost: finish counted {_counts(finish.counts)}, found {_counts(before)}"
        )
    return ""


def _broken_evidence(records: Sequence[AnyRecord], folder: Path, find: FindProblem) -> str:
    for record in records:
        if isinstance(record, Evidence):
            for file in (record.file, *record.views.values()):
                if problem := find(folder, file):
                    return f"evidence {record.name}: media/{file.filename} {problem}"
    return ""


def _unfinished_cells(outcome: Outcome) -> str:
    if outcome.failure is not None:
        return f"the notebook raised {outcome.failure.ename}"
    for cell in outcome.cells:
        if cell.cell_type == "code" and cell.status != "completed":
            return f"cell {cell.id} is {cell.status}"
    return ""


def _demoted(outcome: Outcome, found: Judgement) -> Outcome:
    said = "an allowed skip" if outcome.status == "skipped" else outcome.status
    status = "incomplete" if found.status == "passed" else found.status
    cause = f"outcome.json says {said}, but {found.cause or 'its records hold passed checks'}"
    return outcome.model_copy(update={"status": status, "cause": cause, "allowed": found.allowed})


def _verdict_of(outcome: Outcome | None) -> Verdict | None:
    if outcome is None:
        return "incomplete"
    if outcome.status == "skipped":
        return None if outcome.allowed else "incomplete"
    return _VERDICT_OF[outcome.status]


def _reasons(checks: Sequence[Check]) -> str:
    return _names(list(dict.fromkeys(check.reason or "no reason given" for check in checks)))


def _names(names: Sequence[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[kind]} {kind}" for kind in sorted(counts)) or "nothing"
