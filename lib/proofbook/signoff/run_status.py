"""A run read back from its files alone: its judged jobs, the status of its questions, its verdict.

Everything that shows or verifies a run takes it from here. Nothing stored is trusted to be there,
whole, or as green as it says.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from proofbook.records import Outcome, PlannedJob, Question, RunInfo, Verdict, now
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_index import MediaIndex
from proofbook.runs.reading import read_job
from proofbook.runs.run_verdict import run_verdict
from proofbook.runs.verdicts import JudgedJob
from proofbook.signoff.binding import (
    AskedJob,
    asked_job,
    bind,
    bind_check,
    differences,
    made_with_hash,
    plan_hash,
)
from proofbook.signoff.entries import Answer
from proofbook.signoff.log import LogState, SignoffLog
from proofbook.signoff.question_status import QuestionState, in_force, question_state
from proofbook.signoff.trust import EVERYBODY, Trust, TrustedLog

__all__ = ["JobStatus", "RunStatus", "read_run"]

_GREEN: tuple[Verdict, ...] = ("passed", "waived", "unreviewed", "rejected")


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """One planned job: what its files support, and what people have answered."""

    judged: JudgedJob
    asked: AskedJob
    questions: tuple[Question, ...]
    """With the statuses that people have given them."""
    states: Mapping[str, QuestionState]
    """By the question's name; empty where nobody has answered anything about the job."""
    waived_checks: Mapping[str, Answer]
    """By the check's name: the waiver in force. The check stays as it is."""

    @property
    def outcome(self) -> Outcome:
        """What became of the job."""
        return self.judged.outcome


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """One run at one moment."""

    info: RunInfo
    jobs: tuple[JobStatus, ...]
    """In the order of the plan."""
    log: LogState
    trusted: TrustedLog
    """Which entries of the log count."""
    supported: Verdict
    """What the jobs and the answers support, whatever ``run.json`` and the log's chain say."""
    verdict: Verdict
    """Never greener than any of the run's files supports."""
    cause: str
    """Why the run as a whole ended as it did, where no single job explains it."""


def read_run(
    run: RunFolder,
    *,
    moment: datetime | None = None,
    media: MediaIndex | None = None,
    trust: Trust = EVERYBODY,
) -> RunStatus:
    """Read a run.

    Args:
        run: Its folder.
        moment: When answers are to be valid; by default, now.
        media: Hashes of its media; one that outlives this call saves hashing them again.
        trust: Whose answers count.

    Raises:
        RunFolderError: The folder is not a run.
    """
    info = run.read_info()
    log = SignoffLog(run.path, info.run_id).read()
    trusted = TrustedLog(trust, log.entries)
    reader = _Reader(
        run=run, info=info, plan_sha256=plan_hash(info), made_with_sha256=made_with_hash(info),
        answers=log.by_job, trusted=trusted, moment=moment or now(),
        media=media or MediaIndex(run.media),
    )  # fmt: skip
    jobs = tuple(reader.read(job) for job in info.plan)
    outcomes = {job.asked.id: job.outcome for job in jobs}
    questions = [question for job in jobs for question in job.questions]
    supported = run_verdict(info.plan, outcomes, questions)
    verdict, cause = _reconciled(info, supported, log)
    return RunStatus(
        info=info, jobs=jobs, log=log, trusted=trusted, supported=supported, verdict=verdict,
        cause=cause,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """What every job of a run is read with."""

    run: RunFolder
    info: RunInfo
    plan_sha256: str
    made_with_sha256: str
    answers: Mapping[str, Mapping[str, Sequence[Answer]]]
    """By job, then by question."""
    trusted: TrustedLog
    moment: datetime
    media: MediaIndex

    def read(self, planned: PlannedJob) -> JobStatus:
        judged = read_job(planned, self.run.job(planned.id), self.media)
        asked = asked_job(self.info.run_id, self.plan_sha256, self.made_with_sha256, judged)
        states = self._states(asked)
        return JobStatus(
            judged=judged,
            asked=asked,
            questions=_with_status(asked, states),
            states=states,
            waived_checks=self._waived_checks(asked),
        )

    def _states(self, asked: AskedJob) -> dict[str, QuestionState]:
        answers = self.answers.get(asked.id)
        if not answers:
            return {}
        return {
            question.name: question_state(
                question,
                bind(asked, question, self.media.folder, self.media.sha256),
                answers.get(question.name, ()),
                self.moment,
                self.trusted,
            )
            for question in asked.questions
        }

    def _waived_checks(self, asked: AskedJob) -> dict[str, Answer]:
        given = self.trusted.counted(
            itertools.chain.from_iterable(self.answers.get(asked.id, {}).values())
        )
        names = [(a.binding.question.removeprefix("check:"), a) for a in in_force(given)]
        return {name: answer for name, answer in names if self._waives(answer, name, asked)}

    def _waives(self, answer: Answer, check: str, asked: AskedJob) -> bool:
        lasts = answer.expires is not None and answer.expires > self.moment
        if answer.verdict != "waived" or answer.binding.question != f"check:{check}" or not lasts:
            return False
        changed = differences(answer.binding, bind_check(asked, check))
        return not (changed or self.trusted.resealed(answer))


def _with_status(asked: AskedJob, states: Mapping[str, QuestionState]) -> tuple[Question, ...]:
    return tuple(
        question.model_copy(update={"status": states[question.name].status})
        if question.name in states
        else question
        for question in asked.questions
    )


def _reconciled(info: RunInfo, supported: Verdict, log: LogState) -> tuple[Verdict, str]:
    """Return the verdict of ``run.json`` where it is less green than the supported one, and why.

    Answers count for nothing once their log was tampered with.
    """
    if supported not in _GREEN:
        return supported, ""
    if log.problems:
        return "incomplete", f"the sign-off log was tampered with: {log.problems[0].text}"
    if info.ended is None:
        cause = "run.json records no end: the run is still going on, or its runner was killed"
        return "incomplete", cause
    if info.verdict not in _GREEN:
        return info.verdict, f"run.json says {info.verdict}"
    return supported, ""
