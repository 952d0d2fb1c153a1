"""Expand the entries of a profile into jobs, each verified as the profile has it.

Knows nothing about which jobs need each other, or which of them will run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from proofbook.errors import NotebookError, ProfileError, UsageError
from proofbook.notebooks import Runbook, list_runbooks, read_runbook
from proofbook.profiles import JobDefaults, JobEntry, Profile, nearest
from proofbook.project import Project
from proofbook.records import PlannedJob
from proofbook.runner.matrix import MatrixError, expand_matrix, verify_matrix
from proofbook.runner.overrides import Overrides
from proofbook.runner.parameters import ParameterError, ParameterVerifier
from proofbook.yamlfile import Place, YamlFile

__all__ = ["ExpandedEntry", "Source", "expand_entries", "find_runbook", "template_job"]


@dataclass(frozen=True)
class Source:
    """An entry and where it stands, so that an error can name the line."""

    file: YamlFile
    index: int
    entry: JobEntry

    @property
    def line(self) -> int:
        """Where the entry begins."""
        return self.file.line(("jobs", self.index))

    def error(self, message: str, *place: str | int) -> ProfileError:
        """Return the error that shows ``message`` at a place within the entry."""
        return self.file.error(message, ("jobs", self.index, *place))

    def place(self, name: str) -> Place:
        """Return where in the entry the parameter ``name`` is given."""
        if name in self.entry.matrix:
            return ("matrix", name)
        for number, extra in enumerate(self.entry.include):
            if name in extra:
                return ("include", number, name)
        return ("parameters", name)


@dataclass(frozen=True)
class ExpandedEntry:
    """An entry's jobs, and each job id that the profile gives it with the id that it has now."""

    source: Source
    jobs: tuple[PlannedJob, ...]
    written: Mapping[str, str]
    """They differ where an override replaces an axis of the matrix."""


def expand_entries(
    project: Project,
    settings: Profile,
    file: YamlFile,
    overrides: Overrides,
    verifier: ParameterVerifier,
) -> tuple[list[ExpandedEntry], dict[str, Runbook]]:
    """Return all entries of a profile with their jobs, and the runbooks that they name.

    Raises:
        ProfileError: A runbook cannot be used, or a parameter does not fit it.
    """
    runbooks: dict[str, Runbook] = {}
    entries = []
    for index, entry in enumerate(settings.jobs):
        source = Source(file, index, entry)
        if entry.runbook not in runbooks:
            runbooks[entry.runbook] = _runbook(project, source)
        runbook = runbooks[entry.runbook]
        try:
            _verify_entry(entry, verifier)
            entries.append(_expand(source, settings.defaults, runbook, overrides, verifier))
        except ParameterError as error:
            raise source.error(str(error), *source.place(error.name)) from error
        except MatrixError as error:
            raise source.error(str(error), *error.place) from error
    return entries, runbooks


def find_runbook(project: Project, name: str) -> Runbook:
    """Read a runbook by its name; every file has one name only, as a job's id follows it.

    Raises:
        UsageError: There is none of this name in the project.
        NotebookError: It cannot be used.
    """
    path = project.runbook(name)
    try:
        outside = not path.resolve().is_relative_to(project.runbooks.resolve())
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise UsageError(f"{name!r} cannot be the name of a runbook: {error}") from error
    if outside:
        raise UsageError(f"runbook {name!r} lies outside of the project's runbooks/")
    if not exists or any(part in ("", ".", "..") for part in name.split("/")):
        folder = project.runbooks
        known = [p.relative_to(folder).with_suffix("").as_posix() for p in list_runbooks(folder)]
        hint = nearest(name, known) or f"there are: {', '.join(known) or 'none'}"
        raise UsageError(f"no runbook {name!r}; {hint}")
    return read_runbook(path, name)


def template_job(entry: JobEntry, defaults: JobDefaults) -> PlannedJob:
    """Return a job with all that an entry says but parameters and needs."""
    return PlannedJob(
        id=entry.name,
        runbook=entry.runbook,
        timeout=entry.timeout or defaults.timeout,
        cell_timeout=entry.cell_timeout or defaults.cell_timeout,
        retries=defaults.retries if entry.retries is None else entry.retries,
        allow_skips=defaults.allow_skips if entry.allow_skips is None else entry.allow_skips,
        hardware=entry.hardware,
        requires=entry.requires,
        memory_limit_gb=entry.memory_limit_gb,
        resources=entry.resources.over(defaults.resources),
    )


def _runbook(project: Project, source: Source) -> Runbook:
    try:
        return find_runbook(project, source.entry.runbook)
    except (UsageError, NotebookError) as error:
        raise source.error(str(error), "runbook") from error


def _verify_entry(entry: JobEntry, verifier: ParameterVerifier) -> None:
    """Refuse secrets first, as the message of any other fault may show a value."""
    values = [*entry.parameters.items(), *entry.matrix.items()]
    values += [pair for extra in entry.include for pair in extra.items()]
    for name, value in values:
        verifier.refuse_secrets(name, value)
    verify_matrix(entry)


def _expand(
    source: Source,
    defaults: JobDefaults,
    runbook: Runbook,
    overrides: Overrides,
    verifier: ParameterVerifier,
) -> ExpandedEntry:
    def typed(name: str, value: JsonValue) -> JsonValue:
        return verifier.verify_value(name, value, runbook)

    entry = source.entry
    replaced = {n: v for n, v in overrides.values(runbook).items() if n in entry.matrix}
    common = {name: typed(name, value) for name, value in entry.parameters.items()}
    template = template_job(entry, defaults)
    jobs: dict[tuple[str, ...], PlannedJob] = {}
    written: dict[str, str] = {}
    for each in expand_matrix(entry, replaced, typed):
        parameters = {**common, **each.written}
        verifier.verify_together(parameters, runbook)
        if each.suffix not in jobs:
            # What replaces an axis is verified with all overrides, if the job is selected.
            parameters = {**common, **each.parameters} if replaced else parameters
            update = {"id": "-".join([entry.name, *each.suffix]), "parameters": parameters}
            jobs[each.suffix] = template.model_copy(update=update)
        id_ = "-".join([entry.name, *each.written_suffix])
        if id_ in written:
            raise source.error(f"two jobs are called {id_!r}; change a value", "matrix")
        written[id_] = jobs[each.suffix].id
    return ExpandedEntry(source, tuple(jobs.values()), written)
