"""Work out which jobs need which; refuse unknown needs and circles."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Mapping, Sequence

from proofbook.errors import ProfileError
from proofbook.profiles import nearest
from proofbook.runner.entries import ExpandedEntry, Source

__all__ = ["resolve_needs"]


def resolve_needs(
    entries: Iterable[ExpandedEntry], names: Mapping[str, Sequence[str]]
) -> list[ExpandedEntry]:
    """Return entries whose jobs need the ids of jobs, where the profile has names.

    Raises:
        ProfileError: A name means no job, or jobs need each other in a circle.
    """
    resolved = []
    for each in entries:
        needs = _needed_ids(each.source, names)
        jobs = tuple(job.model_copy(update={"needs": needs}) for job in each.jobs)
        resolved.append(ExpandedEntry(each.source, jobs, each.written))
    _refuse_circles(resolved)
    return resolved


def _needed_ids(source: Source, names: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    ids: list[str] = []
    for number, need in enumerate(source.entry.needs):
        if need not in names:
            hint = nearest(need, names) or "there is no such job"
            message = f"job {source.entry.name!r} needs {need!r}; {hint}"
            raise source.error(message, "needs", number)
        ids += names[need]
    return tuple(dict.fromkeys(ids))


def _refuse_circles(entries: Iterable[ExpandedEntry]) -> None:
    sources = {job.id: each.source for each in entries for job in each.jobs}
    graph = {job.id: job.needs for each in entries for job in each.jobs}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        raise _circle(error.args[1], sources) from error


def _circle(circle: Sequence[str], sources: Mapping[str, Source]) -> ProfileError:
    """Return the error for a circle, beginning with the first of its jobs in the profile."""
    jobs = list(reversed(circle))[1:]
    first = min(range(len(jobs)), key=lambda n: sources[jobs[n]].index)
    ordered = [*jobs[first:], *jobs[:first]]
    message = f"jobs need each other in a circle: {', '.join(ordered)}"
    return sources[ordered[0]].error(message, "needs")
