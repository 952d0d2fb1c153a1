"""Take answers from a report that was filled in without a server, and exported as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proofbook.errors import UsageError
from proofbook.files import read_given
from proofbook.signoff.acceptance import SubmittedAnswer, make_reviewer
from proofbook.signoff.answering import ReviewSession
from proofbook.signoff.entries import Answer

__all__ = ["EXPORT_FORMAT", "Exported", "Imported", "import_answers"]

EXPORT_FORMAT = "proofbook-answers/1"


class _Bound(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    notebook_sha256: str
    parameters_sha256: str
    checks_sha256: str


class _ExportedAnswer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: SubmittedAnswer = Field(alias="given")
    bound: _Bound


class Exported(BaseModel):
    """The file that a report writes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str
    run: str
    reviewer: str
    role: str = ""
    answers: tuple[_ExportedAnswer, ...]


class Imported(NamedTuple):
    """What became of the answers of a file."""

    written: tuple[Answer, ...]
    refused: tuple[str, ...]
    """Which answers do not fit the run, and why: a line each."""


def import_answers(session: ReviewSession, file: Path) -> Imported:
    """Write down the answers of an exported file that fit the run, and say which do not.

    Raises:
        UsageError: It is not such a file, or belongs to another run.
    """
    exported = _read(file)
    if exported.run != session.info.run_id:
        raise UsageError(
            f"{file} belongs to run {exported.run}, and this run is {session.info.run_id}"
        )
    reviewer = make_reviewer(exported.reviewer, exported.role, "declared in an exported file")
    written, refused = [], []
    for each in exported.answers:
        try:
            if problem := _problem(session, each):
                raise UsageError(f"{each.answer.job}, {each.answer.question}: {problem}")
            written.append(session.answer(each.answer, reviewer))
        except UsageError as error:
            refused.append(str(error))
    return Imported(tuple(written), tuple(refused))


def _read(file: Path) -> Exported:
    try:
        values: Any = json.loads(read_given(file))
        exported = Exported.model_validate(values)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{file} was not exported by a report: {place}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} was not exported by a report: {error}") from error
    if exported.format != EXPORT_FORMAT:
        raise UsageError(f"{file} has format {exported.format}; expected {EXPORT_FORMAT}")
    return exported


def _problem(session: ReviewSession, exported: _ExportedAnswer) -> str:
    job = session.job(exported.answer.job)
    question = next((q for q in job.questions if q.name == exported.answer.question), None)
    for name in _Bound.model_fields:
        if getattr(exported.bound, name) != getattr(job, name):
            what = "notebook has" if name == "notebook_sha256" else f"{name.split('_')[0]} have"
            return f"the {what} changed since the report was written"
    if question and exported.answer.shown != question.about:
        return "the media are not those that the report showed"
    return ""
