"""One execution of a profile: plan -> execute -> collect.

The run folder exists, with every job ``incomplete``, before the first kernel starts; whatever
happens afterwards, its files say what is true.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import UsageError
from proofbook.hardware import describe
from proofbook.project import Project
from proofbook.records import Outcome, Resumption, RunInfo, Verdict, now
from proofbook.runner.attempts import Fence
from proofbook.runner.dispatch import Dispatcher, Inbox
from proofbook.runner.events import Note, Sink, broadcast
from proofbook.runner.executors.choice import find_capacity, open_executor
from proofbook.runner.executors.kinds import LOCAL, Choice
from proofbook.runner.feasibility import find_lacking
from proofbook.runner.guards import cancelled_by_signals, claimed
from proofbook.runner.handover import Handover
from proofbook.runner.lacks import describe_lacks
from proofbook.runner.livereport import LiveReport
from proofbook.runner.outcomes import OutcomeWriter
from proofbook.runner.plan import Plan
from proofbook.runner.progress import Progress
from proofbook.runner.provenance import read_commit, read_environment
from proofbook.runner.reserve import Reserve
from proofbook.runner.resume import Rerun, kept_outcomes, runbooks_of
from proofbook.runner.schedule import Schedule
from proofbook.runs.finding import next_stamp
from proofbook.runs.folder import RunFolder
from proofbook.runs.redaction import Redactor
from proofbook.runs.run_verdict import run_verdict, worse_verdict
from proofbook.signoff.entries import FIRST, Change
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.run_status import read_run
from proofbook.signoff.sealing import broken_seal, seal_run
from proofbook.signoff.trust import Trust, TrustedLog, find_trust

__all__ = ["RunResult", "begin_run", "execute_run"]


class RunResult(NamedTuple):
    """How a run ended, and where its report is."""

    verdict: Verdict
    report: Path


def begin_run(project: Project, plan: Plan, outputs: Path, slots: int) -> RunFolder:
    """Make a new run folder with its ``run.json``.

    Raises:
        UsageError: The outputs folder cannot be written, or the signers file not be read.
    """
    find_trust(project)  # a signers file that cannot be read is said before anything runs
    started = now()
    run_id = f"{next_stamp(outputs, started)}-{plan.profile}-{secrets.token_hex(2)}"
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
                slots=slots,
                warm=plan.settings.warm,
                timeout=plan.settings.timeout,
                commit=commit.id,
                dirty=commit.dirty,
                environment=read_environment(),
                hardware=describe(outputs),
                machine=socket.gethostname(),
                started=started,
            ),
            Redactor.of_project(project.root),
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
    choice: Choice = LOCAL,
) -> RunResult:
    """Execute what is left of a run, and write its report.

    Args:
        folder: A run folder with its ``run.json``.
        project: Where the runbooks are.
        rerun: Which jobs of an earlier try run again.
        progress: Shows everything that happens.
        slots: How many jobs at a time; by default as planned.
        cold: Start an ordinary kernel for each job.
        choice: What executes the jobs.

    Raises:
        UsageError: There is no such cluster.
        RunFolderError: Another process executes it, or its runbooks or this machine do not fit it.
    """
    trust = find_trust(project)
    broken = _broken_seal(folder, trust)
    inbox = Inbox()
    cancel = partial(inbox.put, "cancel")
    with claimed(folder), Reserve(folder.path) as reserve, cancelled_by_signals(cancel):
        handover = _hand_over(folder, project, reserve, slots, choice)
        info, capacity = handover.info, handover.capacity
        done = kept_outcomes(folder, info, handover.runbooks, rerun)
        report = LiveReport(folder, len(info.plan), reserve, progress.handle, trust=trust)
        fence = Fence(broadcast(progress.handle, report.handle))
        folder.write_info(info, handover.writer.redact)
        if choice.is_local:
            _note_lacks(info, done, folder, progress.handle)
        with (
            progress.showing(info, done),
            report.following(),
            open_executor(
                info, handover.writer, capacity, fence, cold=cold, choice=choice
            ) as executor,
        ):
            schedule = Schedule(info.plan, capacity, done, handover.lacking)
            outcomes = Dispatcher(schedule, executor, handover, fence, inbox).run()
        return _collect(handover, outcomes, report, broken)


def _broken_seal(folder: RunFolder, trust: Trust) -> list[Change]:
    """Return what of a run that is resumed has changed since it ended last."""
    log = SignoffLog(folder.path, folder.path.name).read()
    if log.seal is None:
        return []
    return broken_seal(folder.path, log.seal, TrustedLog(trust, log.entries).acceptances)


def _hand_over(
    folder: RunFolder, project: Project, reserve: Reserve, slots: int | None, choice: Choice
) -> Handover:
    """Return what is needed to hand jobs to an executor, where the run can be executed here."""
    info = _reopened(folder, project, slots)
    capacity = find_capacity(info.plan, info.slots, choice)
    return Handover(
        info=info,
        writer=OutcomeWriter(run=folder, reserve=reserve, redact=Redactor.of_project(project.root)),
        runbooks=runbooks_of(project, info),
        capacity=capacity,
        lacking=find_lacking(info, capacity),
        deadline=None if info.timeout is None else time.monotonic() + info.timeout,
        root=project.root,
    )


def _note_lacks(info: RunInfo, done: Mapping[str, Outcome], folder: RunFolder, sink: Sink) -> None:
    if lacks := describe_lacks((job for job in info.plan if job.id not in done), folder.path):
        sink(Note(text=lacks))


def _reopened(folder: RunFolder, project: Project, slots: int | None) -> RunInfo:
    """Return the run as not ended; of a resumed one, with what it is resumed with."""
    info = folder.read_info()
    update: dict[str, object] = {"verdict": "incomplete", "ended": None}
    if slots is not None:
        update["slots"] = min(slots, len(info.plan))
    log = SignoffLog(folder.path, info.run_id)
    if folder.report.exists() or log.path.exists():
        commit = read_commit(project.root)
        again = Resumption(
            commit=commit.id, dirty=commit.dirty, environment=read_environment(),
            machine=socket.gethostname(), log_head=next(reversed(log.read().hashes), FIRST),
        )  # fmt: skip
        update["resumed"] = (*info.resumed, again)
    return info.model_copy(update=update)


def _collect(
    handover: Handover,
    outcomes: Mapping[str, Outcome],
    report: LiveReport,
    broken: Sequence[Change],
) -> RunResult:
    info, writer = handover.info, handover.writer
    folder, reserve = writer.run, writer.reserve
    # One job may have spoilt the files of another after that one was judged.
    supported = read_run(folder, media=report.media).supported
    final = worse_verdict(run_verdict(info.plan, outcomes), supported)
    info = info.model_copy(update={"verdict": final, "ended": now()})
    reserve.writing(lambda: folder.write_info(info, writer.redact))
    log = SignoffLog(folder.path, info.run_id)
    hash_of = report.media.sha256
    reserve.writing(lambda: seal_run(folder, log, info.run_id, hash_of=hash_of, changed=broken))
    return RunResult(final, report.write())
