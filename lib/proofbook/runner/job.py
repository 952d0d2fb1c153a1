"""Execute one job: its folder, its kernel, its attempts, and its outcome.

An outcome is ``incomplete`` on disk before the first cell runs; only what the files support can
make it green. Knows nothing about other jobs.
"""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from proofbook.checks.journal import JOB_FOLDER, MEDIA_FOLDER
from proofbook.files import append_line, hash_file
from proofbook.hardware import missing
from proofbook.notebooks import Runbook
from proofbook.processes.temporary import TEMPORARY
from proofbook.records import Attempt, Begin, Check, Finish, Outcome, OutcomeStatus, PlannedJob, now
from proofbook.runner.cells import read_cells
from proofbook.runner.execution import CellProgress, Execution, Limits, Stop
from proofbook.runner.logs import JobLog
from proofbook.runner.reserve import Reserve
from proofbook.runner.temporary import temporary_folder
from proofbook.runs.folder import JobFolder, RunFolder, read_records
from proofbook.runs.redaction import Redactor
from proofbook.runs.verdicts import confirm, judge

__all__ = ["JobContext", "run_job"]

_HARDWARE_CHECK = "hardware"


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """What all jobs of a run share."""

    run: RunFolder
    runbooks: Mapping[str, Runbook]
    reserve: Reserve
    environment: Mapping[str, str]
    """Of every kernel: the runner's own, with the forkserver's socket and the share of threads."""
    run_deadline: float | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    redact: Redactor = field(default_factory=Redactor.from_environment)
    kernel_manager_class: Any = None
    on_cell: Callable[[str, CellProgress], None] = lambda job, progress: None


def run_job(job: PlannedJob, context: JobContext) -> Outcome:
    """Execute a job with its retries; return its outcome, which is on disk by then.

    Does not raise: what goes wrong with the harness itself is the job's outcome too.
    """
    folder = context.run.job(job.id)
    attempts: tuple[Attempt, ...] = ()
    while True:
        started = now()
        try:
            outcome = _attempt(job, context, folder, attempts)
        except Exception as error:  # noqa: BLE001 - it becomes the outcome, other jobs go on
            outcome = _broken(job, context, folder, started, error)
        attempts = outcome.attempts
        if not _may_retry(job, outcome, folder) or context.cancelled.is_set():
            return outcome


def _may_retry(job: PlannedJob, outcome: Outcome, folder: JobFolder) -> bool:
    """Say whether a lost kernel gets another try; a check that has failed already stays failed."""
    if outcome.status != "crashed" or len(outcome.attempts) > job.retries:
        return False
    made = [r for r in read_records(folder.records)[0] if isinstance(r, Check)]
    return all(check.status not in ("failed", "error") for check in made)


def _attempt(
    job: PlannedJob, context: JobContext, folder: JobFolder, earlier: tuple[Attempt, ...]
) -> Outcome:
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.set_aside()
    begun = Outcome(
        job=job.id,
        runbook=job.runbook,
        notebook_sha256=hash_file(context.runbooks[job.runbook].path),
        attempts=earlier,
        started=earlier[0].started if earlier else now(),
    )
    context.reserve.writing(lambda: folder.write_outcome(begun, context.redact))
    started = now()
    execution = _execute_or_skip(job, context, folder)
    outcome = _judged(begun, started, job, context, folder, execution)
    context.reserve.writing(lambda: folder.write_outcome(outcome, context.redact))
    return outcome


def _judged(
    begun: Outcome,
    started: datetime,
    job: PlannedJob,
    context: JobContext,
    folder: JobFolder,
    execution: Execution | None,
) -> Outcome:
    """Return what the files of an attempt support, and never more."""
    stop = execution.stop if execution else None
    status, cause, allowed = _judge(job, context, folder, stop)
    judged = begun.model_copy(
        update={
            "status": status,
            "cause": context.redact(cause),
            "allowed": allowed,
            "flaky": status == "passed" and bool(begun.attempts),
            "failure": stop.failure if stop else None,
            "cells": read_cells(folder.notebook),
            "kernel": execution.kernel if execution else "",
        }
    )
    records, unreadable = read_records(folder.records)
    outcome = confirm(job, judged, records, unreadable, context.run.media)
    return _ended(outcome, started)


