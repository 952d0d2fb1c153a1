"""Read a job back: what was written of it, and never more green than its files support."""

from __future__ import annotations

from dataclasses import replace

from proofbook.files import read_file
from proofbook.records import Outcome, PlannedJob
from proofbook.runs.executed_notebook import unfinished_cell
from proofbook.runs.folder import JobFolder
from proofbook.runs.media_index import MediaIndex
from proofbook.runs.verdicts import JudgedJob, judge_job, severity

__all__ = ["read_job"]


def read_job(job: PlannedJob, folder: JobFolder, media: MediaIndex) -> JudgedJob:
    """Judge a job by its files; of the written outcome and the judged one, the worse holds.

    Without a final outcome the job is incomplete, whatever its other files say.
    """
    written = folder.read_outcome()
    judged = judge_job(job, folder, media, resolved=written.resolved if written else None)
    outcome = _reconciled(folder, written, judged.outcome)
    cells = judged.outcome.cells or outcome.cells
    return replace(judged, outcome=outcome.model_copy(update={"cells": cells}))


def _reconciled(folder: JobFolder, written: Outcome | None, supported: Outcome) -> Outcome:
    if written is None:
        cause = _explain_absence(folder)
        return Outcome(job=supported.job, runbook=supported.runbook, cause=cause)
    if written.job != supported.job:
        cause = f"outcome.json belongs to another job: {written.job}"
        return Outcome(job=supported.job, runbook=supported.runbook, cause=cause)
    if written.status == "incomplete" and not written.cause:
        cause = "no final outcome: the job is still running, or its runner was killed"
        return written.model_copy(update={"cause": cause})
    return _worse(written, supported)


def _worse(written: Outcome, supported: Outcome) -> Outcome:
    sources = [written, supported]
    if cause := _contradiction(written, supported):
        sources.append(Outcome(job=written.job, runbook=written.runbook, cause=cause))
    worst = max(sources, key=lambda outcome: severity(outcome.status, outcome.allowed))
    if worst is written:
        return written.model_copy(update={"failure": written.failure or supported.failure})
    name = "an allowed skip" if written.status == "skipped" else written.status
    return written.model_copy(
        update={
            "status": worst.status,
            "cause": f"outcome.json says {name}, but {worst.cause}",
            "allowed": worst.allowed,
            "failure": written.failure or supported.failure,
        }
    )


def _contradiction(written: Outcome, supported: Outcome) -> str:
    """Return what speaks against an outcome that is green, or nothing."""
    if written.failure is not None:
        return f"the notebook raised {written.failure.ename}"
    if written.status == "skipped" and supported.status == "passed":
        return "its records hold passed checks"
    return unfinished_cell(written.cells)


def _explain_absence(folder: JobFolder) -> str:
    try:
        read_file(folder.outcome)
    except FileNotFoundError:
        return "no outcome was written" if folder.path.exists() else "never started"
    except OSError as error:
        return f"outcome.json cannot be read: {error.strerror}"
    return "outcome.json cannot be read"
