"""Expand a profile into a plan of jobs; everything wrong is found before any kernel starts.

Knows how a runbook declares its parameters, nothing about how jobs are executed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from proofbook.errors import NotebookError, ProfileError, UsageError
from proofbook.notebooks import Runbook, list_runbooks, read_runbook
from proofbook.profiles import JobDefaults, JobEntry, Profile, load_profile, nearest
from proofbook.project import Project
from proofbook.records import PlannedJob
from proofbook.runner.matrix import Combination, MatrixError, expand_matrix, verify_matrix
from proofbook.runner.parameters import (
    ParameterError,
    override_parameters,
    read_override,
    refuse_secret_overrides,
    refuse_secrets,
    verify_parameters,
)
from proofbook.yamlfile import Place, YamlFile

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
    sources: Mapping[str, _Source]
    """By job id; a job that no entry of the profile names has none."""

    def resource_error(self, job: PlannedJob, kind: str, message: str) -> ProfileError:
        """Return the error that says ``message`` where a resource of a job is declared."""
        source = self.sources.get(job.id)
        if source is not None and kind in source.entry.resources.model_fields_set:
            return source.error(message, "resources", kind)
        return self.file.error(message, ("defaults", "resources", kind))


@dataclass(frozen=True)
class _Source:
    """An entry and where it stands, so that an error can say it."""

    file: YamlFile
    index: int
    entry: JobEntry

    def error(self, message: str, *place: str | int) -> ProfileError:
        """Return the error that says ``message`` at a place within the entry."""
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
class _Expanded:
    """An entry's jobs, and each job id that the profile gives it with the id that it has now."""

    source: _Source
    jobs: tuple[PlannedJob, ...]
    written: Mapping[str, str]
    """They differ where an override replaces an axis of the matrix."""


def load_plan(
    project: Project,
    profile: str,
    *,
    only: Iterable[str] = (),
    overrides: Mapping[str, str] | None = None,
) -> Plan:
    """Load a profile, and expand it into jobs.

    Args:
        project: Where runbooks and profiles lie.
        profile: ``tiny``, or the path of a YAML file.
        only: Runbooks or job ids to keep, with the jobs that they need; none keeps all. A
            runbook that is not in the profile is added with its default parameters.
        overrides: ``name`` to text, as on a command line, for every job that has ``name``; over
            a key of a matrix, it takes the place of all its values.

    Raises:
        ProfileError: Anything is wrong with the profile; file and line say where.
        UsageError: ``only`` names nothing, or an override fits no job.
    """
    overrides = overrides or {}
    refuse_secret_overrides(overrides)
    settings, file = load_profile(project, profile)
    runbooks: dict[str, Runbook] = {}
    entries: list[_Expanded] = []
    for index, entry in enumerate(settings.jobs):
        source = _Source(file, index, entry)
        runbook = runbooks[entry.runbook] = _runbook(project, source)
        entries.append(_expand(source, settings.defaults, runbook, overrides))
    _refuse_same_ids(entries)
    entries = _resolve_needs(entries)
    jobs = _select(entries, tuple(only), project, settings.defaults, runbooks)
    jobs = override_parameters(jobs, runbooks, overrides)
    return Plan(
        profile=file.path.stem,
        path=str(file.path),
        settings=settings,
        jobs=tuple(jobs),
        runbooks=runbooks,
        file=file,
        sources={job.id: each.source for each in entries for job in each.jobs},
    )


def _runbook(project: Project, source: _Source) -> Runbook:
    try:
        return _find_runbook(project, source.entry.runbook)
    except (UsageError, NotebookError) as error:
        raise source.error(str(error), "runbook") from error


def _find_runbook(project: Project, name: str) -> Runbook:
    """Read a runbook by its name; every file has one name only, as a job's id follows it."""
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


def _expand(
    source: _Source, defaults: JobDefaults, runbook: Runbook, overrides: Mapping[str, str]
) -> _Expanded:
    entry = source.entry
    _verify_entry(source)
    replaced = {
        n: read_override(overrides[n], n, runbook) for n in _replaceable(entry, runbook, overrides)
    }
    jobs: dict[tuple[str, ...], PlannedJob] = {}
    written: dict[str, str] = {}
    for each in expand_matrix(entry, replaced):
        verified = _verify(each, source, runbook)
        # With an axis replaced, what is given is verified with all overrides, if it is selected.
        parameters = {**entry.parameters, **each.parameters} if replaced else verified
        job = jobs.setdefault(each.suffix, _job(entry, defaults, each, parameters))
        id_ = "-".join([entry.name, *each.written_suffix])
        if id_ in written:
            raise source.error(f"two jobs are called {id_!r}; change a value", "matrix")
        written[id_] = job.id
    return _Expanded(source, tuple(jobs.values()), written)


def _replaceable(entry: JobEntry, runbook: Runbook, overrides: Mapping[str, str]) -> list[str]:
    return [name for name in overrides if name in entry.matrix and name in runbook.parameters]


def _verify_entry(source: _Source) -> None:
    """Refuse secrets first, as the message of any other fault may show a value."""
    entry = source.entry
    given = [*entry.parameters.items(), *entry.matrix.items()]
    given += [pair for extra in entry.include for pair in extra.items()]
    try:
        for name, value in given:
            refuse_secrets(name, value)
        verify_matrix(entry)
    except ParameterError as error:
        raise source.error(str(error), *source.place(error.name)) from error
    except MatrixError as error:
        raise source.error(str(error), *error.place) from error


