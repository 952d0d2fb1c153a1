"""Expand a profile into a plan of jobs; everything wrong is found before any kernel starts.

Knows how a runbook declares its parameters, nothing about how jobs are executed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from proofbook.notebooks import Runbook
from proofbook.profiles import Profile, load_profile
from proofbook.project import Project
from proofbook.records import PlannedJob
from proofbook.runner.collector import collector_paused
from proofbook.runner.entries import expand_entries
from proofbook.runner.job_names import job_names, refuse_same_ids
from proofbook.runner.needs import refuse_circles, resolve_needs, with_makers
from proofbook.runner.overrides import Overrides
from proofbook.runner.parameters import ParameterVerifier
from proofbook.runner.references import OutputMakers, verify_written
from proofbook.runner.selection import choose, select

__all__ = ["Plan", "load_plan"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run will execute."""

    profile: str
    path: str
    settings: Profile
    jobs: tuple[PlannedJob, ...]
    runbooks: Mapping[str, Runbook]


@collector_paused()
def load_plan(
    project: Project,
    profile: str,
    *,
    only: Iterable[str] = (),
    overrides: Mapping[str, str] | None = None,
) -> Plan:
    """Load a profile, and expand it into jobs.

    Args:
        project: Where the runbooks and profiles are.
        profile: ``tiny``, or the path of a YAML file.
        only: Runbooks, entries or job ids to keep, with the jobs that they need; none keeps all.
            A runbook that is not in the profile is added with its default parameters.
        overrides: ``name`` to text, as on a command line, for every job that has ``name``; over
            a key of a matrix, it takes the place of all its values.

    Raises:
        ProfileError: Anything is wrong with the profile; file and line say where.
        UsageError: ``only`` names nothing, or an override fits no job.
    """
    verifier = ParameterVerifier()
    changes = Overrides(overrides or {}, verifier)
    settings, file = load_profile(project, profile)
    entries, runbooks = expand_entries(project, settings, file, changes, verifier)
    refuse_same_ids(entries)
    names = job_names(entries)
    entries = resolve_needs(entries, names)
    choice = choose(entries, only, names, project, settings.defaults, runbooks)
    makers = OutputMakers(choice.jobs, names, runbooks)
    verify_written(entries, makers)
    changed = [changes.apply(job, runbooks[job.runbook]) for job in choice.jobs]
    jobs = [with_makers(job, makers) for job in changed]
    refuse_circles(jobs, entries, names)
    chosen = changes.verify(select(jobs, choice.wanted), runbooks)
    return Plan(
        profile=file.path.stem,
        path=str(file.path),
        settings=settings,
        jobs=tuple(chosen),
        runbooks=runbooks,
    )
