"""Choose the jobs of a profile that will run, and add runbooks that it does not name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from proofbook.errors import UsageError
from proofbook.notebooks import Runbook
from proofbook.profiles import JobDefaults, JobEntry
from proofbook.project import Project
from proofbook.records import PlannedJob
from proofbook.runner.entries import ExpandedEntry, Source, find_runbook, template_job

__all__ = ["Choice", "choose", "select"]


class Choice(NamedTuple):
    """All jobs that there are, and the ones that a command line names."""

    jobs: tuple[PlannedJob, ...]
    """Those of the profile, then the added ones."""
    wanted: frozenset[str] | None
    """Ids; None where everything is wanted."""
    anew: frozenset[str] = frozenset()
    """Ids of jobs that take nothing from the entry whose place they have."""


def choose(
    entries: Sequence[ExpandedEntry],
    only: Iterable[str],
    names: dict[str, list[str]],
    project: Project,
    defaults: JobDefaults,
    runbooks: dict[str, Runbook],
    is_foreign: Callable[[JobEntry], bool] = lambda entry: False,
) -> Choice:
    """Find what ``only`` names; a runbook of no entry is added to jobs, names and runbooks.

    An entry ``is_foreign`` where its jobs test another subject than it was written for: one job
    that has its runbook's own defaults takes the place of them all.

    Raises:
        UsageError: It names nothing, or an added job would have the id of another.
    """
    jobs = {job.id: job for each in entries for job in each.jobs}
    sources = {job.id: each.source for each in entries for job in each.jobs}
    wanted: list[str] = []
    anew: dict[str, str] = {}
    chosen = [name.removeprefix("runbooks/").removesuffix(".ipynb") for name in only]
    for name in chosen:
        if name in names:
            foreign = [i for i in names[name] if i in sources and is_foreign(sources[i].entry)]
            wanted += [i for i in names[name] if i not in foreign]
            for id_ in foreign:
                if (entry := sources[id_].entry).runbook not in anew:
                    fresh = _without_promises(entry, defaults)
                    jobs[fresh.id], anew[entry.runbook] = fresh, fresh.id
                wanted.append(anew[entry.runbook])
            continue
        runbooks[name] = find_runbook(project, name)
        added = template_job(JobEntry(runbook=name), defaults)
        _refuse_taken(added, jobs, sources)
        jobs[added.id] = added
        names[name] = names[added.id] = [added.id]
        wanted.append(added.id)
    kept = frozenset(wanted) if chosen else None
    return Choice(tuple(jobs.values()), kept, frozenset(anew.values()))


def select(jobs: Sequence[PlannedJob], wanted: Iterable[str] | None) -> list[PlannedJob]:
    """Keep the wanted jobs and all that they need, in the order that they have."""
    if wanted is None:
        return list(jobs)
    by_id = {job.id: job for job in jobs}
    kept, waiting = set(wanted), list(wanted)
    while waiting:
        needed = [need for need in by_id[waiting.pop()].needs if need not in kept]
        kept.update(needed)
        waiting += needed
    return [job for job in jobs if job.id in kept]


def _without_promises(entry: JobEntry, defaults: JobDefaults) -> PlannedJob:
    """Return a job of an entry's runbook that needs the same installed, and nothing else of it."""
    bare = JobEntry(runbook=entry.runbook, id=entry.name, requires=entry.requires)
    return template_job(bare, defaults.model_copy(update={"allow_skips": ()}))


def _refuse_taken(
    added: PlannedJob, jobs: Mapping[str, PlannedJob], sources: Mapping[str, Source]
) -> None:
    """Refuse to add a job where another runbook's has its id."""
    other = jobs.get(added.id)
    if other is None or other.runbook == added.runbook:
        return
    message = f"the id {added.id!r} of a job of {other.runbook} is what {added.runbook} would have"
    if added.id in sources:
        raise sources[added.id].error(f"{message}; give this entry another id")
    raise UsageError(f"{message}; run one at a time")
