"""Take an answer: hold it against its question, and write it down.

The one way by which the review page, the panel in JupyterLab, an imported file and the command line
put anything into the log.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from proofbook.errors import UsageError
from proofbook.files import hash_file
from proofbook.records import Evidence, Question, RunInfo, now
from proofbook.runs.folder import RunFolder
from proofbook.signoff.baseline import Baseline, Key, find_baselines, take_key
from proofbook.signoff.binding import AskedJob, bind, bind_check
from proofbook.signoff.entries import Answer, Binding, Reviewer, Said
from proofbook.signoff.log import LogTail, SignoffLog
from proofbook.signoff.sealing import seal_run
from proofbook.signoff.signing import sign
from proofbook.signoff.status import in_force

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["Given", "ReviewSession", "parse_given", "refusal"]

_HEARD = 0.5
"""Seconds of a clip, or half of a shorter one, that must be played before it is approved."""
_MEANING = {
    "approved": "I have looked at or listened to it, and it is good for release.",
    "rejected": "I have looked at or listened to it, and it must not be released.",
    "needs-work": "I have looked at or listened to it, and it needs work before release.",
    "waived": "I know that this is not approved, and answer for releasing without it.",
}


class Given(Said):
    """An answer as it comes in, from wherever."""

    job: str
    question: str
    shown: tuple[str, ...] | None = None
    """sha256 of the files that the person was shown; must be those of the question."""


@dataclass
class ReviewSession:
    """One run under review. Many sessions of one run may be open at once."""

    run: RunFolder
    info: RunInfo
    key: Ed25519PrivateKey | None = None
    lasting: timedelta | None = None
    """How long an approval counts that does not say so itself; by default, for ever."""
    _jobs: dict[str, AskedJob] = field(default_factory=dict)
    _hashes: dict[tuple[Path, int, int], str] = field(default_factory=dict)
    _tail: LogTail = field(init=False)
    _baselines: dict[Key, Baseline] | None = None
    _sealed: bool = False

    def __post_init__(self) -> None:
        self._tail = LogTail(self.log.path)

    @property
    def log(self) -> SignoffLog:
        """The run's log."""
        return SignoffLog(self.run.path, self.info.run_id)

    def answers(self) -> list[Answer]:
        """Return all answers given by now, in order; the log is not verified."""
        return self._tail.answers()

    def hash_once(self, path: Path) -> str:
        """Return a file's sha256, computed anew only where its size or time has changed.

        For showing where things stand; an answer is always bound to fresh hashes.
        """
        found = path.stat()
        key = (path, found.st_size, found.st_mtime_ns)
        if key not in self._hashes:
            self._hashes[key] = hash_file(path)
        return self._hashes[key]

    def find_baselines(self) -> dict[Key, Baseline]:
        """Find the approved takes of earlier runs, which answers are held against from now on."""
        self._baselines = find_baselines(self.run.path.parent, before=self.info.started)
        return self._baselines

    def seal(self) -> None:
        """Write down every file of the run, unless that was done and nothing has changed."""
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
            self._jobs[job_id] = AskedJob(self.run, self.info.run_id, planned)
        return self._jobs[job_id]

    def prepare(self, given: Given, reviewer: Reviewer) -> Binding:
        """Hold an answer against its question; return what it will be bound to.

        Raises:
            UsageError: It does not fit, or what was shown is not there any more.
        """
        job = self.job(given.job)
        question = next((q for q in job.questions if q.name == given.question), None)
        if question is None and not _is_failed_check(job, given.question):
            raise UsageError(f"job {job.id} asks no question {given.question!r}")
        why = refusal(given, question, job, reviewer)
        if question and not why:
            why = self._comparison_problem(given, question, job)
        if why:
            raise UsageError(f"{job.id}, {given.question}: {why}")
        if question is None:
            return bind_check(job, given.question.removeprefix("check:"))
        binding = bind(job, question, self.run.media)
        _refuse_other_bytes(binding, question, given)
        return binding

    def answer(self, given: Given, reviewer: Reviewer) -> Answer:
        """Write an answer down; it is on the disk when this returns.

        Raises:
            UsageError: It does not fit its question, or what was shown is not there any more.
        """
        binding = self.prepare(given, reviewer)
        if not self._sealed:
            self.seal()
        said = {name: getattr(given, name) for name in Said.model_fields}
        said |= {"supersedes": self._superseded(given, reviewer), "expires": self._end_of(given)}

        def make(number: int, previous: str) -> Answer:
            made = Answer(
                number=number, previous=previous, id=uuid.uuid4().hex, reviewer=reviewer,
                meaning=_MEANING[given.verdict], binding=binding, **said,
            )  # fmt: skip
            return sign(made, self.key) if self.key else made

        written = self.log.append(make)
        assert isinstance(written, Answer)
        return written

    def _comparison_problem(self, given: Given, question: Question, job: AskedJob) -> str:
        """Return why a blind comparison does not count; without an approved take none is asked."""
        if question.form not in ("ab", "abx") or given.verdict != "approved":
            return ""
        evidence = job.evidence.get(question.about[0])
        known = self.find_baselines() if self._baselines is None else self._baselines
        found = known.get(take_key(job.runbook, job.id, evidence)) if evidence else None
        if found is None:
            return ""
        if given.comparison is None:
            return "compare it blind with the approved take first"
        if given.comparison.approved_sha256 != found.evidence.file.sha256:
            return "it was compared with another take than the approved one; reload"
        return ""

    def _end_of(self, given: Given) -> datetime | None:
        if given.expires is None and self.lasting and given.verdict == "approved":
            return now() + self.lasting
        return given.expires

    def _superseded(self, given: Given, reviewer: Reviewer) -> tuple[str, ...]:
        answers = [
            answer
            for answer in in_force(self.answers())
            if (answer.binding.job, answer.binding.question) == (given.job, given.question)
        ]
        unknown = set(given.supersedes) - {answer.id for answer in answers}
        if unknown:
            raise UsageError(f"there is no answer {sorted(unknown)[0]} to take the place of")
        own = {answer.id for answer in answers if answer.reviewer.name == reviewer.name}
        return tuple(sorted(own | set(given.supersedes)))


