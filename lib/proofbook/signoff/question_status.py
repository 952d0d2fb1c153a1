"""The status of each question, given the answers to it. Pure: entries in, statuses out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from proofbook.records import Question, QuestionStatus
from proofbook.signoff.binding import differences
from proofbook.signoff.entries import Answer, Binding, Problem
from proofbook.signoff.trust import STOPPING, TrustedLog

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
    """Those that do not count: taken back, stale, expired or not trusted."""
    doubt: str = ""
    """Why nobody's answer counts, in a word: ``unknown key``."""


def in_force(answers: Iterable[Answer], replacing: Iterable[Answer] | None = None) -> list[Answer]:
    """Return the answers that none after them has superseded; by default any of them may.

    Whoever writes an answer chooses its id: one that names itself, or one that follows, replaces
    nothing.
    """
    answers = list(answers)
    others = answers if replacing is None else replacing
    places = {answer.id: place for place, answer in enumerate(answers)}
    superseded = {
        old
        for answer in others
        for old in answer.supersedes
        if places.get(old, -1) < places.get(answer.id, len(places))
    }
    return [answer for answer in answers if answer.id not in superseded]


def question_state(
    question: Question,
    binding: Binding,
    answers: Sequence[Answer],
    moment: datetime,
    log: TrustedLog,
) -> QuestionState:
    """Return the status of a question.

    Every answer in force counts: one rejection outweighs any approval until it is taken back.

    Args:
        question: What was asked.
        binding: What an answer to it would be bound to now.
        answers: All answers to it, in order.
        moment: Now, for what expires.
        log: Says which answers count, and whose files were sealed again since.
    """
    valid, stale, expired = [], [], []
    counted = log.counted(answers)
    trusted = [answer for answer in counted if answer.id not in log.doubts]
    for answer in in_force(counted, trusted):
        if changed := [*differences(answer.binding, binding), *log.resealed(answer)]:
            stale.append((answer, changed))
        elif answer.expires is not None and answer.expires <= moment:
            expired.append(answer)
        else:
            valid.append(answer)
    rest = tuple(answer for answer in answers if answer not in valid)
    deciding = _deciding(valid, question)
    if deciding and deciding[-1].verdict in STOPPING:
        return _decided(deciding, rest)
    # Somebody may have made it of an answer that spoke against an approval.
    if doubted := [a for a in in_force(answers, trusted) if a.id in log.doubts]:
        return _untrusted(doubted[-1], log.doubts[doubted[-1].id], rest)
    if deciding:
        return _decided(deciding, rest)
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


def _decided(deciding: tuple[Answer, ...], earlier: tuple[Answer, ...]) -> QuestionState:
    last = deciding[-1]
    reason = _reason(last)
    return QuestionState(status=last.verdict, reason=reason, answers=deciding, earlier=earlier)


def _untrusted(answer: Answer, doubt: Problem, earlier: tuple[Answer, ...]) -> QuestionState:
    reason = f"{answer.reviewer.name} {answer.verdict} it, but {doubt.text}"
    return QuestionState(status="untrusted", reason=reason, earlier=earlier, doubt=doubt.word)


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
