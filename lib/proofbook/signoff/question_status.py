"""Where every question of a run stands: its records, and what its sign-off log says."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from proofbook.records import PlannedJob, Question, now
from proofbook.runs.folder import RunFolder
from proofbook.signoff.binding import AskedJob, bind, bind_check, differences
from proofbook.signoff.entries import Answer
from proofbook.signoff.log import LogState, SignoffLog
from proofbook.signoff.status import Standing, in_force, stand

__all__ = ["JobStandings", "job_standings", "read_log", "settled"]


@dataclass(frozen=True, kw_only=True)
class JobStandings:
    """What people have said about one job."""

    questions: Mapping[str, Standing] = field(default_factory=dict)
    """By the question's name."""
    waived_checks: Mapping[str, Answer] = field(default_factory=dict)
    """By the check's name: the waiver in force. The check stays as it is."""


def job_standings(
    run: RunFolder,
    run_id: str,
    planned: PlannedJob,
    log: LogState,
    moment: datetime | None = None,
) -> JobStandings:
    """Return where a job's questions stand; nothing where nobody has answered any."""
    own = log.by_job.get(planned.id)
    if not own:
        return JobStandings()
    job = AskedJob(run, run_id, planned)
    moment = moment or now()
    waivers = {}
    for answer in in_force(itertools.chain.from_iterable(own.values())):
        name = answer.binding.question.removeprefix("check:")
        lasting = answer.expires is None or answer.expires > moment
        waives = name != answer.binding.question and lasting
        if waives and not differences(answer.binding, bind_check(job, name)):
            waivers[name] = answer
    return JobStandings(
        questions={
            question.name: stand(
                question, bind(job, question, run.media), own.get(question.name, ()), moment
            )
            for question in job.questions
        },
        waived_checks=waivers,
    )


def settled(questions: tuple[Question, ...], standings: JobStandings) -> tuple[Question, ...]:
    """Return the questions with the states that people have given them."""
    return tuple(
        question.model_copy(update={"status": standings.questions[question.name].status})
        if question.name in standings.questions
        else question
        for question in questions
    )


def read_log(run: RunFolder, run_id: str) -> LogState:
    """Return what a run's sign-off log says."""
    return SignoffLog(run.path, run_id).read()