def parse_given(values: Mapping[str, Any]) -> Given:
    """Read an answer that came from outside.

    Raises:
        UsageError: It is no answer.
    """
    try:
        return Given.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"not an answer: {place}: {first['msg']}") from error


def refusal(given: Given, question: Question | None, job: AskedJob, reviewer: Reviewer) -> str:
    """Return why an answer cannot be taken; empty where it can. ``None`` stands for a check."""
    if given.verdict == "waived":
        return _waiver_refusal(given)
    if question is None:
        return "a failed check can be waived, and not be answered"
    if question.role and reviewer.role.casefold() != question.role.casefold():
        return f"it waits for the {question.role}; you are {reviewer.role or 'without a role'}"
    if given.verdict == "approved":
        if problem := _score_problem(given.scores, question.criteria):
            return problem
        for sha256 in question.about:
            evidence = job.evidence.get(sha256)
            if evidence and not _was_played(evidence, given.seconds_played.get(sha256, 0)):
                return f"{evidence.name} has not been played; listen before you approve"
    return ""


def _waiver_refusal(given: Given) -> str:
    if not given.comment.strip():
        return "a waiver needs a reason"
    if given.expires is None:
        return "a waiver needs a date on which it expires"
    return ""


def _score_problem(scores: Mapping[str, int], criteria: Sequence[str]) -> str:
    if set(scores) != set(criteria):
        wanted, there = ", ".join(criteria) or "nothing", ", ".join(scores) or "none"
        return f"scores are asked for {wanted}; there are {there}"
    wrong = [f"{name} {score}" for name, score in scores.items() if not 1 <= score <= 5]
    return f"scores go from 1 to 5; there is {wrong[0]}" if wrong else ""


def _was_played(evidence: Evidence, seconds: float) -> bool:
    if evidence.media_kind not in ("audio", "video"):
        return True
    lengths = [fact.value for fact in evidence.facts if fact.name == "duration"]
    length = float(lengths[0]) if lengths and isinstance(lengths[0], int | float) else _HEARD
    return seconds >= min(_HEARD, length / 2)


def _refuse_other_bytes(binding: Binding, question: Question, given: Given) -> None:
    found = tuple(subject.sha256 for subject in binding.subjects)
    if found != question.about:
        names = [s.name for s, sha in zip(binding.subjects, question.about, strict=False)
                 if s.sha256 != sha]  # fmt: skip
        what = ", ".join(names) or "evidence"
        raise UsageError(
            f"{given.job}, {given.question}: {what} is not there with the bytes that were recorded"
        )
    if given.shown is not None and given.shown != found:
        raise UsageError(
            f"{given.job}, {given.question}: what you were shown is not what is there now; reload"
        )


def _is_failed_check(job: AskedJob, name: str) -> bool:
    return any(f"check:{c.name}" == name and c.status in ("failed", "error") for c in job.checks)
