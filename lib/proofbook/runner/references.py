"""Find the jobs that make the outputs which parameters name; refuse what no job makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from proofbook.errors import UsageError
from proofbook.notebooks import Runbook
from proofbook.profiles import nearest
from proofbook.records import PlannedJob
from proofbook.runner.entries import ExpandedEntry, Source
from proofbook.runner.output_names import output_names_of
from proofbook.runner.outputs import (
    ExpressionError,
    Reference,
    find_references,
    has_expression,
    locate_references,
)
from proofbook.yamlfile import Place

__all__ = ["OutputMakers", "needed_makers", "verify_written", "written_references"]

_MOST_LISTED = 8


class OutputMakers:
    """Finds the job that makes an output.

    Args:
        jobs: All jobs that there are.
        names: The ids of the jobs that each name stands for.
        runbooks: Of all jobs, by name.
    """

    def __init__(
        self,
        jobs: Iterable[PlannedJob],
        names: Mapping[str, Sequence[str]],
        runbooks: Mapping[str, Runbook],
    ) -> None:
        self._names = names
        self._runbooks = {job.id: runbooks[job.runbook] for job in jobs}
        self._outputs: dict[str, frozenset[str] | None] = {}

    def find(self, reference: Reference, place: Place = ()) -> str:
        """Return the id of the job that makes an output, which is named at ``place``.

        Raises:
            ExpressionError: There is no such job, several, or one whose runbook makes no such
                output.
        """
        ids = self._names.get(reference.job, ())
        if not ids:
            hint = nearest(reference.job, self._names) or "there is no such job"
            raise ExpressionError(f"{reference} names no job; {hint}", place)
        if len(ids) > 1:
            message = f"{reference} names {len(ids)} jobs; choose one of: {_listed(ids)}"
            raise ExpressionError(message, place)
        runbook = self._runbooks[ids[0]]
        outputs = self._outputs_of(runbook)
        if outputs is not None and reference.output not in outputs:
            hint = nearest(reference.output, outputs) or f"it makes: {_listed(sorted(outputs))}"
            message = f"{reference}: {runbook.name} makes no output {reference.output!r}; {hint}"
            raise ExpressionError(message, place)
        return ids[0]

    def _outputs_of(self, runbook: Runbook) -> frozenset[str] | None:
        if runbook.name not in self._outputs:
            self._outputs[runbook.name] = output_names_of(runbook.path)
        return self._outputs[runbook.name]


def written_references(source: Source) -> Iterator[tuple[Reference, Place]]:
    """Yield the outputs that an entry names, each with its place within the entry.

    Raises:
        ExpressionError: An expression is not sound.
    """
    entry = source.entry
    yield from locate_references(entry.parameters, ("parameters",))
    for key, axis in entry.matrix.items():
        yield from locate_references(axis, ("matrix", key))
    for number, extra in enumerate(entry.include):
        yield from locate_references(extra, ("include", number))


def verify_written(entries: Iterable[ExpandedEntry], makers: OutputMakers) -> None:
    """Verify every expression of a profile where it is written.

    Raises:
        ProfileError: One is not sound, or names an output that no job makes.
    """
    for each in entries:
        try:
            for reference, place in written_references(each.source):
                makers.find(reference, place)
        except ExpressionError as error:
            raise each.source.error(str(error), *error.place) from error


def needed_makers(job: PlannedJob, makers: OutputMakers) -> dict[str, str]:
    """Return the job that makes each output that a job names: its id, by the name it is given.

    Raises:
        UsageError: An expression of the command line is wrong.
    """
    ids: dict[str, str] = {}
    for name, value in job.parameters.items():
        if has_expression(value):
            try:
                ids |= {each.job: makers.find(each) for each in find_references(value)}
            except ExpressionError as error:
                # Those of the profile are sound: this one is an override.
                raise UsageError(f"-p {name}: {error}") from error
    return ids


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {rest} more" if rest > 0 else "") or "none"
