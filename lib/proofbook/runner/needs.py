"""Work out which jobs need which: by ``needs``, and by the outputs that their parameters name."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Mapping, Sequence

from proofbook.errors import UsageError
from proofbook.profiles import nearest
from proofbook.records import PlannedJob
from proofbook.runner.entries import ExpandedEntry, Source
from proofbook.runner.outputs import has_expression, rename_jobs
from proofbook.runner.references import OutputMakers, needed_makers, written_references
from proofbook.yamlfile import Place

__all__ = ["declared_needs", "refuse_circles", "with_needs"]

Names = Mapping[str, Sequence[str]]


def declared_needs(entries: Iterable[ExpandedEntry], names: Names) -> dict[str, tuple[str, ...]]:
    """Return the ids that ``needs`` names, by job.

    Raises:
        ProfileError: A name stands for no job.
    """
    needs: dict[str, tuple[str, ...]] = {}
    for each in entries:
        ids = _needed_ids(each.source, names)
        needs |= {job.id: ids for job in each.jobs}
    return needs


def with_needs(job: PlannedJob, declared: Sequence[str], makers: OutputMakers) -> PlannedJob:
    """Return a job that needs the declared ones, and the makers of the outputs that it names.

    Its expressions have the ids that those have, where the profile has other names of them.

    Raises:
        UsageError: An expression of the command line is wrong.
    """
    ids = needed_makers(job, makers)
    update: dict[str, object] = {"needs": tuple(dict.fromkeys((*declared, *ids.values())))}
    if ids:
        values = job.parameters.items()
        update["parameters"] = {name: rename_jobs(value, ids) for name, value in values}
    return job.model_copy(update=update)


def refuse_circles(
    jobs: Iterable[PlannedJob], entries: Iterable[ExpandedEntry], names: Names
) -> None:
    """Refuse jobs that need each other, or themselves.

    Raises:
        UsageError: There are such jobs; a ProfileError with the line, where the profile says so.
    """
    by_id = {job.id: job for job in jobs}
    try:
        graphlib.TopologicalSorter({job.id: job.needs for job in by_id.values()}).prepare()
    except graphlib.CycleError as error:
        sources = {job.id: each.source for each in entries for job in each.jobs}
        # graphlib begins and ends with the same job, and has each before those that need it.
        circle = [by_id[job_id] for job_id in error.args[1][:0:-1]]
        raise _circle_error(circle, sources, names) from error


def _needed_ids(source: Source, names: Names) -> tuple[str, ...]:
    ids: list[str] = []
    for number, need in enumerate(source.entry.needs):
        if need not in names:
            hint = nearest(need, names) or "there is no such job"
            message = f"job {source.entry.name!r} needs {need!r}; {hint}"
            raise source.error(message, "needs", number)
        ids += names[need]
    return tuple(dict.fromkeys(ids))


def _circle_error(
    circle: Sequence[PlannedJob], sources: Mapping[str, Source], names: Names
) -> UsageError:
    """Return the error for jobs that each need the next, told from the first in the profile."""
    known = [number for number, job in enumerate(circle) if job.id in sources]
    first = min(known, key=lambda number: sources[circle[number].id].index, default=0)
    ordered = [*circle[first:], *circle[:first]]
    message = f"jobs need each other in a circle: {', '.join(job.id for job in ordered)}"
    job, need = ordered[0], ordered[1 % len(ordered)].id
    if job.id in sources and (place := _place_of(need, sources[job.id], names)):
        return sources[job.id].error(message, *place)
    override = next(name for name, value in job.parameters.items() if has_expression(value))
    return UsageError(f"-p {override}: {message}")


def _place_of(need: str, source: Source, names: Names) -> Place | None:
    """Return what makes an entry's jobs need another; None where the command line does."""
    for number, name in enumerate(source.entry.needs):
        if need in names[name]:
            return ("needs", number)
    return next((p for each, p in written_references(source) if need in names[each.job]), None)
