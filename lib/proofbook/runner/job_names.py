"""Which jobs a name in a profile means: a job, or all jobs of an entry or of a runbook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from proofbook.runner.entries import ExpandedEntry, Source

__all__ = ["job_names", "refuse_same_ids"]


def refuse_same_ids(entries: Iterable[ExpandedEntry]) -> None:
    """Refuse a job id that is given twice, or is another entry's name: ``needs`` means one.

    Raises:
        ProfileError: There is such an id.
    """
    owners: dict[str, Source] = {}
    for each in entries:
        ids = Counter(job.id for job in each.jobs)
        twice = next((id_ for id_, count in ids.items() if count > 1), None)
        if twice is not None:
            raise each.source.error(f"two jobs are called {twice!r}; change a value", "matrix")
        names = dict.fromkeys((each.source.entry.name, *each.written, *ids), each.source)
        for name in names:
            if name in owners:
                line = owners[name].line
                raise each.source.error(
                    f"two jobs are called {name!r}, the other one at line {line}; give one an id"
                )
        owners |= names


def job_names(entries: Sequence[ExpandedEntry]) -> dict[str, list[str]]:
    """Return the ids of the jobs that each name stands for.

    A name is a job's id, as it is or as the profile has it where an override replaced an axis; an
    entry's id; or a runbook, which stands for the jobs of all its entries.
    """
    names: dict[str, list[str]] = {}
    for each in entries:
        ids = [job.id for job in each.jobs]
        names.setdefault(each.source.entry.runbook, []).extend(ids)
    for each in entries:
        names |= {written: [id_] for written, id_ in each.written.items()}
        names[each.source.entry.name] = [job.id for job in each.jobs]
        names |= {job.id: [job.id] for job in each.jobs}
    return names
