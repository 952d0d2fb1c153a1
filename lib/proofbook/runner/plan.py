"""Expand a profile into a plan of jobs; everything wrong is found before any kernel starts.

Knows how a runbook declares its parameters, nothing about how jobs are executed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from proofbook.errors import NotebookError, UsageError
from proofbook.notebooks import Runbook, list_runbooks, read_runbook
from proofbook.profiles import JobDefaults, JobEntry, Profile, load_profile, nearest
from proofbook.project import Project
from proofbook.records import PlannedJob
from proofbook.runner.parameters import ParameterError, verify_parameters
from proofbook.yamlfile import Place, YamlFile, parse_scalar

__all__ = ["Plan", "load_plan"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run will execute."""

    profile: str
    path: str
    settings: Profile
    jobs: tuple[PlannedJob, ...]
    runbooks: Mapping[str, Runbook]


@dataclass(frozen=True)
class _Source:
    """Where an entry stands, so that an error can say it."""

    file: YamlFile
    index: int

    def place(self, entry: JobEntry, name: str) -> Place:
        """Return where the parameter ``name`` is given."""
        if name in entry.matrix:
            return ("jobs", self.index, "matrix", name)
        for number, extra in enumerate(entry.include):
            if name in extra:
                return ("jobs", self.index, "include", number, name)
        return ("jobs", self.index, "parameters", name)


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
        overrides: ``name`` to text, as on a command line, for every job that has ``name``.

    Raises:
        ProfileError: Anything is wrong with the profile; file and line say where.
        UsageError: ``only`` names nothing, or an override fits no job.
    """
    settings, file = load_profile(project, profile)
    runbooks: dict[str, Runbook] = {}
    entries: dict[str, list[PlannedJob]] = {}
    for index, entry in enumerate(settings.jobs):
        source = _Source(file, index)
        runbook = runbooks[entry.runbook] = _runbook(project, entry.runbook, source)
        _refuse_twin(entry, entries, source)
        entries[entry.name] = list(_expand(entry, settings.defaults, runbook, source))
    jobs = _resolve_needs(settings, entries, file)
    jobs = _select(jobs, tuple(only), project, settings.defaults, runbooks)
    jobs = _override(jobs, runbooks, overrides or {})
    return Plan(
        profile=file.path.stem,
        path=str(file.path),
        settings=settings,
        jobs=tuple(jobs),
        runbooks=runbooks,
    )


def _runbook(project: Project, name: str, source: _Source) -> Runbook:
    try:
        return _find_runbook(project, name)
    except (UsageError, NotebookError) as error:
        raise source.file.error(str(error), ("jobs", source.index, "runbook")) from error


def _find_runbook(project: Project, name: str) -> Runbook:
    path = project.runbook(name)
    if not path.resolve().is_relative_to(project.runbooks.resolve()):
        raise UsageError(f"runbook {name!r} lies outside of the project's runbooks/")
    if not path.exists():
        folder = project.runbooks
        known = [p.relative_to(folder).with_suffix("").as_posix() for p in list_runbooks(folder)]
        hint = nearest(name, known) or f"there are: {', '.join(known) or 'none'}"
        raise UsageError(f"no runbook {name!r}; {hint}")
    return read_runbook(path, name)


def _refuse_twin(entry: JobEntry, entries: Mapping[str, object], source: _Source) -> None:
    if entry.name in entries:
        raise source.file.error(
            f"two jobs are called {entry.name!r}; give one an id", ("jobs", source.index)
        )


def _expand(
    entry: JobEntry, defaults: JobDefaults, runbook: Runbook, source: _Source
) -> Iterator[PlannedJob]:
    for suffix, combination in _combinations(entry):
        given = {**entry.parameters, **combination}
        try:
            parameters = verify_parameters(given, runbook)
        except ParameterError as error:
            raise source.file.error(str(error), source.place(entry, error.name)) from error
        yield PlannedJob(
            id="-".join([entry.name, *suffix]),
            runbook=entry.runbook,
            parameters=parameters,
            needs=entry.needs,
            timeout=entry.timeout or defaults.timeout,
            cell_timeout=entry.cell_timeout or defaults.cell_timeout,
            retries=defaults.retries if entry.retries is None else entry.retries,
            allow_skips=defaults.allow_skips if entry.allow_skips is None else entry.allow_skips,
            hardware=entry.hardware,
            memory_limit_gb=entry.memory_limit_gb,
        )


def _combinations(entry: JobEntry) -> Iterator[tuple[list[str], dict[str, JsonValue]]]:
    """Yield the name parts and parameters of each cell of the matrix, included ones added."""
    keys = list(entry.matrix)
    for values in itertools.product(*entry.matrix.values()):
        cell: dict[str, JsonValue] = dict(zip(keys, values, strict=True))
        suffix = [_slug(value, entry.matrix[key]) for key, value in cell.items()]
        for extra in entry.include:
            if all(cell[k] == v for k, v in extra.items() if k in entry.matrix):
                cell = {**cell, **extra}
        yield suffix, cell


def _slug(value: JsonValue, among: list[JsonValue]) -> str:
    """Return a value as part of a folder's name; its number where it makes no short name."""
    slugs = [re.sub(r"[^a-z0-9._]+", "-", str(v).lower()).strip("-.") for v in among]
    place = among.index(value)
    fits = 0 < len(slugs[place]) <= 40 and len(set(slugs)) == len(slugs)
    return slugs[place] if fits else str(place + 1)


