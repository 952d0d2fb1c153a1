"""Recompute everything about a run: is it approved, by whom, and are these the bytes?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from proofbook.errors import RunFolderError
from proofbook.records import now
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_index import MediaIndex
from proofbook.signoff.entries import Answer
from proofbook.signoff.log import LogState, SignoffLog
from proofbook.signoff.question_status import pending_reason
from proofbook.signoff.run_status import JobStatus, RunStatus, read_run
from proofbook.signoff.sealing import report_problems, seal_problems
from proofbook.signoff.signing import fingerprint, signature_problem

__all__ = ["Verification", "verify_run"]

ReleaseVerdict = Literal[
    "approved", "passed", "waived", "pending", "unsealed", "expired", "stale", "rejected", "failed",
    "tampered",
]  # fmt: skip

_WORST_FIRST: tuple[ReleaseVerdict, ...] = (
    "tampered", "failed", "rejected", "stale", "expired", "unsealed", "pending", "waived"
)  # fmt: skip


_UNSEALED = (
    "the run was never sealed, so nothing shows that its files are as it left them; "
    "proofbook run --resume ends and seals it"
)


@dataclass(frozen=True, kw_only=True)
class Verification:
    """One verdict, and the reasons for it."""

    verdict: ReleaseVerdict
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    """What a reader should know and what changes nothing."""
    answers: tuple[Answer, ...]

    @property
    def exit_code(self) -> int:
        """0 where all that was asked is approved, or nothing was asked and the machine passed."""
        return 0 if self.verdict in ("approved", "passed") else 1


def verify_run(run: RunFolder, moment: datetime | None = None) -> Verification:
    """Compute every hash, every question's status and the machine's result from the files alone.

    Raises:
        RunFolderError: The folder is not a run.
    """
    media = MediaIndex(run.media)
    tampered, log = _read_log(run, media)
    try:
        status = read_run(run, moment=moment or now(), media=media)
    except (RunFolderError, OSError) as error:
        if not tampered:
            raise
        return Verification(
            verdict="tampered", reasons=(*tampered, str(error)), notes=log.notes, answers=()
        )
    reasons: dict[ReleaseVerdict, list[str]] = {verdict: [] for verdict in _WORST_FIRST}
    reasons["tampered"] = tampered
    reasons["failed"] = _machine_problems(status)
    if log.seal is None:
        reasons["unsealed"] = [_UNSEALED]
    for job in status.jobs:
        for verdict, reason in _open_questions(job):
            reasons[verdict].append(reason)
    good: ReleaseVerdict = "approved" if log.answers else "passed"
    return Verification(
        verdict=next((verdict for verdict in _WORST_FIRST if reasons[verdict]), good),
        reasons=tuple(reason for verdict in _WORST_FIRST for reason in reasons[verdict]),
        notes=(*log.notes, *_signature_notes(log)),
        answers=log.answers,
    )


def _read_log(run: RunFolder, media: MediaIndex) -> tuple[list[str], LogState]:
    """Return every sign that something was changed, and the log."""
    log = SignoffLog(run.path, _run_id(run)).read()
    signs = list(log.problems)
    for answer in log.answers:
        if problem := signature_problem(answer):
            signs.append(f"entry {answer.number} of {answer.reviewer.name}: {problem}")
    for seal in log.seals:
        signs += [
            f"{change}, before entry {seal.number} sealed it again" for change in seal.changed
        ]
    if log.seal is not None:
        signs += seal_problems(run.path, log.seal, media.sha256)
    return signs + report_problems(run.report), log


def _run_id(run: RunFolder) -> str:
    """Return the run's id; where ``run.json`` cannot be read, the one that the log names."""
    try:
        return run.read_info().run_id
    except RunFolderError:
        seal = SignoffLog(run.path, "").read().seal
        return seal.run if seal else run.path.name


def _machine_problems(status: RunStatus) -> list[str]:
    if status.verdict in ("passed", "waived", "unreviewed", "rejected"):
        return []
    return [
        f"{job.outcome.job} {job.outcome.status}: {job.outcome.cause or 'no cause is recorded'}"
        for job in status.jobs
        if not job.outcome.is_green
    ] or [f"the run is {status.verdict}: {status.cause or 'no cause is recorded'}"]


def _open_questions(job: JobStatus) -> Iterator[tuple[ReleaseVerdict, str]]:
    """Yield what keeps a job from being approved, and why."""
    name = job.outcome.job
    for question in job.questions:
        if not question.required or question.status == "approved":
            continue
        state = job.states.get(question.name)
        reason = state.reason if state else pending_reason(question)
        verdict = "rejected" if question.status == "needs-work" else question.status
        yield verdict, f"{name}, {question.name}: {reason}"
    for check, waiver in job.waived_checks.items():
        yield "waived", f"{name}, check {check}: waived by {waiver.reviewer.name}"


def _signature_notes(log: LogState) -> list[str]:
    unsigned = sum(answer.signature is None for answer in log.answers)
    notes = [f"{unsigned} of {len(log.answers)} answers are not signed"] if unsigned else []
    signers = {
        (answer.reviewer.name, fingerprint(answer.signature))
        for answer in log.answers
        if answer.signature is not None and not signature_problem(answer)
    }
    notes += [f"signed by {name} with {key}" for name, key in sorted(signers)]
    return notes
