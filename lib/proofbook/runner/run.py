"""One execution of a profile: plan -> execute -> collect.

The run folder exists, with every job ``incomplete``, before the first kernel starts; whatever
happens afterwards, its files say what is true.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from proofbook.errors import UsageError
from proofbook.hardware import cores, default_slots, describe
from proofbook.kernels.session import WarmKernelManager
from proofbook.project import Project
from proofbook.records import Outcome, PlannedJob, Resumption, RunInfo, Verdict, now
from proofbook.runner.forkservers import template_for
from proofbook.runner.guards import cancelled_by_signals, claimed
from proofbook.runner.imports import importing_papermill
from proofbook.runner.job import JobContext, run_job
from proofbook.runner.livereport import LiveReport
from proofbook.runner.plan import Plan
from proofbook.runner.progress import Progress
from proofbook.runner.provenance import read_commit, read_environment
from proofbook.runner.reserve import Reserve
from proofbook.runner.resume import Rerun, kept_outcomes, runbooks_of
from proofbook.runner.schedule import Obstacle, execute_plan
from proofbook.runner.temporary import remove_orphans
from proofbook.runs.folder import RunFolder
from proofbook.runs.run_verdict import run_verdict, worse_verdict
from proofbook.signoff.run_status import read_run

__all__ = ["RunResult", "begin_run", "execute_run"]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """How a run ended, and where its report is."""

    folder: RunFolder
    verdict: Verdict
    outcomes: Mapping[str, Outcome]
    report: Path


def begin_run(project: Project, plan: Plan, outputs: Path, slots: int | None) -> RunFolder:
    """Make a new run folder with its ``run.json``.

    Raises:
        UsageError: The outputs folder cannot be written.
    """
    started = now()
    run_id = f"{started:%Y%m%d-%H%M%S}-{plan.profile}-{secrets.token_hex(2)}"
    folder = RunFolder(outputs.resolve() / run_id)
    commit = read_commit(project.root)
    try:
        folder.media.mkdir(parents=True)
        folder.write_info(
            RunInfo(
                run_id=run_id,
                profile=plan.profile,
                profile_path=plan.path,
                plan=plan.jobs,
                slots=min(slots or default_slots(), len(plan.jobs)),
                warm=plan.settings.warm,
                timeout=plan.settings.timeout,
                commit=commit.id,
                dirty=commit.dirty,
                environment=read_environment(),
                hardware=describe(outputs),
                started=started,
            )
        )
    except OSError as error:
        raise UsageError(
            f"cannot write a run in {outputs}: {error.strerror}; give another --outputs"
        ) from error
    return folder


def execute_run(
    folder: RunFolder,
    project: Project,
    *,
    rerun: Rerun,
    progress: Progress,
    slots: int | None = None,
    cold: bool = False,
) -> RunResult:
    """Execute what is left of a run, and write its report.

    Args:
        folder: A run folder with its ``run.json``.
        project: Where the runbooks are.
        rerun: Which jobs of an earlier try run again.
        progress: Told of everything that happens.
        slots: How many jobs at a time; by default as planned.
        cold: Start an ordinary kernel for each job.

    Raises:
        RunFolderError: Another process is executing this run, or its runbooks do not fit it.
    """
    cancelled = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(claimed(folder))
        info = _reopened(folder, project, slots)
        runbooks = runbooks_of(project, info)
        done = kept_outcomes(folder, info, runbooks, rerun)
        reserve = Reserve(folder.path)
        stack.callback(reserve.release)
        stack.enter_context(cancelled_by_signals(cancelled, progress.note))
        stack.enter_context(progress.showing(info, done))
        report = LiveReport(folder, reserve, progress.note)
        folder.write_info(info)
        report.write()
        remove_orphans()
        with importing_papermill():
            template = stack.enter_context(template_for(info.warm, progress.note, cold=cold))
        context = JobContext(
            run=folder,
            runbooks=runbooks,
            reserve=reserve,
            environment=_environment(info, template),
            run_deadline=None if info.timeout is None else time.monotonic() + info.timeout,
            cancelled=cancelled,
            kernel_manager_class=WarmKernelManager,
            on_cell=progress.cell,
        )
        outcomes = _execute_jobs(info, context, done, progress, report)
        return _collect(folder, info, outcomes, reserve, report)


def _reopened(folder: RunFolder, project: Project, slots: int | None) -> RunInfo:
    """Return the run as not ended; of a later try, say what it is made with."""
    info = folder.read_info()
    update: dict[str, object] = {"verdict": "incomplete", "ended": None}
    if slots is not None:
        update["slots"] = min(slots, len(info.plan))
    if folder.report.exists():
        commit = read_commit(project.root)
        again = Resumption(commit=commit.id, dirty=commit.dirty, environment=read_environment())
        update["resumed"] = (*info.resumed, again)
    return info.model_copy(update=update)


def _execute_jobs(
    info: RunInfo,
    context: JobContext,
    done: Mapping[str, Outcome],
    progress: Progress,
    report: LiveReport,
) -> dict[str, Outcome]:
    deadline = context.run_deadline

    def execute(job: PlannedJob) -> Outcome:
        progress.started(job.id)
        return run_job(job, context)

    def end(outcome: Outcome) -> None:
        progress.ended(outcome)
        report.changed()

    return execute_plan(
        info.plan,
        slots=info.slots,
        execute=execute,
        refuse=lambda job, obstacle: _refuse(job, obstacle, context),
        done=done,
        cancelled=context.cancelled,
        on_end=end,
        on_tick=report.write_if_due,
        expired=lambda: deadline is not None and time.monotonic() >= deadline,
    )


def _environment(info: RunInfo, template: str) -> dict[str, str]:
    """Return the kernels' environment: jobs that run side by side share the cores."""
    return {
        "OMP_NUM_THREADS": str(max(1, cores() // info.slots)),
        **os.environ,
        "PROOFBOOK_RUN": info.run_id,
        "PROOFBOOK_TEMPLATE": template,
    }


def _refuse(job: PlannedJob, obstacle: Obstacle, context: JobContext) -> Outcome:
    folder = context.run.job(job.id)
    outcome = Outcome(
        job=job.id,
        runbook=job.runbook,
        status=obstacle.status,
        cause=obstacle.reason,
        ended=now(),
    )

    def write() -> None:
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.set_aside()
        folder.write_outcome(outcome)

    context.reserve.writing(write)
    return outcome


def _collect(
    folder: RunFolder,
    info: RunInfo,
    outcomes: Mapping[str, Outcome],
    reserve: Reserve,
    report: LiveReport,
) -> RunResult:
    # One job may have spoilt the files of another after that one was judged.
    supported = read_run(folder, media=report.media).supported
    final = worse_verdict(run_verdict(info.plan, outcomes), supported)
    info = info.model_copy(update={"verdict": final, "ended": now()})
    reserve.writing(lambda: folder.write_info(info))
    return RunResult(folder=folder, verdict=final, outcomes=outcomes, report=report.write())