def _resolve_needs(
    settings: Profile, entries: Mapping[str, list[PlannedJob]], file: YamlFile
) -> list[PlannedJob]:
    """Replace an entry's name by the ids of all its jobs; refuse unknown needs and circles."""
    groups = {job.id: [job.id] for jobs in entries.values() for job in jobs}
    for entry in settings.jobs:
        ids = [job.id for job in entries[entry.name]]
        groups[entry.name] = ids
        groups.setdefault(entry.runbook, ids)
    resolved: list[PlannedJob] = []
    for index, entry in enumerate(settings.jobs):
        needs: list[str] = []
        for number, need in enumerate(entry.needs):
            if need not in groups:
                hint = nearest(need, groups) or "there is no such job"
                place = ("jobs", index, "needs", number)
                raise file.error(f"job {entry.name!r} needs {need!r}; {hint}", place)
            needs += groups[need]
        update = {"needs": tuple(dict.fromkeys(needs))}
        resolved += [job.model_copy(update=update) for job in entries[entry.name]]
    _refuse_circles(resolved, settings, entries, file)
    return resolved


def _refuse_circles(
    jobs: list[PlannedJob],
    settings: Profile,
    entries: Mapping[str, list[PlannedJob]],
    file: YamlFile,
) -> None:
    left = {job.id: set(job.needs) for job in jobs}
    while left:
        free = [name for name, needs in left.items() if not needs & left.keys()]
        if not free:
            circle = list(left)
            index = next(
                i for i, e in enumerate(settings.jobs) for j in entries[e.name] if j.id in left
            )
            raise file.error(
                f"jobs need each other in a circle: {', '.join(circle)}", ("jobs", index, "needs")
            )
        for name in free:
            del left[name]


def _select(
    jobs: list[PlannedJob],
    only: tuple[str, ...],
    project: Project,
    defaults: JobDefaults,
    runbooks: dict[str, Runbook],
) -> list[PlannedJob]:
    """Keep what ``only`` names and all that it needs; add a runbook that no entry names."""
    if not only:
        return jobs
    by_id = {job.id: job for job in jobs}
    wanted: list[str] = []
    for name in (n.removeprefix("runbooks/").removesuffix(".ipynb") for n in only):
        matching = [job.id for job in jobs if name in (job.id, job.runbook)]
        if not matching:
            added = _default_job(_find_runbook(project, name), defaults)
            runbooks[name] = _find_runbook(project, name)
            by_id[added.id] = added
            matching = [added.id]
        wanted += matching
    kept: set[str] = set()
    while wanted:
        kept.add(name := wanted.pop())
        wanted += [need for need in by_id[name].needs if need not in kept]
    return [job for job in by_id.values() if job.id in kept]


def _default_job(runbook: Runbook, defaults: JobDefaults) -> PlannedJob:
    return PlannedJob(
        id=JobEntry(runbook=runbook.name).name,
        runbook=runbook.name,
        timeout=defaults.timeout,
        cell_timeout=defaults.cell_timeout,
        retries=defaults.retries,
        allow_skips=defaults.allow_skips,
    )


def _override(
    jobs: list[PlannedJob], runbooks: Mapping[str, Runbook], overrides: Mapping[str, str]
) -> list[PlannedJob]:
    unused = set(overrides)
    changed: list[PlannedJob] = []
    for job in jobs:
        runbook = runbooks[job.runbook]
        mine = {n: _value(t, n, runbook) for n, t in overrides.items() if n in runbook.parameters}
        unused -= mine.keys()
        try:
            parameters = verify_parameters({**job.parameters, **mine}, runbook)
        except ParameterError as error:
            raise UsageError(f"-p {error.name}: {error}") from error
        changed.append(job.model_copy(update={"parameters": parameters}))
    for name in sorted(unused):
        known = {p for job in jobs for p in runbooks[job.runbook].parameters}
        hint = nearest(name, known) or f"there are: {', '.join(sorted(known)) or 'none'}"
        raise UsageError(f"-p {name}: no chosen runbook has this parameter; {hint}")
    return changed


def _value(text: str, name: str, runbook: Runbook) -> JsonValue:
    """Read a command line's text; a parameter that is a text takes it as it stands."""
    if runbook.parameters[name].annotation == "str":
        return text
    value: JsonValue = parse_scalar(text)
    return value
