"""Whether an answer can be accepted: the rules that hold it against its question.

Each function returns why an answer is refused, or nothing. Knows nothing about files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from proofbook.errors import UsageError
from proofbook.records import Check, Evidence, Question, now
from proofbook.signoff.binding import AskedJob
from proofbook.signoff.entries import AnswerFields, Binding, Comparison, Reviewer

__all__ = [
    "SubmittedAnswer",
    "bytes_problem",
    "comparison_problem",
    "failed_check",
    "make_reviewer",
    "parse_answer",
    "refusal",
]

_LEAST_PLAYED = 0.5
"""Seconds of a clip, or half of a shorter one, that must be played before it is approved."""


class SubmittedAnswer(AnswerFields):
    """An answer as it comes in: from the review page, the panel, a file or the command line."""

    job: str
    question: str
    """The question's name; ``check:`` and its name for a failed check that is waived."""
    shown: tuple[str, ...] | None = None
    """sha256 of the files that the person was shown; must be those of the question."""


def parse_answer(values: Mapping[str, Any]) -> SubmittedAnswer:
    """Read an answer that came from outside.

    Raises:
        UsageError: It is not an answer.
    """
    try:
        return SubmittedAnswer.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"not an answer: {place}: {first['msg']}") from error


def make_reviewer(name: str, role: str, identified_by: str) -> Reviewer:
    """Return the person who answers.

    Raises:
        UsageError: The name or the role is none that can be read as it is shown.
    """
    if not name.strip():
        raise UsageError("enter your name first")
    try:
        return Reviewer(name=name, role=role, identified_by=identified_by)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        what = "role" if first["loc"] == ("role",) else "name"
        raise UsageError(f"this {what} cannot be used: {first['msg']}") from error


def refusal(
    answer: SubmittedAnswer, question: Question | None, job: AskedJob, reviewer: Reviewer
) -> str:
    """Return why an answer is refused, as far as no file needs to be read to know it.

    ``None`` in place of a question stands for a failed check.
    """
    if answer.verdict == "waived":
        return _waiver_problem(answer)
    if question is None:
        return "a failed check can only be waived: proofbook waive"
    if question.role and reviewer.role.casefold() != question.role.casefold():
        own = f"yours is {reviewer.role!r}" if reviewer.role else "you have none"
        return f"role {question.role!r} must answer this question; {own}: give it with --role"
    if answer.verdict != "approved":
        return ""
    if problem := _score_problem(answer.scores, question.criteria):
        return problem
    for sha256 in question.about:
        evidence = job.evidence.get(sha256)
        if evidence and not _was_played(evidence, answer.seconds_played.get(sha256, 0)):
            return f"{evidence.name} has not been played; listen before you approve"
    return ""


def comparison_problem(comparison: Comparison | None, approved: Evidence) -> str:
    """Return why a blind comparison with an approved take does not count."""
    if comparison is None:
        return "compare it blind with the approved take first"
    if comparison.approved_sha256 != approved.file.sha256:
        return "it was compared with another take than the approved one; reload the page"
    return ""


def bytes_problem(answer: SubmittedAnswer, question: Question, binding: Binding) -> str:
    """Return what of a question's evidence is not as it was recorded, or as it was shown."""
    current = tuple(subject.sha256 for subject in binding.subjects)
    if current != question.about:
        pairs = zip(binding.subjects, question.about, strict=False)
        changed = [subject.name for subject, recorded in pairs if subject.sha256 != recorded]
        return f"{', '.join(changed) or 'evidence'} does not have the bytes that were recorded"
    if answer.shown is not None and answer.shown != current:
        return "what you were shown has changed since; reload the page"
    return ""


def failed_check(job: AskedJob, question: str) -> Check | None:
    """Return the failed check that an answer is about; None where there is no such check."""
    failed = (check for check in job.checks if check.status in ("failed", "error"))
    return next((check for check in failed if question == f"check:{check.name}"), None)


def _waiver_problem(answer: SubmittedAnswer) -> str:
    if not answer.comment.strip():
        return "a waiver needs a reason"
    if answer.expires is None:
        return "a waiver needs a date on which it expires"
    return "it would expire in the past" if answer.expires <= now() else ""


def _score_problem(scores: Mapping[str, int], criteria: Sequence[str]) -> str:
    if set(scores) != set(criteria):
        wanted, scored = ", ".join(criteria) or "nothing", ", ".join(scores) or "nothing"
        return f"scores are asked for {wanted}; found {scored}"
    wrong = [f"{name} {score}" for name, score in scores.items() if not 1 <= score <= 5]
    return f"scores go from 1 to 5; found {wrong[0]}" if wrong else ""


def _was_played(evidence: Evidence, seconds: float) -> bool:
    if evidence.media_kind not in ("audio", "video"):
        return True
    durations = [fact.value for fact in evidence.facts if fact.name == "duration"]
    is_known = bool(durations) and isinstance(durations[0], int | float)
    duration = float(durations[0]) if is_known else _LEAST_PLAYED
    return seconds >= min(_LEAST_PLAYED, duration / 2)
