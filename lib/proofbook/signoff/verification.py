"""Recompute everything about a run: is it approved, by whom, and are these the bytes?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from proofbook.errors import RunFolderError
from proofbook.records import RunInfo, now
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_index import MediaIndex
from proofbook.signoff.entries import Acceptance, Answer, Problem
from proofbook.signoff.log import LogState, SignoffLog
from proofbook.signoff.question_status import pending_reason
from proofbook.signoff.run_status import JobStatus, RunStatus, read_run
from proofbook.signoff.signing import fingerprint, signature_problem
from proofbook.signoff.tampering import find_tampering, linked_outside, list_run
from proofbook.signoff.trust import DATES, EVERYBODY, Trust, TrustedLog
from proofbook.values import count_noun

__all__ = ["Reason", "Verification", "verify_run"]

ReleaseVerdict = Literal[
    "approved", "passed", "waived", "pending", "unsealed", "expired", "stale", "untrusted",
    "rejected", "failed", "tampered",
]  # fmt: skip

_WORST_FIRST: tuple[ReleaseVerdict, ...] = (
    "tampered", "failed", "rejected", "untrusted", "stale", "expired", "unsealed", "pending",
    "waived",
)  # fmt: skip
_UNSEALED = (
    "the run was never sealed, so nothing shows that its files are as it left them; "
    "proofbook run --resume ends and seals it"
)


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a run is not approved."""

    verdict: ReleaseVerdict
    """What it makes of the run by itself."""
    word: str
    """Its kind: ``changed``, ``cut off``, ``unknown key``."""
    text: str


@dataclass(frozen=True, kw_only=True)
class Verification:
    """One verdict, and the reasons for it."""

    verdict: ReleaseVerdict
    reasons: tuple[Reason, ...]
    """The worst first."""
    notes: tuple[str, ...]
    """What a reader should know and what changes nothing."""
    answers: tuple[Answer, ...]

    @property
    def exit_code(self) -> int:
        """0 where all that was asked is approved, or nothing was asked and the machine passed."""
        return 0 if self.verdict in ("approved", "passed") else 1


def verify_run(
    run: RunFolder,
    moment: datetime | None = None,
    *,
    trust: Trust = EVERYBODY,
    anchored: Callable[[LogState], list[Problem]] = lambda log: [],
) -> Verification:
    """Compute every hash, every question's status and the machine's result from the files alone.

    Args:
        run: Its folder.
        moment: When answers are to be valid; by default, now.
        trust: Whose answers count.
        anchored: Holds the log against what somebody kept of it elsewhere.

    Raises:
        RunFolderError: The folder is not a run.
    """
    media = MediaIndex(run.media)
    info, log = _read_log(run)
    trusted = TrustedLog(trust, log.entries)
    listing = list_run(run.path, media)
    problems = find_tampering(run.path, log, trusted, listing, info)
    reasons = [_reason("tampered", *problem) for problem in problems]
    reasons += [_held(problem) for problem in anchored(log)]
    good: ReleaseVerdict = "passed"
    try:
        status = read_run(run, moment=moment or now(), media=media, trust=trust)
    except (RunFolderError, OSError) as error:
        if not reasons:
            raise
        reasons.append(_reason("tampered", "unreadable", str(error)))
    else:
        reasons += _open_reasons(status, trust)
        good = _good(status)
    reasons.sort(key=lambda reason: _WORST_FIRST.index(reason.verdict))
    outside = linked_outside(run.path, listing)
    return Verification(
        verdict=reasons[0].verdict if reasons else good,
        reasons=tuple(reasons),
        notes=(*log.notes, *_say_links(outside), *_say_signatures(log), *_say_accepted(trusted)),
        answers=log.answers,
    )


def _reason(verdict: ReleaseVerdict, word: str, text: str) -> Reason:
    return Reason(verdict=verdict, word=word, text=text)


def _held(problem: Problem) -> Reason:
    """Return what a log's anchor makes of the run: a wrong date is doubted, as in the log."""
    return _reason("untrusted" if problem.word in DATES else "tampered", *problem)


def _read_log(run: RunFolder) -> tuple[RunInfo | None, LogState]:
    """Return ``run.json`` where it can be read, and the log; else the run that the log names."""
    try:
        info = run.read_info()
    except RunFolderError:
        seal = SignoffLog(run.path, "").read().seal
        return None, SignoffLog(run.path, seal.run if seal else run.path.name).read()
    return info, SignoffLog(run.path, info.run_id).read()


