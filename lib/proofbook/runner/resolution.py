"""Put outputs in the place of their names when a job starts, or say why it cannot start.

Reads what other jobs have recorded through a function that it is given; knows nothing about how
jobs are executed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import JsonValue

from proofbook.fingerprints import known_content
from proofbook.notebooks import Runbook
from proofbook.records import OutcomeStatus, Output, PlannedJob, parse_record
from proofbook.runner.outputs import (
    ExpressionError,
    Reference,
    find_references,
    has_expression,
    resolve,
)
from proofbook.runner.parameters import ParameterError, ParameterVerifier
from proofbook.runs.folder import RunFolder

__all__ = [
    "OutputsOf",
    "UnresolvedError",
    "lost_outputs",
    "output_problem",
    "path_inputs",
    "read_outputs",
    "resolve_parameters",
]

OutputsOf = Callable[[str], Mapping[str, Output]]
"""Returns what the job with an id has left: nothing unless it has passed."""


class UnresolvedError(ValueError):
    """A job cannot start: an output is not there, or does not fit; ``status`` is its outcome."""

    def __init__(self, status: OutcomeStatus, message: str) -> None:
        self.status = status
        super().__init__(message)


def resolve_parameters(
    job: PlannedJob, runbook: Runbook, outputs_of: OutputsOf
) -> dict[str, JsonValue]:
    """Return the parameters of a job that name outputs, with the outputs in their place.

    Raises:
        UnresolvedError: ``skipped`` where an output was not made, or its path has other bytes by
            now; ``error`` where it does not fit the parameter.
    """
    open_names = [name for name, value in job.parameters.items() if has_expression(value)]
    if not open_names:
        return {}
    lookup = functools.partial(_value_of, outputs_of=functools.cache(outputs_of))
    parameters = dict(job.parameters)
    for name in open_names:
        try:
            parameters[name] = resolve(job.parameters[name], lookup)
        except ExpressionError as error:
            raise UnresolvedError("error", f"parameter {name!r}: {error}") from error
    try:
        verified = ParameterVerifier().verify_resolved(parameters, runbook)
    except ParameterError as error:
        raise UnresolvedError("error", _with_origin(error, job)) from error
    return {name: verified[name] for name in open_names}


def path_inputs(job: PlannedJob, outputs_of: OutputsOf) -> tuple[str, ...]:
    """Return the paths among the outputs that a job's parameters name: what it needs the bytes of.

    Another machine has to be given them.
    """
    named = [outputs_of(each.job).get(each.output) for each in _references(job)]
    paths = [str(output.value) for output in named if output and output.content]
    return tuple(dict.fromkeys(paths))


def read_outputs(run: RunFolder, job_id: str) -> dict[str, Output]:
    """Return the outputs of a job, by name; none where it has not passed.

    A path within the run is that of the run as it is now, wherever it was when it was recorded: the
    run may have come from another machine, or have been moved.
    """
    folder = run.job(job_id)
    outcome = folder.read_outcome()
    if outcome is None or outcome.status != "passed":
        return {}
    with folder.records.open("rb") as lines:
        records = [parse_record(line) for line in lines if b'"output"' in line]
    outputs = [record for record in records if isinstance(record, Output)]
    return {output.name: _moved(output, run.path) for output in outputs}


def _moved(output: Output, run: Path) -> Output:
    """Return an output with the path that it has in a run folder; a run keeps its name."""
    parts = Path(str(output.value)).parts if output.content else ()
    if run.name not in parts or ".." in parts:
        return output
    place = len(parts) - 1 - parts[::-1].index(run.name)
    return output.model_copy(update={"value": str(run.joinpath(*parts[place + 1 :]))})


def output_problem(output: Output) -> str:
    """Return what has become of an output's path since it was recorded; empty where it is whole."""
    if output.content is None:
        return ""
    path = Path(str(output.value))
    if not path.exists():
        return f"{path} no longer exists"
    try:
        content = known_content(path)
    except OSError as error:
        return f"{path} {error.strerror or error}"
    return "" if content == output.content else f"{path} has other bytes than were recorded"


def lost_outputs(job: PlannedJob, outputs_of: OutputsOf) -> set[str]:
    """Return the jobs that have left ``job`` a path which is no longer what was recorded."""
    return {
        reference.job
        for reference in _references(job)
        if (output := outputs_of(reference.job).get(reference.output)) and output_problem(output)
    }


def _references(job: PlannedJob) -> list[Reference]:
    values = job.parameters.values()
    return [each for value in values if has_expression(value) for each in find_references(value)]


def _value_of(reference: Reference, outputs_of: OutputsOf) -> JsonValue:
    output = outputs_of(reference.job).get(reference.output)
    needed = f"needs output {reference.output} of {reference.job}"
    if output is None:
        raise UnresolvedError("skipped", f"{needed}, which was not made")
    if problem := output_problem(output):
        raise UnresolvedError("skipped", f"{needed}, but {problem}")
    return output.value


def _with_origin(error: ParameterError, job: PlannedJob) -> str:
    """Return the message with the expressions that the parameter's value comes from."""
    names = map(str, find_references(job.parameters.get(error.name)))
    origin = ", ".join(names)
    return f"{error}, from {origin}" if origin else str(error)
