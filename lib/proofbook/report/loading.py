"""Turn a run that was read back into the summary from which every form of the report is written."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from pydantic import JsonValue

from proofbook.collector import collector_paused
from proofbook.files import is_readable, open_file
from proofbook.records import (
    Check,
    Evidence,
    Fault,
    Finish,
    Identity,
    Metric,
    Outcome,
    Output,
    PlannedJob,
    RunInfo,
)
from proofbook.report.redactions import count_redactions
from proofbook.report.summary import JobSummary, RunSummary
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_index import MediaIndex
from proofbook.signoff.binding import AskedJob
from proofbook.signoff.run_status import JobStatus, RunStatus, read_run
from proofbook.signoff.trust import EVERYBODY, Trust

__all__ = ["LOG_LINES", "load_run", "read_tail"]

LOG_LINES = 60
_TAIL_BYTES = 64 * 1024
_LONGEST_LINE = 2000
_TERMINAL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.|[\x00-\x08\x0b-\x1f\x7f]"
)


@collector_paused()
def load_run(
    folder: RunFolder,
    moment: datetime | None = None,
    *,
    media: MediaIndex | None = None,
    trust: Trust = EVERYBODY,
) -> RunSummary:
    """Return what the files of a run support at a moment; by default, now.

    Args:
        folder: The run.
        moment: When answers are to be valid.
        media: Hashes of its media; one that outlives this call saves hashing them again.
        trust: Whose answers count.

    Raises:
        RunFolderError: The folder is not a run.
    """
    status = read_run(folder, moment=moment, media=media, trust=trust)
    info = status.info
    return RunSummary(
        run_id=info.run_id,
        profile=info.profile,
        profile_path=info.profile_path,
        verdict=status.verdict,
        cause=status.cause,
        started=info.started,
        ended=info.ended,
        slots=info.slots,
        commit=info.commit,
        dirty=info.dirty,
        environment=info.environment,
        hardware=info.hardware,
        jobs=tuple(
            _summarise(folder, job, machine)
            for job, machine in zip(status.jobs, _machines(status), strict=True)
        ),
        log_problems=tuple(problem.text for problem in status.log.problems),
    )


def read_tail(path: Path, lines: int = LOG_LINES) -> tuple[str, ...]:
    """Return the last lines of a log as plain text; reads no more than 64 KB of it.

    Terminal colours and control characters are removed; of a progress bar, the last state stays.
    """
    try:
        with open_file(path) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            content = file.read()
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (f"{path.name} cannot be read: {error.strerror}",)
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    tail = text.split("\n")
    if size > _TAIL_BYTES and len(tail) > 1:
        tail = tail[1:]
    if not tail[-1]:
        tail.pop()
    tail = tail[-lines:]
    if _TERMINAL.search(text):
        tail = [_plain(line) for line in tail]
    return tuple(
        line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + " …" for line in tail
    )


def _plain(line: str) -> str:
    last_state = line.rstrip("\r").rpartition("\r")[2]
    return _TERMINAL.sub("", last_state)


def _machines(status: RunStatus) -> list[str]:
    """Return where each job was executed; nothing where all were executed on one machine."""
    names = [_machine(status.info, job.outcome) for job in status.jobs]
    return names if len({*names} - {""}) > 1 else [""] * len(names)


def _machine(info: RunInfo, outcome: Outcome) -> str:
    if outcome.started is None:
        return ""
    if outcome.node is not None:
        return outcome.node.name
    begun = [each.machine for each in info.resumed if each.time <= outcome.started]
    return begun[-1] if begun else info.machine


def _summarise(run: RunFolder, job: JobStatus, machine: str) -> JobSummary:
    judged, outcome, asked = job.judged, job.outcome, job.asked
    folder = run.job(asked.id)
    return JobSummary(
        id=asked.id,
        runbook=asked.runbook,
        outcome=outcome.status,
        cause=outcome.cause,
        allowed=outcome.allowed,
        flaky=outcome.flaky,
        parameters=_in_force(asked, judged.planned, outcome),
        named=_named(judged.planned, outcome),
        needs=judged.planned.needs,
        allow_skips=judged.planned.allow_skips,
        seconds=outcome.seconds,
        started=outcome.started,
        ended=outcome.ended,
        kernel=outcome.kernel,
        machine=machine,
        tested={identity.name: identity.revision for identity in judged.of_kind(Identity)},
        checks=judged.of_kind(Check),
        metrics=judged.of_kind(Metric),
        evidence=judged.of_kind(Evidence),
        outputs=judged.of_kind(Output),
        questions=job.questions,
        answers={name: state.answers for name, state in job.states.items() if state.answers},
        reasons={name: state.reason for name, state in job.states.items() if state.reason},
        waived_checks=dict(job.waived_checks),
        bound=_bound(asked),
        cells=outcome.cells,
        attempts=outcome.attempts,
        failure=outcome.failure,
        notebook=_relative(folder.notebook, run.path) if judged.notebook_sha256 else "",
        log=_relative(folder.log, run.path) if is_readable(folder.log) else "",
        log_tail=read_tail(folder.log),
        redacted=count_redactions(folder, run.media, judged.of_kind(Evidence)),
        unreadable_lines=judged.unreadable_lines,
        finished=bool(judged.of_kind(Finish)),
        faults=tuple(fault.what for fault in judged.of_kind(Fault)),
        media_problems=dict(judged.media_problems),
    )


def _in_force(asked: AskedJob, planned: PlannedJob, outcome: Outcome) -> dict[str, JsonValue]:
    """Return the parameters as the notebook recorded them, else as it got them."""
    unrecorded = {
        name: value
        for name, value in outcome.resolved.items()
        if asked.parameters.get(name) == planned.parameters.get(name)
    }
    return {**asked.parameters, **unrecorded}


def _named(planned: PlannedJob, outcome: Outcome) -> dict[str, JsonValue]:
    """Return what the plan has for the parameters that were resolved when the job started."""
    return {name: planned.parameters.get(name) for name in outcome.resolved}


def _bound(asked: AskedJob) -> dict[str, str]:
    if not asked.questions:
        return {}
    return {
        "notebook_sha256": asked.notebook_sha256,
        "parameters_sha256": asked.parameters_sha256,
        "checks_sha256": asked.checks_sha256,
    }


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