def _open_reasons(status: RunStatus, trust: Trust) -> Iterator[Reason]:
    """Yield what keeps an unchanged run from being approved."""
    if status.log.seal is None:
        yield _reason("unsealed", "unsealed", _UNSEALED)
    yield from _machine_problems(status)
    if trust.is_signed:
        yield from _sealed_since(status)
    for job in status.jobs:
        yield from _open_questions(job)


def _sealed_since(status: RunStatus) -> Iterator[Reason]:
    """Yield the jobs of which no signature covers the files as they are."""
    for job in status.trusted.sealed_since(job.outcome.job for job in status.jobs):
        text = f"{job} was sealed again, and nobody has signed an answer since"
        yield _reason("stale", "sealed again", text)


def _good(status: RunStatus) -> ReleaseVerdict:
    """Return what a run is that nothing speaks against: approved only if somebody did."""
    statuses = [question.status for job in status.jobs for question in job.questions]
    return "approved" if "approved" in statuses else "passed"


def _machine_problems(status: RunStatus) -> Iterator[Reason]:
    if status.verdict in ("passed", "waived", "unreviewed", "rejected"):
        return
    red = [job for job in status.jobs if not job.outcome.is_green]
    for job in red:
        yield _waived(job) or _reason("failed", job.outcome.status, _say_outcome(job))
    recorded = status.info.verdict if status.info.ended else "incomplete"
    if not red:
        text = f"the run is {status.verdict}: {status.cause or 'no cause is recorded'}"
        yield _reason("failed", status.verdict, text)
    elif recorded != status.verdict:
        yield _reason("failed", recorded, f"run.json says {recorded}")


def _say_outcome(job: JobStatus) -> str:
    outcome = job.outcome
    return f"{outcome.job} {outcome.status}: {outcome.cause or 'no cause is recorded'}"


def _waived(job: JobStatus) -> Reason | None:
    """Return that persons answer for all that failed in a job which came to its end, if they do.

    A job that stopped at a failed check has not proven what was to follow.
    """
    red = {check.name for check in job.asked.checks if check.status in ("failed", "error")}
    if not job.judged.only_checks_failed or job.outcome.status != "failed" or not red:
        return None
    if red - set(job.waived_checks):
        return None
    return _reason("waived", "waived", f"{job.outcome.job}: every failed check is waived")


def _open_questions(job: JobStatus) -> Iterator[Reason]:
    """Yield what keeps a job from being approved, and why."""
    name = job.outcome.job
    for question in job.questions:
        if not question.required or question.status == "approved":
            continue
        state = job.states.get(question.name)
        reason = state.reason if state else pending_reason(question)
        verdict = "rejected" if question.status == "needs-work" else question.status
        word = (state.doubt if state else "") or question.status
        yield _reason(verdict, word, f"{name}, {question.name}: {reason}")
    for check, waiver in job.waived_checks.items():
        text = f"{name}, check {check}: waived by {waiver.reviewer.name}"
        yield _reason("waived", "waived", text)


def _say_links(outside: list[str]) -> list[str]:
    if not outside:
        return []
    more = f" and {len(outside) - 1} more" if len(outside) > 1 else ""
    return [f"{outside[0]}{more} leads out of the run: what lies behind is not sealed"]


def _say_signatures(log: LogState) -> list[str]:
    unsigned = sum(answer.signature is None for answer in log.answers)
    answers = count_noun(len(log.answers), "answer")
    notes = [f"not signed: {unsigned} of {answers}"] if unsigned else []
    signers = {
        (answer.reviewer.name, fingerprint(answer.signature))
        for answer in log.answers
        if answer.signature is not None and not signature_problem(answer)
    }
    notes += [f"signed by {name} with {key}" for name, key in sorted(signers)]
    return notes


def _say_accepted(trusted: TrustedLog) -> list[str]:
    return [_say_acceptance(acceptance) for acceptance in trusted.acceptances]


def _say_acceptance(acceptance: Acceptance) -> str:
    files = ", ".join(sorted(acceptance.files))
    return f"{acceptance.reviewer.name} accepted {files} as they are: {acceptance.comment}"
