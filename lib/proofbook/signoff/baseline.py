"""The last approved take of each piece of evidence: approval is promotion.

Nothing is stored: baselines follow from the sign-off logs of the runs below ``outputs/``. A take
that was rejected later, whose answer has expired, or whose bytes have changed is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from proofbook.records import Evidence, PlannedJob, Question, RunInfo, now
from proofbook.runs.folder import RunFolder, iter_runs
from proofbook.signoff.binding import AskedJob, bind
from proofbook.signoff.entries import Answer
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.status import stand

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
    outputs: Path, *, before: datetime | None = None, moment: datetime | None = None
) -> dict[Key, Baseline]:
    """Return the last approved takes of all runs, or of those that started before a moment."""
    found: dict[Key, Baseline] = {}
    moment = moment or now()
    for run in iter_runs(outputs):
        if not (run.path / "signoffs.jsonl").exists():
            continue
        info = run.read_info()
        if before is not None and info.started >= before:
            continue
        for key, baseline in _approved(run, info, moment):
            found.setdefault(key, baseline)
    return found


def _approved(run: RunFolder, info: RunInfo, moment: datetime) -> Iterator[tuple[Key, Baseline]]:
    by_job = SignoffLog(run.path, info.run_id).read().by_job
    for planned in info.plan:
        if planned.id in by_job:
            yield from _approved_of(run, info.run_id, planned, by_job[planned.id], moment)


def _approved_of(
    run: RunFolder,
    run_id: str,
    planned: PlannedJob,
    answers: Mapping[str, Sequence[Answer]],
    moment: datetime,
) -> Iterator[tuple[Key, Baseline]]:
    job = AskedJob(run, run_id, planned)
    states: dict[str, list[tuple[Question, Answer | None]]] = {}
    for question in job.questions:
        binding = bind(job, question, run.media)
        standing = stand(question, binding, answers.get(question.name, ()), moment)
        approval = standing.answers[-1] if standing.status == "approved" else None
        for sha256 in question.about:
            states.setdefault(sha256, []).append((question, approval))
    for sha256, said in states.items():
        required = [answer for question, answer in said if question.required]
        approvals = [answer for _, answer in said if answer is not None]
        if approvals and all(required) and sha256 in job.evidence:
            evidence = job.evidence[sha256]
            baseline = Baseline(
                run=run, run_id=run_id, job=job.id, evidence=evidence, answer=approvals[-1]
            )
            yield take_key(planned.runbook, planned.id, evidence), baseline
