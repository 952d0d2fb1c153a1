"""The status of each question, given the answers to it. Pure: entries in, statuses out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from proofbook.records import Question, QuestionStatus
from proofbook.signoff.binding import differences
from proofbook.signoff.entries import Answer, Binding

__all__ = ["QuestionState", "in_force", "pending_reason", "question_state"]


@dataclass(frozen=True, kw_only=True)
class QuestionState:
    """The status of one question, and the answers that led to it."""

    status: QuestionStatus
    reason: str = ""
    """Why it is not approved, in words."""
    answers: tuple[Answer, ...] = ()
    """Those that decide it."""
    earlier: tuple[Answer, ...] = ()
    """Those that count no longer: taken back, stale or expired."""


def in_force(answers: Iterable[Answer]) -> list[Answer]:
    """Return the answers that no later one has superseded."""
    answers = list(answers)
    superseded = {old for answer in answers for old in answer.supersedes}
    return [answer for answer in answers if answer.id not in superseded]


def question_state(
    question: Question, binding: Binding, answers: Sequence[Answer], moment: datetime
) -> QuestionState:
    """Return the status of a question.

    Every answer in force counts: one rejection outweighs any approval until it is taken back.

    Args:
        question: What was asked.
        binding: What an answer to it would be bound to now.
        answers: All answers to it, in order.
        moment: Now, for what expires.
    """
    valid, stale, expired = [], [], []
    for answer in in_force(answers):
        if changed := differences(answer.binding, binding):
            stale.append((answer, changed))
        elif answer.expires is not None and answer.expires <= moment:
            expired.append(answer)
        else:
            valid.append(answer)
    rest = tuple(answer for answer in answers if answer not in valid)
    if deciding := _deciding(valid, question):
        last = deciding[-1]
        return QuestionState(
            status=last.verdict, reason=_reason(last), answers=deciding, earlier=rest
        )
    if stale:
        answer, changed = stale[-1]
        reason = f"{answer.reviewer.name} {answer.verdict} it before {_list(changed)} changed"
        return QuestionState(status="stale", reason=reason, earlier=rest)
    if expired:
        until = expired[-1].expires
        assert until is not None  # it has passed
        reason = f"{expired[-1].reviewer.name}'s answer expired on {until:%Y-%m-%d}"
        return QuestionState(status="expired", reason=reason, earlier=rest)
    return QuestionState(status="pending", reason=pending_reason(question), earlier=rest)


def pending_reason(question: Question) -> str:
    """Return what a question without any answer waits for."""
    return f"waits for role {question.role!r}" if question.role else "nobody has answered"


def _deciding(valid: Sequence[Answer], question: Question) -> tuple[Answer, ...]:
    """Return the answers with the least favourable verdict; an approval needs the right role."""
    for verdict in ("rejected", "needs-work", "approved", "waived"):
        answers = tuple(
            answer
            for answer in valid
            if answer.verdict == verdict and (verdict != "approved" or _has_role(answer, question))
        )
        if answers:
            return answers
    return ()


def _has_role(answer: Answer, question: Question) -> bool:
    return not question.role or answer.reviewer.role.casefold() == question.role.casefold()


def _reason(answer: Answer) -> str:
    if answer.verdict == "approved":
        return ""
    why = f": {answer.comment}" if answer.comment else ""
    until = f" until {answer.expires:%Y-%m-%d}" if answer.expires else ""
    return f"{answer.verdict} by {answer.reviewer.name}{until}{why}"


def _list(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
