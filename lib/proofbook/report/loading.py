"""Read a run's files into one summary, trusting none of them to be there or to be whole.

The outcome of each job is confirmed against its records and its evidence, so that no form of the
report can show more green than the files support.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from proofbook.records import (
    AnyRecord,
    Begin,
    Check,
    Evidence,
    Identity,
    Metric,
    Outcome,
    PlannedJob,
    Question,
    RunInfo,
    Verdict,
)
from proofbook.report.summary import JobSummary, RunSummary
from proofbook.runs.folder import JobFolder, RunFolder, read_records
from proofbook.runs.verdicts import FindProblem, confirm, media_problem, verdict
from proofbook.signoff.binding import AskedJob
from proofbook.signoff.question_status import JobStandings, job_standings, read_log, settled

__all__ = ["LOG_LINES", "load_run", "read_tail"]

LOG_LINES = 60
_TAIL_BYTES = 64 * 1024
_LONGEST_LINE = 2000
_GREEN: tuple[Verdict, ...] = ("passed", "waived", "unreviewed", "rejected")
_TERMINAL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.|[\x00-\x08\x0b-\x1f\x7f]"
)

_R = TypeVar("_R", Begin, Check, Evidence, Identity, Metric, Question)


def load_run(folder: RunFolder, moment: datetime | None = None) -> RunSummary:
    """Return what the files of a run support at a moment; by default, now.

    Raises:
        RunFolderError: The folder is not a run.
    """
    info = folder.read_info()
    find_problem = lru_cache(maxsize=None)(media_problem)
    outcomes: dict[str, Outcome] = {}
    jobs = []
    log = read_log(folder, info.run_id)
    for planned in info.plan:
        standings = job_standings(folder, info.run_id, planned, log, moment)
        job, outcomes[planned.id] = _load_job(folder, planned, find_problem, standings)
        jobs.append(job)
    questions = [question for job in jobs for question in job.questions]
    found, cause = _reconcile(info, verdict(info.plan, outcomes, questions), log.problems)
    return RunSummary(
        run_id=info.run_id,
        profile=info.profile,
        profile_path=info.profile_path,
        verdict=found,
        cause=cause,
        started=info.started,
        ended=info.ended,
        slots=info.slots,
        commit=info.commit,
        dirty=info.dirty,
        environment=info.environment,
        hardware=info.hardware,
        jobs=tuple(jobs),
        log_problems=log.problems,
    )


def read_tail(path: Path, lines: int = LOG_LINES) -> tuple[str, ...]:
    """Return the last lines of a log as plain text; reads no more than 64 KB of it.

    Terminal colours and control characters are removed; of a progress bar, the last state stays.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            content = file.read()
    except FileNotFoundError:
        return ()
    found = content.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    if size > _TAIL_BYTES and len(found) > 1:
        found = found[1:]
    if not found[-1]:
        found.pop()
    return tuple(_plain(line) for line in found[-lines:])


def _plain(line: str) -> str:
    last_state = line.rstrip("\r").rpartition("\r")[2]
    plain = _TERMINAL.sub("", last_state)
    return plain if len(plain) <= _LONGEST_LINE else plain[:_LONGEST_LINE] + " …"


def _load_job(
    run: RunFolder, planned: PlannedJob, find_problem: FindProblem, standings: JobStandings
) -> tuple[JobSummary, Outcome]:
    folder = run.job(planned.id)
    records, unreadable = read_records(folder.records)
    outcome = confirm(
        planned,
        folder.read_outcome(),
        records,
        unreadable,
        run.media,
        absence=_explain_absence(folder),
        find_problem=find_problem,
    )
    evidence = _of_kind(records, Evidence)
    return JobSummary(
        id=planned.id,
        runbook=planned.runbook,
        outcome=outcome.status,
        cause=outcome.cause,
        allowed=outcome.allowed,
        flaky=outcome.flaky,
        parameters=_merge_parameters(planned, records),
        needs=planned.needs,
        seconds=outcome.seconds,
        started=outcome.started,
        ended=outcome.ended,
        kernel=outcome.kernel,
        tested={found.name: found.revision for found in _of_kind(records, Identity)},
        checks=_of_kind(records, Check),
        metrics=_of_kind(records, Metric),
        evidence=evidence,
        questions=settled(_of_kind(records, Question), standings),
        answers={name: each.answers for name, each in standings.questions.items() if each.answers},
        reasons={name: each.reason for name, each in standings.questions.items() if each.reason},
        waived_checks=dict(standings.waived_checks),
        bound=_bound(run, planned, records),
        cells=outcome.cells,
        attempts=outcome.attempts,
        failure=outcome.failure,
        notebook=_relative(folder.notebook, run.path),
        log=_relative(folder.log, run.path),
        log_tail=read_tail(folder.log),
        unreadable_lines=unreadable,
        media_problems=_find_problems(run.media, evidence, find_problem),
    ), outcome


def _bound(run: RunFolder, planned: PlannedJob, records: list[AnyRecord]) -> dict[str, str]:
    if not any(isinstance(record, Question) for record in records):
        return {}
    job = AskedJob(run, "", planned, records)
    return {
        "notebook_sha256": job.notebook_sha256,
        "parameters_sha256": job.parameters_sha256,
        "checks_sha256": job.checks_sha256,
    }


def _explain_absence(folder: JobFolder) -> str:
    if folder.outcome.exists():
        return "outcome.json cannot be read"
    return "no outcome was written" if folder.path.exists() else "never started"


def _merge_parameters(planned: PlannedJob, records: Iterable[AnyRecord]) -> dict[str, object]:
    """Those in force as the notebook recorded them, over those that the plan gave."""
    merged: dict[str, object] = dict(planned.parameters)
    for record in records:
        if isinstance(record, Begin):
            merged.update(record.parameters)
    return merged


def _find_problems(
    media: Path, evidence: Iterable[Evidence], find_problem: FindProblem
) -> dict[str, str]:
    files = [file for shown in evidence for file in (shown.file, *shown.views.values())]
    found = {file.filename: find_problem(media, file) for file in files}
    return {name: problem for name, problem in found.items() if problem}


def _of_kind(records: Sequence[AnyRecord], kind: type[_R]) -> tuple[_R, ...]:
    return tuple(record for record in records if isinstance(record, kind))


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_file() else ""


def _reconcile(info: RunInfo, found: Verdict, log_problems: Sequence[str]) -> tuple[Verdict, str]:
    """Take the verdict of ``run.json`` where it is less green than the one its jobs support.

    What people said counts for nothing once their log was tampered with.
    """
    if found not in _GREEN:
        return found, info.cause
    if log_problems:
        return "incomplete", f"the sign-off log was tampered with: {log_problems[0]}"
    if info.ended is None:
        cause = "run.json records no end: the run is still going on, or its runner was killed"
        return "incomplete", info.cause or cause
    if info.verdict not in _GREEN:
        return info.verdict, info.cause or f"run.json says {info.verdict}"
    return found, info.cause
