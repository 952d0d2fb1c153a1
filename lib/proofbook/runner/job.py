"""Execute one job: its folder, its kernel, its attempts, and its outcome.

An outcome is ``incomplete`` on disk before the first cell runs; only what the files support can
make it green. Knows nothing about other jobs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from proofbook.hardware import missing
from proofbook.journal import JOB_FOLDER, MEDIA_FOLDER
from proofbook.judgement import judge
from proofbook.notebooks import Runbook
from proofbook.records import (
    Attempt,
    Begin,
    Check,
    Finish,
    Outcome,
    OutcomeStatus,
    PlannedJob,
    now,
)
from proofbook.redaction import Redactor
from proofbook.runner.cells import read_cells
from proofbook.runner.execution import CellProgress, Execution, Limits, Stop
from proofbook.runner.logs import JobLog
from proofbook.runner.reserve import Reserve
from proofbook.runner.temporary import temporary_folder
from proofbook.storage import JobFolder, RunFolder, append_line, read_records

__all__ = ["JobContext", "run_job"]

_HARDWARE_CHECK = "hardware"


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """What all jobs of a run share."""

    run: RunFolder
    runbooks: Mapping[str, Runbook]
    reserve: Reserve
    environment: Mapping[str, str]
    """Of every kernel: the runner's own, with the template's socket and the share of threads."""
    run_deadline: float | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    redact: Redactor = field(default_factory=Redactor.from_environment)
    kernel_manager_class: Any = None
    on_cell: Callable[[str, CellProgress], None] = lambda job, progress: None


def run_job(job: PlannedJob, context: JobContext) -> Outcome:
    """Execute a job with its retries; return its outcome, which is on disk by then."""
    folder = context.run.job(job.id)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.set_aside()
    attempts: list[Attempt] = []
    while True:
        outcome = _attempt(job, context, folder, tuple(attempts))
        attempts = list(outcome.attempts)
        is_infrastructure = outcome.status == "crashed"
        if not is_infrastructure or len(attempts) > job.retries or context.cancelled.is_set():
            return outcome
        folder.set_aside()


def _attempt(
    job: PlannedJob, context: JobContext, folder: JobFolder, earlier: tuple[Attempt, ...]
) -> Outcome:
    started = now()
    runbook = context.runbooks[job.runbook]
    outcome = Outcome(
        job=job.id,
        runbook=job.runbook,
        notebook_sha256=runbook.sha256,
        attempts=earlier,
        started=started,
    )
    context.reserve.writing(lambda: folder.write_outcome(outcome))
    execution = _execute_or_skip(job, context, folder)
    stop = execution.stop if execution else None
    status, cause, allowed = _judge(job, context, folder, stop)
    ended = now()
    attempt = Attempt(
        number=len(earlier) + 1, status=status, cause=cause, started=started, ended=ended
    )
    outcome = outcome.model_copy(
        update={
            "status": status,
            "cause": context.redact(cause),
            "allowed": allowed,
            "flaky": status == "passed" and bool(earlier),
            "failure": stop.failure if stop else None,
            "cells": read_cells(folder.notebook),
            "attempts": (*earlier, attempt),
            "kernel": execution.kernel if execution else "",
            "started": _first_start(earlier, started),
            "ended": ended,
        }
    )
    context.reserve.writing(lambda: folder.write_outcome(_redacted(outcome, context.redact)))
    return outcome


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


def _first_start(earlier: tuple[Attempt, ...], started: datetime) -> datetime:
    return earlier[0].started if earlier else started


def _redacted(outcome: Outcome, redact: Redactor) -> Outcome:
    return Outcome.model_validate_json(redact(outcome.model_dump_json()))
