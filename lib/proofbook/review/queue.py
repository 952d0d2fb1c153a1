"""What the review page and the panel show: every question of a run, with all that belongs to it.

Values in, plain JSON out. Knows nothing about servers or widgets.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proofbook.files import is_readable, open_file
from proofbook.records import Evidence, MediaFile, Metric, Question, now
from proofbook.report.wording import say_labels, say_number, say_value
from proofbook.signoff.answering import ReviewSession
from proofbook.signoff.baseline import Baseline, Key, take_key
from proofbook.signoff.binding import AskedJob, bind
from proofbook.signoff.entries import Answer
from proofbook.signoff.log import by_job
from proofbook.signoff.question_status import QuestionState, pending_reason, question_state

__all__ = ["build_queue", "question_states"]

_MOST_TEXT = 60_000


def build_queue(session: ReviewSession) -> list[dict[str, Any]]:
    """Return the questions of a run in the order of its plan, each with what it is about."""
    baselines = session.find_baselines()
    answers = by_job(session.answers())
    items = []
    for planned in session.info.plan:
        job = session.job(planned.id)
        for question in job.questions:
            item = _describe(session, job, question, answers.get(job.id, {}))
            item["evidence"] = [
                _describe_evidence(session, job, job.evidence[sha256], baselines)
                for sha256 in question.about
                if sha256 in job.evidence
            ]
            items.append(item)
    return items


def question_states(session: ReviewSession, since: int = 0) -> dict[str, Any]:
    """Return the state of each question that was answered after the first ``since`` answers.

    Returns:
        ``answers``, the number of all answers, and ``questions``, by job and question.
    """
    answers = session.answers()
    about = {(answer.binding.job, answer.binding.question) for answer in answers[since:]}
    changed = by_job(a for a in answers if (a.binding.job, a.binding.question) in about)
    jobs = (session.job(planned.id) for planned in session.info.plan if planned.id in changed)
    questions = {
        f"{job.id}\n{question.name}": _state(session, job, question, changed[job.id])
        for job in jobs
        for question in job.questions
        if question.name in changed[job.id]
    }
    return {"answers": len(answers), "questions": questions}


def _describe(
    session: ReviewSession, job: AskedJob, question: Question, answers: Mapping[str, list[Answer]]
) -> dict[str, Any]:
    failed = [check for check in job.checks if check.status in ("failed", "error")]
    metrics = [record for record in job.records if isinstance(record, Metric)]
    return {
        "job": job.id, "runbook": job.runbook, "question": question.name, "text": question.text,
        "form": question.form, "criteria": list(question.criteria), "role": question.role,
        "required": question.required, "shown": list(question.about),
        "checks": {"count": len(job.checks), "failed": [check.name for check in failed]},
        "metrics": [
            {"name": m.name, "value": say_number(m.value), "unit": m.unit,
             "labels": say_labels(m.labels)}
            for m in metrics
        ],
        **_state(session, job, question, answers),
    }  # fmt: skip


def _state(
    session: ReviewSession, job: AskedJob, question: Question, answers: Mapping[str, list[Answer]]
) -> dict[str, Any]:
    given = answers.get(question.name, ())
    if given:  # only then does it matter which bytes there are now, which takes time to know
        binding = bind(job, question, session.run.media, session.media.sha256)
        state = question_state(question, binding, given, now(), session.trusted())
    else:
        state = QuestionState(status="pending", reason=pending_reason(question))
    return {
        "status": state.status, "reason": state.reason,
        "answers": [_describe_answer(answer) for answer in (*state.answers, *state.earlier)],
        "in_force": [answer.id for answer in state.answers],
    }  # fmt: skip


def _describe_answer(answer: Answer) -> dict[str, Any]:
    return {
        "id": answer.id, "reviewer": answer.reviewer.name, "role": answer.reviewer.role,
        "verdict": answer.verdict, "comment": answer.comment, "scores": answer.scores,
        "time": answer.time.isoformat(), "signed": answer.signature is not None,
    }  # fmt: skip


def _describe_evidence(
    session: ReviewSession, job: AskedJob, evidence: Evidence, baselines: Mapping[Key, Baseline]
) -> dict[str, Any]:
    take = _describe_take(evidence, "media", session.run.media)
    baseline = baselines.get(take_key(job.runbook, job.id, evidence))
    if baseline is not None and is_readable(baseline.path):
        approved = _describe_take(
            baseline.evidence, f"approved/{baseline.run_id}", baseline.run.media
        )
        approved["by"], approved["run"] = baseline.answer.reviewer.name, baseline.run_id
        take["approved"] = approved
        if evidence.media_kind == "text":
            take["diff"] = _diff(approved["text"], take["text"])
    return take


def _describe_take(evidence: Evidence, link: str, media: Path) -> dict[str, Any]:
    take: dict[str, Any] = {
        "name": evidence.name, "kind": evidence.media_kind, "caption": evidence.caption,
        "labels": say_labels(evidence.labels), "sha256": evidence.file.sha256,
        "size": evidence.file.size, "type": evidence.file.media_type,
        "url": _url(link, evidence.file),
        "views": {name: _url(link, file) for name, file in evidence.views.items()},
        "facts": [
            {"name": fact.name, "value": say_value(fact.value), "unit": fact.unit}
            for fact in evidence.facts
        ],
        "loudness": next(
            (fact.value for fact in evidence.facts
             if fact.name == "loudness" and isinstance(fact.value, int | float)), None),
        "there": is_readable(media / evidence.file.filename),
    }  # fmt: skip
    if evidence.media_kind == "text":
        take["text"] = _read_text(media / evidence.file.filename)
    return take


def _url(link: str, file: MediaFile) -> str:
    return f"{link}/{file.filename}"


def _read_text(path: Path) -> str:
    try:
        with open_file(path) as file:
            return file.read(_MOST_TEXT).decode("utf-8", "replace")
    except OSError:
        return ""


def _diff(before: str, after: str) -> list[list[str]]:
    """Return pairs of a sign, ``-``, ``+`` or a space, and a line."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [[line[0], line[2:]] for line in lines if line[0] != "?"]