def _broken(
    job: PlannedJob,
    context: JobContext,
    folder: JobFolder,
    started: datetime,
    error: Exception,
) -> Outcome:
    """Write down that the harness itself could not execute a job."""
    what = context.redact(traceback.format_exception_only(error)[-1].strip())
    before = folder.read_outcome() or Outcome(job=job.id, runbook=job.runbook, started=started)
    update = {"status": "error", "cause": f"the job could not be executed: {what}"}
    outcome = _ended(before.model_copy(update=update), started)
    with contextlib.suppress(OSError):
        trace = "".join(traceback.format_exception(error))
        with JobLog(folder.log, context.redact) as log:
            log.write(trace)
        context.reserve.writing(lambda: folder.write_outcome(outcome, context.redact))
    return outcome


def _ended(outcome: Outcome, started: datetime) -> Outcome:
    ended = now()
    attempt = Attempt(
        number=len(outcome.attempts) + 1,
        status=outcome.status,
        cause=outcome.cause,
        started=started,
        ended=ended,
    )
    return outcome.model_copy(update={"attempts": (*outcome.attempts, attempt), "ended": ended})


def _execute_or_skip(job: PlannedJob, context: JobContext, folder: JobFolder) -> Execution | None:
    lacking = missing(dict(job.hardware), context.run.path) if job.hardware else []
    if lacking:
        _record_lack(job, folder, "; ".join(lacking))
        return None
    with temporary_folder(job.id) as temporary, JobLog(folder.log, context.redact) as log:
        execution = _prepare(job, context, folder, log, temporary)
        _execute(job, context, execution)
    return execution


def _prepare(
    job: PlannedJob, context: JobContext, folder: JobFolder, log: JobLog, temporary: Path
) -> Execution:
    folder.work.mkdir(exist_ok=True)
    environment = {
        **context.environment,
        JOB_FOLDER: str(folder.path),
        MEDIA_FOLDER: str(context.run.media),
        "PROOFBOOK_JOB": job.id,
        "TMPDIR": str(temporary),
        TEMPORARY: str(temporary),
    }
    if job.memory_limit_gb is not None:
        environment["PROOFBOOK_MEMORY_LIMIT_GB"] = str(job.memory_limit_gb)
    return Execution(
        notebook=folder.notebook,
        environment=environment,
        cwd=folder.work,
        log=log,
        limits=Limits(
            cell_timeout=job.cell_timeout,
            job_deadline=time.monotonic() + job.timeout,
            run_deadline=context.run_deadline,
        ),
        redact=context.redact,
        kernel_manager_class=context.kernel_manager_class,
        cancelled=context.cancelled,
        on_cell=lambda progress: context.on_cell(job.id, progress),
    )


def _execute(job: PlannedJob, context: JobContext, execution: Execution) -> None:
    """Execute the notebook; whatever ends it early is in ``execution.stop`` afterwards."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError

    from proofbook.errors import Incomplete

    path = str(context.runbooks[job.runbook].path)
    try:
        execute_notebook(
            # papermill formats paths with the parameters: a brace in a folder's name is none
            path.replace("{", "{{").replace("}", "}}"),
            None,
            parameters=dict(job.parameters),
            engine_name="proofbook",
            kernel_name="proofbook",
            progress_bar=False,
            execution=execution,
        )
    except (PapermillExecutionError, CellTimeoutError, DeadKernelError, Incomplete):
        return
    except OSError as error:
        context.reserve.release()
        execution.stop = Stop(kind="error", cause=f"{error}; free space or rights, then --resume")
    except RuntimeError as error:
        execution.stop = Stop(
            kind="cancelled" if context.cancelled.is_set() else "crashed",
            cause=f"the kernel could not be started: {error}",
        )


def _judge(
    job: PlannedJob, context: JobContext, folder: JobFolder, stop: Stop | None
) -> tuple[OutcomeStatus, str, bool]:
    if stop is not None and stop.kind != "failed":
        return stop.kind, stop.cause, False
    records, unreadable = read_records(folder.records)
    failure = stop.failure if stop is not None else None
    return judge(job, records, unreadable, context.run.media, stopped=failure)


def _record_lack(job: PlannedJob, folder: JobFolder, reason: str) -> None:
    """Write the records of a job whose hardware is not here: one skipped check."""
    begin = Begin(runbook=job.runbook, parameters=job.parameters)
    check = Check(name=_HARDWARE_CHECK, status="skipped", reason=reason)
    for record in (begin, check, Finish(counts={"begin": 1, "check": 1})):
        append_line(folder.records, record.model_dump_json())
