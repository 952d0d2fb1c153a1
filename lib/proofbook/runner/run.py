"""One execution of a profile: plan -> execute -> collect.

The run folder exists, with every job ``incomplete``, before the first kernel starts; whatever
happens afterwards, its files say what is true.
"""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from proofbook.errors import KernelError, RunFolderError, TemplateError, UsageError
from proofbook.hardware import cores, default_slots, describe
from proofbook.judgement import unanswered, verdict
from proofbook.kernels.ownership import start_template
from proofbook.kernels.session import WarmKernelManager
from proofbook.kernels.warmth import find_shared
from proofbook.notebooks import Runbook
from proofbook.project import Project
from proofbook.records import Outcome, PlannedJob, Question, RunInfo, Verdict, now
from proofbook.report import write_report
from proofbook.runner.job import JobContext, run_job
from proofbook.runner.plan import Plan
from proofbook.runner.progress import Progress
from proofbook.runner.provenance import read_commit, read_environment
from proofbook.runner.reserve import Reserve
from proofbook.runner.schedule import Obstacle, execute_plan
from proofbook.storage import RunFolder, read_records

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
    runbooks: Mapping[str, Runbook],
    *,
    done: Mapping[str, Outcome],
    progress: Progress,
    cold: bool = False,
) -> RunResult:
    """Execute what is left of a run, and write its report.

    Args:
        folder: A run folder with its ``run.json``.
        runbooks: Every runbook of the plan by name.
        done: Outcomes kept from an earlier try of the same run.
        progress: Told of everything that happens.
        cold: Start an ordinary kernel for each job.

    Raises:
        RunFolderError: Another process is executing this run.
    """
    info = folder.read_info()
    cancelled = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(_claimed(folder))
        reserve = Reserve(folder.path)
        stack.callback(reserve.release)
        stack.enter_context(_cancelled_by_signals(cancelled, progress))
        stack.enter_context(progress.showing(info, done))
        _report(folder, reserve)
        template = stack.enter_context(_template(info, cold, progress))
        deadline = None if info.timeout is None else time.monotonic() + info.timeout
        context = JobContext(
            run=folder,
            runbooks=runbooks,
            reserve=reserve,
            environment=_environment(info, template),
            run_deadline=deadline,
            cancelled=cancelled,
            kernel_manager_class=WarmKernelManager,
            on_cell=progress.cell,
        )

        def execute(job: PlannedJob) -> Outcome:
            progress.started(job.id)
            return run_job(job, context)

        outcomes = execute_plan(
            info.plan,
            slots=info.slots,
            execute=execute,
            refuse=lambda job, obstacle: _refuse(job, obstacle, folder, reserve),
            done=done,
            cancelled=cancelled,
            on_end=progress.ended,
            expired=lambda: deadline is not None and time.monotonic() >= deadline,
        )
        return _collect(folder, info, outcomes, reserve)


@contextmanager
def _template(info: RunInfo, cold: bool, progress: Progress) -> Iterator[str]:
    """Yield where kernels are forked: a template that lives as long as the run, or ``off``."""
    shared = None if cold else find_shared(info.warm)
    if cold or shared is not None:
        yield "off" if shared is None else str(shared)
        return
    try:
        template = start_template(info.warm)
    except KernelError as error:
        progress.note(f"ordinary kernels only: {error}")
        yield "off"
        return
    with template:
        progress.note("importing the libraries that warm kernels share")
        try:
            status = template.wait_ready()
            progress.note("; ".join(status.warnings))
            yield str(template.socket)
        except TemplateError as error:
            progress.note(f"ordinary kernels only: {error}")
            yield "off"


def _environment(info: RunInfo, template: str) -> dict[str, str]:
    """Return the kernels' environment: jobs that run side by side share the cores."""
    return {
        "OMP_NUM_THREADS": str(max(1, cores() // info.slots)),
        **os.environ,
        "PROOFBOOK_RUN": info.run_id,
        "PROOFBOOK_TEMPLATE": template,
    }


def _refuse(job: PlannedJob, obstacle: Obstacle, run: RunFolder, reserve: Reserve) -> Outcome:
    folder = run.job(job.id)
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

    reserve.writing(write)
    return outcome


def _collect(
    folder: RunFolder, info: RunInfo, outcomes: Mapping[str, Outcome], reserve: Reserve
) -> RunResult:
    pending = sum(
        unanswered(
            r for r in read_records(folder.job(job.id).records)[0] if isinstance(r, Question)
        )
        for job in info.plan
    )
    final = verdict(info.plan, outcomes, pending)
    info = info.model_copy(update={"verdict": final, "ended": now()})
    reserve.writing(lambda: folder.write_info(info))
    report = _report(folder, reserve)
    return RunResult(folder=folder, verdict=final, outcomes=outcomes, report=report)


def _report(folder: RunFolder, reserve: Reserve) -> Path:
    return reserve.writing(lambda: write_report(folder))


@contextmanager
def _claimed(folder: RunFolder) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(folder.path / ".lock", timeout=0)
    try:
        with lock:
            yield
    except Timeout as error:
        raise RunFolderError(f"{folder.path} is being executed by another process") from error
    finally:
        (folder.path / ".lock").unlink(missing_ok=True)


@contextmanager
def _cancelled_by_signals(cancelled: threading.Event, progress: Progress) -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into a clean cancel; a second one ends at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        if cancelled.is_set():
            os._exit(130)
        cancelled.set()
        progress.note("cancelling: the running jobs are ended; once more to end at once")

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Callable[..., Any] | int | None] = {
        number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
