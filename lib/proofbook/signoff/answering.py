"""Accept an answer and write it down.

The review page, the panel in JupyterLab, an imported file and the command line all put answers into
the log through :class:`ReviewSession`.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from proofbook.errors import UsageError
from proofbook.records import Question, RunInfo, now
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_index import MediaIndex
from proofbook.signoff.acceptance import (
    SubmittedAnswer,
    bytes_problem,
    comparison_problem,
    failed_check,
    refusal,
)
from proofbook.signoff.baseline import Baseline, Key, find_baselines, take_key
from proofbook.signoff.binding import AskedJob, bind, bind_check, read_asked_job
from proofbook.signoff.entries import Acceptance, Answer, AnswerFields, Binding, Reviewer
from proofbook.signoff.log import LogTail, SignoffLog
from proofbook.signoff.question_status import in_force
from proofbook.signoff.sealing import Sealed, broken_seal, list_files, seal_run
from proofbook.signoff.signing import public_line, sign
from proofbook.signoff.trust import EVERYBODY, STOPPING, Trust, TrustedLog

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["ReviewSession"]

_MEANING = {
    "approved": "I have looked at or listened to it, and it is good for release.",
    "rejected": "I have looked at or listened to it, and it must not be released.",
    "needs-work": "I have looked at or listened to it, and it needs work before release.",
    "waived": "I know that this is not approved, and answer for releasing without it.",
}


@dataclass
class ReviewSession:
    """One run under review. Many sessions of one run may be open at once."""

    run: RunFolder
    info: RunInfo
    key: Ed25519PrivateKey | None = None
    lasting: timedelta | None = None
    """How long an approval counts that does not say so itself; by default, for ever."""
    trust: Trust = EVERYBODY
    """Whose answers count."""
    log: SignoffLog = field(init=False)
    media: MediaIndex = field(init=False)
    """For showing where questions stand; an answer is always bound to fresh hashes."""
    _jobs: dict[str, AskedJob] = field(default_factory=dict)
    _tail: LogTail = field(init=False)
    _trusted: TrustedLog = field(init=False)
    _reading: threading.Lock = field(init=False)
    _baselines: dict[Key, Baseline] | None = None
    _sealed: bool = False

    def __post_init__(self) -> None:
        self.media = MediaIndex(self.run.media)
        self.log = SignoffLog(self.run.path, self.info.run_id)
        self._tail = LogTail(self.log.path)
        self._trusted = TrustedLog(self.trust)
        self._reading = threading.Lock()

    def trusted(self) -> TrustedLog:
        """Return all entries made by now, and which count; the log's chain is not verified."""
        with self._reading:
            self._trusted.extend(self._tail.read())
            return self._trusted

    def answers(self) -> list[Answer]:
        """Return all answers given by now, in order."""
        return list(self.trusted().answers)

    @property
    def baselines(self) -> dict[Key, Baseline]:
        """The approved takes as they were found last."""
        return self.find_baselines() if self._baselines is None else self._baselines

    def find_baselines(self) -> dict[Key, Baseline]:
        """Find the approved takes of earlier runs, which answers are held against from now on."""
        self._baselines = find_baselines(
            self.run.path.parent, before=self.info.run_id, trust=self.trust
        )
        return self._baselines

    def seal(self) -> None:
        """Write down every file of a run that did so itself in no seal when it ended.

        A seal that no longer fits stays: what has changed since is for a person to accept.
        """
        if self.log.read().seal is None:
            seal_run(self.run, self.log, self.info.run_id)
        self._sealed = True

    def job(self, job_id: str) -> AskedJob:
        """Return what a job asks.

        Raises:
            UsageError: The run has no such job.
        """
        if job_id not in self._jobs:
            planned = next((each for each in self.info.plan if each.id == job_id), None)
            if planned is None:
                raise UsageError(f"run {self.info.run_id} has no job {job_id!r}")
            self._jobs[job_id] = read_asked_job(self.run, self.info, planned)
        return self._jobs[job_id]

    def prepare(self, answer: SubmittedAnswer, reviewer: Reviewer) -> Binding:
        """Hold an answer against its question; return what it will be bound to.

        Raises:
            UsageError: It does not fit its question, or the evidence has changed.
        """
        job = self.job(answer.job)
        question = next((q for q in job.questions if q.name == answer.question), None)
        check = failed_check(job, answer.question)
        if question is None and check is None:
            raise UsageError(f"job {job.id} asks no question {answer.question!r}")
        problem = refusal(answer, question, job, reviewer) or self._trust_problem(answer, reviewer)
        if question is not None and not problem:
            problem = self._comparison_problem(answer, question, job)
        if problem:
            raise UsageError(f"{job.id}, {answer.question}: {problem}")
        if question is None:
            assert check is not None  # it is about one or the other
            return bind_check(job, check.name)
        binding = bind(job, question, self.run.media)
        if problem := bytes_problem(answer, question, binding):
            raise UsageError(f"{job.id}, {answer.question}: {problem}")
        return binding

    def answer(self, answer: SubmittedAnswer, reviewer: Reviewer) -> Answer:
        """Write an answer down; it is on the disk when this returns.

        Raises:
            UsageError: It does not fit its question, or the evidence has changed.
        """
        binding = self.prepare(answer, reviewer)
        if not self._sealed:
            self.seal()
        fields = {name: getattr(answer, name) for name in AnswerFields.model_fields}
        fields["expires"] = self._end_of(answer)

        def make_entry(number: int, previous: str) -> Answer:
            # What it replaces is decided here, where nobody else can append.
            fields["supersedes"] = self._superseded(answer, reviewer)
            entry = Answer(
                number=number, previous=previous, id=uuid.uuid4().hex, reviewer=reviewer,
                meaning=_MEANING[answer.verdict], binding=binding, **fields,
            )  # fmt: skip
            return sign(entry, self.key) if self.key else entry

        written = self.log.append(make_entry)
        assert isinstance(written, Answer)
        return written

    def accept_changes(self, paths: Sequence[str], reviewer: Reviewer, comment: str) -> Acceptance:
        """Write down that a person answers for files that are not as they were sealed.

        Args:
            paths: The files, as verification names them.
            reviewer: The person; only a signed entry accepts anything.
            comment: Why.

        Raises:
            UsageError: Nothing is signed here, or a file is as it was sealed.
        """
        key = self.key
        if key is None:
            raise UsageError("only a signed entry accepts a change: give --key")
        if problem := self._refusal(reviewer, public_line(key)):
            raise UsageError(f"cannot accept a change: {problem}")
        files = self._as_they_are(paths)

        def make_entry(number: int, previous: str) -> Acceptance:
            entry = Acceptance(
                number=number, previous=previous, id=uuid.uuid4().hex, reviewer=reviewer,
                run=self.info.run_id, files=files, comment=comment,
            )  # fmt: skip
            return sign(entry, key)

        written = self.log.append(make_entry)
        assert isinstance(written, Acceptance)
        return written

    def _as_they_are(self, paths: Sequence[str]) -> dict[str, Sealed | None]:
        """Return the files that a person accepts; each must be one that has changed."""
        state = self.log.read()
        changed = {change.path for seal in state.seals for change in seal.changed}
        if state.seal is not None:
            found = broken_seal(self.run.path, state.seal, self.trusted().acceptances)
            changed |= {change.path for change in found}
        if unchanged := sorted(set(paths) - changed):
            raise UsageError(f"{unchanged[0]} is as it was sealed, or never was: nothing to accept")
        files = list_files(self.run.path).files
        return {path: files.get(path) for path in paths}

    def _trust_problem(self, answer: SubmittedAnswer, reviewer: Reviewer) -> str:
        """Return why an answer would not count; rejecting is always possible."""
        if answer.verdict in STOPPING:
            return ""
        return self._refusal(reviewer, public_line(self.key) if self.key else "")

    def _refusal(self, reviewer: Reviewer, public_key: str) -> str:
        moment = now()
        refusal = self.trust.refusal(reviewer, public_key, moment)
        return refusal or self.trusted().clock_problem(moment)

    def _comparison_problem(
        self, answer: SubmittedAnswer, question: Question, job: AskedJob
    ) -> str:
        """Return why a blind comparison does not count; without an approved take none is asked."""
        if question.form not in ("ab", "abx") or answer.verdict != "approved":
            return ""
        evidence = next((job.evidence.get(sha256) for sha256 in question.about), None)
        baseline = self.baselines.get(take_key(job.runbook, job.id, evidence)) if evidence else None
        return comparison_problem(answer.comparison, baseline.evidence) if baseline else ""

    def _end_of(self, answer: SubmittedAnswer) -> datetime | None:
        if answer.expires is None and self.lasting and answer.verdict == "approved":
            return now() + self.lasting
        return answer.expires

    def _superseded(self, answer: SubmittedAnswer, reviewer: Reviewer) -> tuple[str, ...]:
        earlier = [
            entry
            for entry in in_force(self.answers())
            if (entry.binding.job, entry.binding.question) == (answer.job, answer.question)
        ]
        unknown = set(answer.supersedes) - {entry.id for entry in earlier}
        if unknown:
            raise UsageError(f"there is no answer {sorted(unknown)[0]} that could be replaced")
        own = {entry.id for entry in earlier if entry.reviewer.name == reviewer.name}
        return tuple(sorted(own | set(answer.supersedes)))
