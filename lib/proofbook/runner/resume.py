"""Decide what of an earlier run is kept, and what runs again."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from proofbook.collector import collector_paused
from proofbook.errors import NotebookError, RunFolderError
from proofbook.notebooks import Runbook, read_runbook
from proofbook.project import Project
from proofbook.records import Outcome, RunInfo
from proofbook.runner.parameters import ParameterError, ParameterVerifier
from proofbook.runner.resolution import lost_outputs, read_outputs
from proofbook.runner.schedule import dependents
from proofbook.runs.finding import iter_runs
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_index import MediaIndex
from proofbook.runs.reading import read_job

__all__ = ["Rerun", "expected_seconds", "kept_outcomes", "runbooks_of"]

Rerun = Literal["failed", "all"]
_RUNS_LOOKED_AT = 10


@collector_paused()
def runbooks_of(project: Project, info: RunInfo) -> dict[str, Runbook]:
    """Read the runbooks of an earlier run's plan as they are today.

    Raises:
        RunFolderError: One is gone, cannot be read, or no longer takes the planned parameters.
    """
    names = {job.runbook for job in info.plan}
    try:
        runbooks = {name: read_runbook(project.runbook(name), name) for name in names}
        verifier = ParameterVerifier()
        for job in info.plan:
            verifier.verify(job.parameters, runbooks[job.runbook])
        return runbooks
    except (NotebookError, ParameterError) as error:
        raise RunFolderError(f"run {info.run_id} cannot be resumed: {error}") from error


@collector_paused()
def kept_outcomes(
    folder: RunFolder, info: RunInfo, runbooks: Mapping[str, Runbook], rerun: Rerun
) -> dict[str, Outcome]:
    """Return the outcomes that stay: passed, of the same notebook, needing nothing that reruns.

    A job that left a path which is gone or changed reruns with those that need it.
    """
    if rerun == "all":
        return {}
    jobs = {job.id: job for job in info.plan}
    media = MediaIndex(folder.media)
    outcomes = {job.id: read_job(job, folder.job(job.id), media).outcome for job in info.plan}
    bad = {job.id for job in info.plan if not _is_good(outcomes[job.id], runbooks[job.runbook])}
    outputs_of = functools.cache(functools.partial(read_outputs, folder))
    again = dependents(info.plan, bad, lambda job_id: lost_outputs(jobs[job_id], outputs_of))
    return {name: outcome for name, outcome in outcomes.items() if name not in again}


def expected_seconds(outputs: Path) -> dict[str, float]:
    """Return how long each job took when it last passed, from the latest runs."""
    seconds: dict[str, float] = {}
    for run in itertools.islice(iter_runs(outputs), _RUNS_LOOKED_AT):
        for path in run.path.glob("jobs/*/outcome.json"):
            outcome = run.job(path.parent.name).read_outcome()
            if outcome and outcome.status == "passed" and outcome.seconds is not None:
                seconds.setdefault(outcome.job, outcome.seconds)
    return seconds


def _is_good(outcome: Outcome, runbook: Runbook) -> bool:
    same = outcome.notebook_sha256 in (runbook.sha256, runbook.file_sha256)
    return outcome.status == "passed" and same
