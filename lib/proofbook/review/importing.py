"""Take answers from a report that was filled in without a server, and exported as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proofbook.errors import UsageError
from proofbook.review.answering import Given, ReviewSession
from proofbook.signoff.entries import Answer, Reviewer

__all__ = ["EXPORT_FORMAT", "Exported", "import_answers"]

EXPORT_FORMAT = "proofbook-answers/1"


class _Bound(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    notebook_sha256: str
    parameters_sha256: str
    checks_sha256: str


class _ExportedAnswer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    given: Given
    bound: _Bound


class Exported(BaseModel):
    """The file that a report writes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str
    run: str
    reviewer: str = Field(min_length=1, max_length=200)
    role: str = Field(default="", max_length=200)
    answers: tuple[_ExportedAnswer, ...]


def import_answers(session: ReviewSession, file: Path) -> list[Answer]:
    """Write down the answers of an exported file: all of them, or none.

    Raises:
        UsageError: It is no such file, of another run, or does not fit the run's hashes.
    """
    exported = _read(file)
    if exported.run != session.info.run_id:
        raise UsageError(f"{file} is of run {exported.run}, and not of {session.info.run_id}")
    reviewer = Reviewer(
        name=exported.reviewer, role=exported.role, identified_by="declared in an exported file"
    )
    for answer in exported.answers:
        if problem := _problem(session, answer):
            raise UsageError(f"{file}: {answer.given.job}, {answer.given.question}: {problem}")
        session.prepare(answer.given, reviewer)
    return [session.answer(answer.given, reviewer) for answer in exported.answers]


def _read(file: Path) -> Exported:
    try:
        values: Any = json.loads(file.read_bytes())
        exported = Exported.model_validate(values)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{file} is no export of a report: {place}: {first['msg']}") from error
    except ValueError as error:
        raise UsageError(f"{file} is no export of a report: {error}") from error
    if exported.format != EXPORT_FORMAT:
        raise UsageError(f"{file} is of format {exported.format}, and not {EXPORT_FORMAT}")
    return exported


def _problem(session: ReviewSession, answer: _ExportedAnswer) -> str:
    job = session.job(answer.given.job)
    question = next((q for q in job.questions if q.name == answer.given.question), None)
    for name in _Bound.model_fields:
        if getattr(answer.bound, name) != getattr(job, name):
            return f"the {name.removesuffix('_sha256')} is not what the report showed"
    if question and answer.given.shown != question.about:
        return "the media are not those that the report showed"
    return ""
