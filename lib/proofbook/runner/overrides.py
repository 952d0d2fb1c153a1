"""Put ``-p name=value`` of a command line into the jobs that have such a parameter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import JsonValue

from proofbook.errors import UsageError
from proofbook.notebooks import Runbook
from proofbook.profiles import nearest
from proofbook.records import PlannedJob
from proofbook.runner.own_subjects import foreign_commands
from proofbook.runner.parameters import ParameterError, ParameterVerifier
from proofbook.runner.paths import anchor_path
from proofbook.yamlfile import parse_scalar

__all__ = ["Overrides"]


class Overrides:
    """The texts of ``-p``, read once for each runbook, as its types decide how.

    Args:
        texts: What the command line says, by parameter.
        verifier: Verifies the values.

    Raises:
        UsageError: One is a secret; said before any other message can show it.
    """

    def __init__(self, texts: Mapping[str, str], verifier: ParameterVerifier) -> None:
        self._texts, self._verifier = texts, verifier
        self._values: dict[str, dict[str, JsonValue]] = {}
        for name, text in texts.items():
            try:
                verifier.refuse_secrets(name, text)
            except ParameterError as error:
                raise UsageError(f"-p {name}: {error}") from error

    def values(self, runbook: Runbook) -> dict[str, JsonValue]:
        """Return what a runbook's jobs get."""
        if runbook.name not in self._values:
            paths = self._verifier.paths(runbook)
            self._values[runbook.name] = {
                name: _read(text, runbook.parameters[name].annotation, name in paths)
                for name, text in self._texts.items()
                if name in runbook.parameters
            }
        return self._values[runbook.name]

    def apply(self, job: PlannedJob, runbook: Runbook) -> PlannedJob:
        """Return a job with its overrides, not verified."""
        values = self.values(runbook)
        if not values:
            return job
        return job.model_copy(update={"parameters": {**job.parameters, **values}})

    def verify(
        self, jobs: Iterable[PlannedJob], runbooks: Mapping[str, Runbook]
    ) -> list[PlannedJob]:
        """Return jobs that have their overrides, in the types that their runbooks declare.

        Raises:
            UsageError: One is mistyped or out of range, or no job has it.
        """
        verified = [self._verify(job, runbooks[job.runbook]) for job in jobs]
        used = {name: runbooks[name] for name in {job.runbook for job in verified}}
        known = {name for runbook in used.values() for name in runbook.parameters}
        for name in sorted(self._texts.keys() - known):
            hint = nearest(name, known) or f"there are: {', '.join(sorted(known)) or 'none'}"
            raise UsageError(f"-p {name}: no chosen runbook has this parameter; {hint}")
        return verified

    def _verify(self, job: PlannedJob, runbook: Runbook) -> PlannedJob:
        values = self.values(runbook)
        self._refuse_foreign_commands(job, runbook, values)
        # What an entry gives was verified with it; a job that is given nothing may lack something.
        if job.parameters and not values:
            return job
        try:
            parameters = self._verifier.verify(job.parameters, runbook)
        except ParameterError as error:
            where = f"-p {error.name}" if error.name in values else f"job {job.id}"
            raise UsageError(f"{where}: {error}") from error
        return job.model_copy(update={"parameters": parameters})

    def _refuse_foreign_commands(
        self, job: PlannedJob, runbook: Runbook, values: Mapping[str, JsonValue]
    ) -> None:
        started = self._verifier.started(runbook)
        if commands := foreign_commands(job.parameters, runbook, values, started):
            names = {name for command in commands for name in started[command]}
            raise UsageError(
                f"-p {' and '.join(sorted(names & values.keys()))}: job {job.id} would still start "
                f"the reference subject; give {' and '.join(commands)}, too"
            )


def _read(text: str, annotation: str, is_path: bool) -> JsonValue:
    """Read a command line's text; a relative path counts from the folder that it was typed in."""
    if annotation == "str":
        return anchor_path(text, Path.cwd(), declared=is_path)
    value: JsonValue = parse_scalar(text)
    return value
