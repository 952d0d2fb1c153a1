"""Execute one attempt at one job: its folder, its kernel, and its outcome.

An outcome is ``incomplete`` on disk before the first cell runs; only what the files support can
make it green. Works on whichever machine a spec was sent to; knows nothing about other jobs.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from proofbook.checks.journal import JOB_FOLDER, MEDIA_FOLDER
from proofbook.processes.temporary import TEMPORARY
from proofbook.records import Outcome, PlannedJob, now
from proofbook.runner.events import JobStarted, Sink, ignore
from proofbook.runner.execution import Execution, Limits
from proofbook.runner.executors.protocol import JobResult, JobSpec
from proofbook.runner.lacks import find_lacks, record_lacks
from proofbook.runner.logs import JobLog
from proofbook.runner.outcomes import OutcomeWriter, ended
from proofbook.runner.secret_removal import remove_secrets
from proofbook.runner.source import load_source
from proofbook.runner.temporary import temporary_folder
from proofbook.runs.folder import JobFolder, RunFolder
from proofbook.runs.media_index import MediaIndex
from proofbook.runs.record_redaction import redact_record
from proofbook.runs.redaction import Redactor
from proofbook.runs.secrets.env_files import read_env_files
from proofbook.runs.siblings import siblings
from proofbook.runs.verdicts import HARDWARE_CHECK, Stop, judge_job

__all__ = ["Worker", "execute_job"]


@dataclass(frozen=True, kw_only=True)
class Worker:
    """The process that executes jobs: what a spec cannot carry."""

    writer: OutcomeWriter
    """Writes into the run's own folder, or one of this machine's that is brought there."""
    sink: Sink = ignore
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    """What every kernel inherits from this machine."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    kernel_manager_class: Any = None
    runbook: Path | None = None
    """Where a runbook lies on this machine with all that is beside it; None: as the spec says."""

    @property
    def run(self) -> RunFolder:
        """The folder that jobs write into."""
        return self.writer.run

    @property
    def redact(self) -> Redactor:
        """Applied to everything written."""
        return self.writer.redact


def execute_job(spec: JobSpec, worker: Worker) -> JobResult:
    """Execute an attempt at a job; its outcome is on disk when this returns.

    Does not raise: what goes wrong with the harness itself is the job's outcome too.
    """
    job, started = spec.job, now()
    begun = _begun(spec, started)
    worker.sink(JobStarted(job=job.id, attempt=spec.attempt))
    try:
        folder = worker.writer.open_folder(job.id)
        worker.writer.write(begun)
        execution = _execute(spec, worker, folder)
        outcome = _judged(begun, started, job, worker, folder, execution)
        worker.writer.write(outcome)
    except Exception as error:  # noqa: BLE001 - it becomes the outcome, other jobs go on
        outcome = worker.writer.write_fault(begun, started, error)
    return JobResult(outcome=outcome)


def _begun(spec: JobSpec, started: datetime) -> Outcome:
    return Outcome(
        job=spec.job.id,
        runbook=spec.job.runbook,
        notebook_sha256=spec.notebook_sha256,
        resolved=dict(spec.resolved),
        attempts=spec.earlier,
        started=spec.earlier[0].started if spec.earlier else started,
    )


def _execute(spec: JobSpec, worker: Worker, folder: JobFolder) -> Execution | None:
    """Execute the notebook, or record what the machine lacks for it."""
    lacks = find_lacks(spec.job, worker.run.path)
    if spec.lacking:
        lacks = {HARDWARE_CHECK: spec.lacking}
    if lacks:
        record_lacks(spec.job, folder, lacks)
        return None
    redact = _redactor(spec, worker)
    with temporary_folder(spec.job.id) as temporary, JobLog(folder.log, redact) as log:
        execution = _prepare(spec, worker, folder, log, temporary)
        runbook = worker.runbook or Path(spec.notebook_path)
        with siblings(runbook, folder.work, log.write) as written:
            _execute_notebook(spec, worker, execution)
        if written:
            cause = f"{written[0]}, next to the runbook, changed while the job ran: rename it"
            execution.stop = Stop(kind="error", cause=cause)
    remove_secrets(folder, redact, from_log=execution.has_learned)
    return execution


