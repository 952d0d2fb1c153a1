"""The last approved take of each piece of evidence: approval is promotion.

Nothing is stored: baselines follow from the sign-off logs of the runs below ``outputs/``. A take
does not count if it was rejected later, its answer has expired, or its bytes have changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from proofbook.records import Evidence, Question, RunInfo, now
from proofbook.runs.finding import read_runs
from proofbook.runs.folder import RunFolder
from proofbook.signoff.binding import AskedJob, bind, read_asked_job
from proofbook.signoff.entries import Answer
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.question_status import question_state
from proofbook.signoff.trust import EVERYBODY, Trust, TrustedLog

__all__ = ["Baseline", "Key", "find_baselines", "take_key"]

Key = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """One approved take."""

    run: RunFolder
    run_id: str
    job: str
    evidence: Evidence
    answer: Answer

    @property
    def path(self) -> Path:
        """The file."""
        return self.run.media / self.evidence.file.filename


def take_key(runbook: str, job: str, evidence: Evidence) -> Key:
    """Return what makes two takes the same thing in two runs: runbook, job and name."""
    return runbook, job, evidence.name


def find_baselines(
    outputs: Path,
    *,
    before: str = "",
    moment: datetime | None = None,
    trust: Trust = EVERYBODY,
) -> dict[Key, Baseline]:
    """Return the last approved takes of all runs, or of those before a run, in the order of names.

    Runs whose log was tampered with have none.
    """
    baselines: dict[Key, Baseline] = {}
    moment = moment or now()
    for run, info in read_runs(outputs, with_file="signoffs.jsonl"):
        if before and info.run_id >= before:
            continue
        for key, baseline in _approved(run, info, moment, trust):
            baselines.setdefault(key, baseline)
    return baselines


def _approved(
    run: RunFolder, info: RunInfo, moment: datetime, trust: Trust
) -> Iterator[tuple[Key, Baseline]]:
    log = SignoffLog(run.path, info.run_id).read()
    if log.problems:
        return
    trusted = TrustedLog(trust, log.entries)
    for planned in info.plan:
        if planned.id in log.by_job:
            job = read_asked_job(run, info, planned)
            yield from _approved_of(run, job, log.by_job[planned.id], moment, trusted)


def _approved_of(
    run: RunFolder,
    job: AskedJob,
    answers: Mapping[str, Sequence[Answer]],
    moment: datetime,
    trusted: TrustedLog,
) -> Iterator[tuple[Key, Baseline]]:
    approvals_of: dict[str, list[tuple[Question, Answer | None]]] = {}
    for question in job.questions:
        binding = bind(job, question, run.media)
        state = question_state(question, binding, answers.get(question.name, ()), moment, trusted)
        approval = state.answers[-1] if state.status == "approved" else None
        for sha256 in question.about:
            approvals_of.setdefault(sha256, []).append((question, approval))
    for sha256, asked in approvals_of.items():
        required = [approval for question, approval in asked if question.required]
        approvals = [approval for _, approval in asked if approval is not None]
        if approvals and all(required) and sha256 in job.evidence:
            evidence = job.evidence[sha256]
            baseline = Baseline(
                run=run, run_id=job.run_id, job=job.id, evidence=evidence, answer=approvals[-1]
            )
            yield take_key(job.runbook, job.id, evidence), baseline
