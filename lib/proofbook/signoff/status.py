"""Where each question stands, given what people have said. Pure: entries in, states out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from proofbook.records import Question, QuestionStatus
from proofbook.signoff.binding import differences
from proofbook.signoff.entries import Answer, Binding

__all__ = ["Standing", "in_force", "stand"]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One question, and what became of it."""

    status: QuestionStatus
    reason: str = ""
    """Why it is not approved, in words."""
    answers: tuple[Answer, ...] = ()
    """Those that decide it."""
    earlier: tuple[Answer, ...] = ()
    """Those that count no longer: taken back, stale or expired."""


def in_force(answers: Iterable[Answer]) -> list[Answer]:
    """Return the answers that no later one has taken the place of."""
    found = list(answers)
    gone = {old for answer in found for old in answer.supersedes}
    return [answer for answer in found if answer.id not in gone]


def stand(
    question: Question, binding: Binding, answers: Sequence[Answer], moment: datetime
) -> Standing:
    """Return where a question stands.

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
    for verdict in ("rejected", "needs-work", "approved", "waived"):
        said = tuple(answer for answer in valid if answer.verdict == verdict)
        if verdict == "approved":
            said = tuple(answer for answer in said if _may_answer(answer, question))
        if said:
            return Standing(
                status=said[-1].verdict, reason=_reason(said[-1]), answers=said, earlier=rest
            )
    if stale:
        answer, changed = stale[-1]
        reason = f"{answer.reviewer.name} {answer.verdict} it before {_list(changed)} changed"
        return Standing(status="stale", reason=reason, earlier=rest)
    if expired:
        until = expired[-1].expires
        assert until is not None  # it has passed
        reason = f"{expired[-1].reviewer.name}'s answer expired on {until:%Y-%m-%d}"
        return Standing(status="expired", reason=reason, earlier=rest)
    asked = f"waits for {question.role}" if question.role else "nobody has answered"
    return Standing(status="pending", reason=asked, earlier=rest)


def _may_answer(answer: Answer, question: Question) -> bool:
    return not question.role or answer.reviewer.role.casefold() == question.role.casefold()


def _reason(answer: Answer) -> str:
    if answer.verdict == "approved":
        return ""
    why = f": {answer.comment}" if answer.comment else ""
    until = f" until {answer.expires:%Y-%m-%d}" if answer.expires else ""
    return f"{answer.verdict} by {answer.reviewer.name}{until}{why}"


def _list(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
