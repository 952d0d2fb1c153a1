"""Make the record of a question, or say in one line why nobody could answer it."""

from __future__ import annotations

from collections.abc import Iterable

from proofbook.errors import UsageError
from proofbook.records import Evidence, Question, QuestionForm

__all__ = ["make_question"]


def make_question(
    name: str,
    text: str,
    about: Iterable[Evidence],
    *,
    form: QuestionForm,
    criteria: Iterable[str],
    role: str,
    required: bool,
) -> Question:
    """Return the record of a question about the files of some evidence.

    Raises:
        UsageError: The form does not fit the criteria, or the number of files.
    """
    question = Question(
        name=name,
        text=text,
        about=tuple(evidence.file.sha256 for evidence in about),
        form=form,
        criteria=tuple(criteria),
        role=role,
        required=required,
    )
    if (form == "score") != bool(question.criteria):
        raise UsageError(f"question {name!r}: criteria belong to the form 'score', and it to them")
    if form in ("ab", "abx") and len(question.about) != 1:
        raise UsageError(f"question {name!r}: a blind comparison is about one piece of evidence")
    return question