def _verify(each: Combination, source: _Source, runbook: Runbook) -> dict[str, JsonValue]:
    try:
        return verify_parameters({**source.entry.parameters, **each.written}, runbook)
    except ParameterError as error:
        raise source.error(str(error), *source.place(error.name)) from error


def _job(
    entry: JobEntry,
    defaults: JobDefaults,
    combination: Combination,
    parameters: dict[str, JsonValue],
) -> PlannedJob:
    return PlannedJob(
        id="-".join([entry.name, *combination.suffix]),
        runbook=entry.runbook,
        parameters=parameters,
        needs=entry.needs,
        timeout=entry.timeout or defaults.timeout,
        cell_timeout=entry.cell_timeout or defaults.cell_timeout,
        retries=defaults.retries if entry.retries is None else entry.retries,
        allow_skips=defaults.allow_skips if entry.allow_skips is None else entry.allow_skips,
        hardware=entry.hardware,
        memory_limit_gb=entry.memory_limit_gb,
        resources=entry.resources.over(defaults.resources),
    )


def _refuse_same_ids(entries: list[_Expanded]) -> None:
    """Refuse a job id that is given twice, or is another entry's name: ``needs`` means one."""
    owners: dict[str, _Source] = {}
    for each in entries:
        ids = [job.id for job in each.jobs]
        twice = next((id_ for id_ in ids if ids.count(id_) > 1), None)
        if twice is not None:
            raise each.source.error(f"two jobs are called {twice!r}; change a value", "matrix")
        for id_ in dict.fromkeys((each.source.entry.name, *each.written, *ids)):
            if id_ in owners:
                line = owners[id_].error("").line
                raise each.source.error(
                    f"two jobs are called {id_!r}, the other one at line {line}; give one an id"
                )
        owners |= dict.fromkeys((each.source.entry.name, *each.written, *ids), each.source)


def _resolve_needs(entries: list[_Expanded]) -> list[_Expanded]:
    """Replace an entry's name by the ids of all its jobs; refuse unknown needs and circles."""
    groups = {job.id: [job.id] for each in entries for job in each.jobs}
    for each in entries:
        ids = [job.id for job in each.jobs]
        groups[each.source.entry.name] = ids
        groups.setdefault(each.source.entry.runbook, ids)
        for written, id_ in each.written.items():
            groups.setdefault(written, [id_])
    resolved: list[_Expanded] = []
    for each in entries:
        needs: list[str] = []
        for number, need in enumerate(each.source.entry.needs):
            if need not in groups:
                hint = nearest(need, groups) or "there is no such job"
                name = each.source.entry.name
                raise each.source.error(f"job {name!r} needs {need!r}; {hint}", "needs", number)
            needs += groups[need]
        update = {"needs": tuple(dict.fromkeys(needs))}
        jobs = tuple(job.model_copy(update=update) for job in each.jobs)
        resolved.append(_Expanded(each.source, jobs, each.written))
    _refuse_circles(resolved)
    return resolved


def _refuse_circles(entries: list[_Expanded]) -> None:
    left = {job.id: set(job.needs) for each in entries for job in each.jobs}
    while left:
        free = [name for name, needs in left.items() if not needs & left.keys()]
        if not free:
            first = next(e for e in entries if any(job.id in left for job in e.jobs))
            raise first.source.error(
                f"jobs need each other in a circle: {', '.join(left)}", "needs"
            )
        for name in free:
            del left[name]


def _select(
    entries: list[_Expanded],
    only: tuple[str, ...],
    project: Project,
    defaults: JobDefaults,
    runbooks: dict[str, Runbook],
) -> list[PlannedJob]:
    """Keep what ``only`` names and all that it needs; add a runbook that no entry names."""
    jobs = [job for each in entries for job in each.jobs]
    if not only:
        return jobs
    by_id = {job.id: job for job in jobs}
    written = {name: id_ for each in entries for name, id_ in each.written.items()}
    wanted: list[str] = []
    for name in (n.removeprefix("runbooks/").removesuffix(".ipynb") for n in only):
        matching = [job.id for job in jobs if name in (job.id, job.runbook)]
        if not matching and name in written:
            matching = [written[name]]
        if not matching:
            runbooks[name] = _find_runbook(project, name)
            added = _default_job(runbooks[name], defaults)
            _refuse_taken(added, by_id, entries)
            by_id[added.id] = added
            matching = [added.id]
        wanted += matching
    kept: set[str] = set()
    while wanted:
        kept.add(name := wanted.pop())
        wanted += [need for need in by_id[name].needs if need not in kept]
    return [job for job in by_id.values() if job.id in kept]


def _refuse_taken(
    added: PlannedJob, by_id: Mapping[str, PlannedJob], entries: list[_Expanded]
) -> None:
    """Refuse to add a job where another runbook's has its id."""
    other = by_id.get(added.id)
    if other is None or other.runbook == added.runbook:
        return
    message = f"the id {added.id!r} of a job of {other.runbook} is what {added.runbook} would have"
    for each in entries:
        if added.id in (job.id for job in each.jobs):
            raise each.source.error(f"{message}; give this entry another id")
    raise UsageError(f"{message}; run one at a time")


def _default_job(runbook: Runbook, defaults: JobDefaults) -> PlannedJob:
    return PlannedJob(
        id=JobEntry(runbook=runbook.name).name,
        runbook=runbook.name,
        timeout=defaults.timeout,
        cell_timeout=defaults.cell_timeout,
        retries=defaults.retries,
        allow_skips=defaults.allow_skips,
        resources=defaults.resources,
    )
