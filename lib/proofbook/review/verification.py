"""Recompute everything about a run: is it approved, by whom, and are these the bytes?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from proofbook.records import now
from proofbook.report.loading import load_run
from proofbook.report.summary import RunSummary
from proofbook.runs.folder import RunFolder
from proofbook.signoff.entries import Answer
from proofbook.signoff.log import LogState, SignoffLog
from proofbook.signoff.sealing import report_problems, seal_problems
from proofbook.signoff.signing import fingerprint, signature_problem

__all__ = ["Verification", "verify_run"]

ReleaseVerdict = Literal[
    "approved", "waived", "pending", "expired", "stale", "rejected", "failed", "tampered"
]


@dataclass(frozen=True, kw_only=True)
class Verification:
    """One verdict, and the reasons for it."""

    verdict: ReleaseVerdict
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    """What is remarkable and changes nothing."""
    answers: tuple[Answer, ...]

    @property
    def exit_code(self) -> int:
        """0 only where everything is approved."""
        return 0 if self.verdict == "approved" else 1


def verify_run(run: RunFolder, moment: datetime | None = None) -> Verification:
    """Recompute every hash, every answer's state, and the machine's result; trust nothing stored.

    Raises:
        RunFolderError: The folder is not a run.
    """
    moment = moment or now()
    tampered, log = _read_log(run)
    try:
        summary = load_run(run, moment)
    except Exception as error:
        if not tampered:
            raise
        return Verification(
            verdict="tampered", reasons=(*tampered, str(error)), notes=log.notes, answers=()
        )
    reasons = {
        "tampered": tampered,
        "failed": _machine_problems(summary),
        **_open_questions(summary),
    }
    order: tuple[ReleaseVerdict, ...] = (
        "tampered", "failed", "rejected", "stale", "expired", "pending", "waived"
    )  # fmt: skip
    found: ReleaseVerdict = next((name for name in order if reasons[name]), "approved")
    return Verification(
        verdict=found,
        reasons=tuple(reason for name in order for reason in reasons[name]),
        notes=(*log.notes, *_signature_notes(log)),
        answers=log.answers,
    )


def _read_log(run: RunFolder) -> tuple[list[str], LogState]:
    """Return every sign that something was changed, and the log."""
    log = SignoffLog(run.path, _run_id(run)).read()
    found = list(log.problems)
    for answer in log.answers:
        if problem := signature_problem(answer):
            found.append(f"entry {answer.number} of {answer.reviewer.name}: {problem}")
    if log.seal is not None:
        found += seal_problems(run.path, log.seal)
    return found + report_problems(run.report), log


def _run_id(run: RunFolder) -> str:
    """Return the run's id; where ``run.json`` cannot be read, the log's first word for it."""
    from proofbook.errors import RunFolderError

    try:
        return run.read_info().run_id
    except RunFolderError:
        seal = SignoffLog(run.path, "").read().seal
        return seal.run if seal else run.path.name


def _machine_problems(summary: RunSummary) -> list[str]:
    if summary.verdict in ("passed", "waived", "unreviewed", "rejected"):
        return []
    return [
        f"{job.id} {job.outcome}: {job.cause or 'no cause is recorded'}"
        for job in summary.jobs
        if not job.is_green
    ] or [f"the run is {summary.verdict}: {summary.cause or 'no cause is recorded'}"]


def _open_questions(summary: RunSummary) -> dict[str, list[str]]:
    states = ("rejected", "stale", "expired", "pending", "waived")
    found: dict[str, list[str]] = {state: [] for state in states}
    for job in summary.jobs:
        for question in job.questions:
            if not question.required or question.status == "approved":
                continue
            state = "rejected" if question.status == "needs-work" else question.status
            why = job.reasons.get(question.name, "nobody has answered")
            found[state].append(f"{job.id}, {question.name}: {why}")
        for check, waiver in job.waived_checks.items():
            found["waived"].append(f"{job.id}, check {check}: waived by {waiver.reviewer.name}")
    return found


def _signature_notes(log: LogState) -> list[str]:
    unsigned = sum(answer.signature is None for answer in log.answers)
    notes = [f"{unsigned} of {len(log.answers)} answers are not signed"] if unsigned else []
    signers = {
        (answer.reviewer.name, fingerprint(answer.signature))
        for answer in log.answers
        if answer.signature is not None and not signature_problem(answer)
    }
    notes += [f"signed by {name} with {key}" for name, key in sorted(signers)]
    if log.seal is not None and log.seal.changed:
        notes.append(f"sealed again after {len(log.seal.changed)} files had changed")
    return notes