def _redactor(spec: JobSpec, worker: Worker) -> Redactor:
    """Return a redactor of the job's own, which knows what the notebook may load and may learn."""
    redact = worker.redact.copy()
    redact.learn(spec.environment.items())
    root = spec.environment.get("PROOFBOOK_PROJECT")
    redact.learn(read_env_files(Path(spec.notebook_path).parent, Path(root) if root else None))
    return redact


def _prepare(
    spec: JobSpec, worker: Worker, folder: JobFolder, log: JobLog, temporary: Path
) -> Execution:
    folder.work.mkdir(exist_ok=True)
    left = spec.seconds_left
    return Execution(
        notebook=folder.notebook,
        notebook_path=spec.notebook_path,
        environment=_environment(spec, worker, folder, temporary),
        cwd=folder.work,
        log=log,
        limits=Limits(
            cell_timeout=spec.job.cell_timeout,
            job_deadline=time.monotonic() + spec.job.timeout,
            run_deadline=None if left is None else time.monotonic() + left,
        ),
        redact=log.redact,
        kernel_manager_class=worker.kernel_manager_class,
        cancelled=worker.cancelled,
        sink=worker.sink,
        job=spec.job.id,
        attempt=spec.attempt,
    )


def _environment(
    spec: JobSpec, worker: Worker, folder: JobFolder, temporary: Path
) -> dict[str, str]:
    environment = {
        **worker.environment,
        **spec.environment,
        JOB_FOLDER: str(folder.path),
        MEDIA_FOLDER: str(worker.run.media),
        "PROOFBOOK_RUN": spec.run_id,
        "PROOFBOOK_JOB": spec.job.id,
        "TMPDIR": str(temporary),
        TEMPORARY: str(temporary),
    }
    if spec.job.memory_limit_gb is not None:
        environment["PROOFBOOK_MEMORY_LIMIT_GB"] = str(spec.job.memory_limit_gb)
    return environment


def _execute_notebook(spec: JobSpec, worker: Worker, execution: Execution) -> None:
    """Execute the notebook; whatever ends it early is in ``execution.stop`` afterwards."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError

    from proofbook.errors import Incomplete

    try:
        execute_notebook(
            load_source(spec.notebook),
            None,
            parameters={**spec.job.parameters, **spec.resolved},
            engine_name="proofbook",
            kernel_name="proofbook",
            language="python",
            progress_bar=False,
            execution=execution,
        )
    except (PapermillExecutionError, CellTimeoutError, DeadKernelError, Incomplete):
        return
    except OSError as error:
        worker.writer.reserve.release()
        unsaved = Stop(kind="error", cause=f"{error}; free space or rights, then --resume")
        execution.stop = execution.stop or unsaved
    except RuntimeError as error:
        execution.stop = Stop(
            kind="cancelled" if worker.cancelled.is_set() else "crashed",
            cause=f"the kernel could not be started: {error}",
        )


def _judged(
    begun: Outcome,
    started: datetime,
    job: PlannedJob,
    worker: Worker,
    folder: JobFolder,
    execution: Execution | None,
) -> Outcome:
    """Return what the files of an attempt support, and never more."""
    stop = execution.stop if execution else None
    media = MediaIndex(worker.run.media)
    verdict = judge_job(job, folder, media, stop, begun.resolved).outcome
    outcome = begun.model_copy(
        update={
            "status": verdict.status,
            "cause": verdict.cause,
            "allowed": verdict.allowed,
            "flaky": verdict.status == "passed"
            and not all(attempt.infrastructure for attempt in begun.attempts),
            "failure": verdict.failure,
            "cells": verdict.cells,
            "kernel": execution.kernel if execution else "",
        }
    )
    redact = execution.redact if execution else worker.redact
    return Outcome.model_validate(redact_record(redact, ended(outcome, started)))
