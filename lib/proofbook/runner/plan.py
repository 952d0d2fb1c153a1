"""Expand a profile into a plan of jobs; everything wrong is found before any kernel starts.

Knows how a runbook declares its parameters, nothing about how jobs are executed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from proofbook.collector import collector_paused
from proofbook.errors import ProfileError
from proofbook.notebooks import Runbook
from proofbook.profiles import JobEntry, Profile, load_profile
from proofbook.project import Project
from proofbook.records import PlannedJob
from proofbook.runner.entries import ExpandedEntry, Source, expand_entries
from proofbook.runner.job_names import job_names, refuse_same_ids
from proofbook.runner.needs import declared_needs, refuse_circles, with_needs
from proofbook.runner.overrides import Overrides
from proofbook.runner.own_subjects import has_own_subject
from proofbook.runner.parameters import ParameterVerifier
from proofbook.runner.paths import anchor_parameters
from proofbook.runner.references import OutputMakers, verify_written
from proofbook.runner.selection import Choice, choose, select
from proofbook.runner.time_limits import fit_time_limits
from proofbook.runs.redaction import Redactor
from proofbook.yamlfile import YamlFile

__all__ = ["Plan", "load_plan"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run will execute."""

    profile: str
    path: str
    settings: Profile
    jobs: tuple[PlannedJob, ...]
    runbooks: Mapping[str, Runbook]
    file: YamlFile
    sources: Mapping[str, Source]
    """By job id; a job that no entry of the profile names has none."""
    anew: frozenset[str] = frozenset()
    """Ids of jobs that the default profile has for its reference subject, and that the command line
    points at another: they begin with their runbook's defaults, and no skip is allowed."""

    def resource_error(self, job: PlannedJob, kind: str, message: str) -> ProfileError:
        """Return the error that says ``message`` where a resource of a job is declared."""
        source = self.sources.get(job.id)
        if source is not None and kind in source.entry.resources.model_fields_set:
            return source.error(message, "resources", kind)
        return self.file.error(message, ("defaults", "resources", kind))


@collector_paused()
def load_plan(
    project: Project,
    profile: str | None,
    *,
    only: Iterable[str] = (),
    overrides: Mapping[str, str] | None = None,
    allow_skips: Iterable[str] = (),
) -> Plan:
    """Load a profile, and expand it into jobs.

    Args:
        project: Where the runbooks and profiles are.
        profile: ``tiny``, or the path of a YAML file; None takes ``tiny`` where there is one.
        only: Runbooks, entries or job ids to keep, with the jobs that they need; none keeps all.
            A runbook that is not in the profile is added with its default parameters, and so is one
            of the default profile whose reference subject an override replaces.
        overrides: ``name`` to text, as on a command line, for every job that has ``name``; over
            a key of a matrix, it takes the place of all its values.
        allow_skips: Globs of checks that may be skipped in every job, beside those of the profile.

    Raises:
        ProfileError: Anything is wrong with the profile; file and line say where.
        UsageError: ``only`` names nothing, or an override fits no job.
    """
    verifier = ParameterVerifier(Redactor.of_project(project.root))
    changes = Overrides(overrides or {}, verifier)
    settings, file = load_profile(project, profile)
    entries, runbooks = expand_entries(project, settings, file, changes, verifier)
    refuse_same_ids(entries)
    names = job_names(entries)
    needs = declared_needs(entries, names)
    is_foreign = partial(_is_foreign, profile, runbooks, changes, verifier)
    choice = choose(entries, only, names, project, settings.defaults, runbooks, is_foreign)
    makers = OutputMakers(choice.jobs, names, runbooks)
    verify_written(entries, makers)
    jobs = _with_all_needs(choice, needs, makers, changes, runbooks)
    refuse_circles(jobs, entries, names)
    jobs = select(jobs, choice.wanted)
    jobs = anchor_parameters(
        jobs, runbooks, project.root, without=overrides or {}, paths_of=verifier.paths
    )
    jobs = _allowing(changes.verify(jobs, runbooks), allow_skips)
    sources = _sources(entries, choice)
    jobs = fit_time_limits(jobs, runbooks, sources, verifier)
    return Plan(
        profile=file.path.stem, path=str(file.path), settings=settings, jobs=tuple(jobs),
        runbooks=runbooks, file=file, sources=sources, anew=choice.anew,
    )  # fmt: skip


def _with_all_needs(
    choice: Choice,
    needs: Mapping[str, tuple[str, ...]],
    makers: OutputMakers,
    changes: Overrides,
    runbooks: Mapping[str, Runbook],
) -> list[PlannedJob]:
    """Return all jobs with their overrides and needs; one that begins anew has none declared."""
    declared = {**needs, **dict.fromkeys(choice.anew, ())}
    changed = [changes.apply(job, runbooks[job.runbook]) for job in choice.jobs]
    return [with_needs(job, declared.get(job.id, ()), makers) for job in changed]


def _allowing(jobs: Iterable[PlannedJob], globs: Iterable[str]) -> list[PlannedJob]:
    """Return jobs in which these checks may be skipped, too."""
    more = tuple(dict.fromkeys(globs))
    if not more:
        return list(jobs)
    return [
        job.model_copy(update={"allow_skips": tuple(dict.fromkeys((*job.allow_skips, *more)))})
        for job in jobs
    ]


def _sources(entries: Iterable[ExpandedEntry], choice: Choice) -> dict[str, Source]:
    ids = {job.id: each.source for each in entries for job in each.jobs}
    return {id_: source for id_, source in ids.items() if id_ not in choice.anew}


def _is_foreign(
    profile: str | None, runbooks: Mapping[str, Runbook], changes: Overrides,
    verifier: ParameterVerifier, entry: JobEntry,
) -> bool:  # fmt: skip
    """Say whether an entry's jobs are pointed at another subject; a profile that is named holds."""
    if profile is not None:
        return False
    runbook = runbooks[entry.runbook]
    return has_own_subject(entry, runbook, changes.values(runbook), verifier.subjects(runbook))
