"""What ``environment/validate`` could ask of a project, as the project's own files name it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from proofbook.suggestions import Suggest, Suggestion
from proofbook_systems.environment.folders import relative_name
from proofbook_systems.environment.interpreters.finding import find_interpreter
from proofbook_systems.environment.keys.env_examples import is_secret
from proofbook_systems.environment.project import open_project
from proofbook_systems.environment.proposals.compose import (
    Service,
    find_compose_files,
    read_services,
    required_variables,
)
from proofbook_systems.environment.proposals.settings_files import (
    Setting,
    docker_programs,
    read_settings,
)
from proofbook_systems.environment.sources.source_files import Sources, find_sources
from proofbook_systems.environment.sources.source_uses import Use, read_uses

__all__ = ["SUGGESTIONS", "suggest_parameters"]

_NOT_THERE = "it is not there"
# Part of every system, of Python's own, or what only another system has.
_PLAIN = {
    "bash", "cmd", "cp", "env", "explorer", "open", "osascript", "pip", "powershell", "python",
    "python3", "rm", "sh", "start", "xdg-open",
}  # fmt: skip
_OF_HARDWARE = {"nvidia-smi", "nvcc", "rocm-smi", "xpu-smi"}
_SETTINGS = re.compile(r"(settings|config|constants|paths)[^/]*(/|\.py:)", re.IGNORECASE)
_ENDINGS = (".db", ".sqlite", ".sqlite3")


@dataclass(frozen=True, kw_only=True)
class _Project:
    """A project and what its files name."""

    root: Path
    programs: Path
    """Folder of the programs that its environment brings itself."""
    sources: Sources
    compose_files: list[Path]
    services: list[list[Service]]
    """By compose file."""
    settings: list[Setting]
    uses: list[tuple[str, Use]]


def suggest_parameters(parameters: Mapping[str, Any]) -> list[Suggestion]:
    """Return what the project's compose files, Dockerfiles, settings and sources name.

    What a file names and is not there is told as a doubt: many programs make it when they start.
    """
    project = _read(parameters)
    proposers = (_programs, _keys, _folders, _databases, _ports, _hardware)
    return list(_first_of_each(each for propose in proposers for each in propose(project)))


def _read(parameters: Mapping[str, Any]) -> _Project:
    root = open_project(str(parameters["project"]))
    interpreter = find_interpreter(root, str(parameters.get("interpreter", "")))
    sources = find_sources(root, parameters.get("ignore", ()))
    compose_files = find_compose_files(root)
    return _Project(
        root=root,
        programs=Path(interpreter.path).parent if interpreter.path else root,
        sources=sources,
        compose_files=compose_files,
        services=[list(read_services(path, root)) for path in compose_files],
        settings=read_settings(root),
        uses=list(_uses(sources)),
    )


def _first_of_each(found: Iterable[Suggestion]) -> Iterator[Suggestion]:
    seen: set[tuple[str, str]] = set()
    for each in sorted(found, key=lambda s: bool(s.doubt)):
        key = (each.parameter.removeprefix("optional_"), str(each.value))
        if key not in seen:
            seen.add(key)
            yield each


def _programs(project: _Project) -> Iterator[Suggestion]:
    for name, where in docker_programs(project.root):
        yield Suggestion(parameter="programs", value=name, origin=where)
    for where, use in project.uses:
        own = use.name in _PLAIN or (project.programs / use.name).exists()
        if use.kind in ("program", "optional program") and not own:
            needed = use.kind == "program" and use.name not in _OF_HARDWARE
            parameter = "programs" if needed else "optional_programs"
            yield Suggestion(parameter=parameter, value=use.name, origin=where)


def _keys(project: _Project) -> Iterator[Suggestion]:
    for path in project.compose_files:
        for name in filter(is_secret, required_variables(path)):
            origin = relative_name(path, project.root)
            yield Suggestion(parameter="keys", value=name, origin=origin)
    for where, use in project.uses:
        if use.kind == "variable" and is_secret(use.name):
            yield Suggestion(parameter="keys", value=use.name, origin=where)


def _folders(project: _Project) -> Iterator[Suggestion]:
    root, services = project.root, [each for services in project.services for each in services]
    named = [(folder, each.where) for each in services for folder in each.folders]
    named += [(root / each.value, each.where) for each in project.settings if each.kind == "folder"]
    named += [
        (root / use.name, where)
        for where, use in project.uses
        if use.kind == "folder" and _SETTINGS.search(where)
    ]
    for folder, where in named:
        place = folder.expanduser().resolve()
        if not place.is_file() and place != root:
            doubt = "" if place.is_dir() else _NOT_THERE
            name = relative_name(place, root)
            yield Suggestion(parameter="folders", value=name, origin=where, doubt=doubt)


def _databases(project: _Project) -> Iterator[Suggestion]:
    root = project.root
    named = [(root / each.value, each.where) for each in project.settings
             if each.kind == "database"]  # fmt: skip
    named += [(root / use.name, where) for where, use in project.uses if use.kind == "database"]
    named += [(path, "there") for path in _files(root, project.sources)]
    for path, where in named:
        tables = _tables(path)
        doubt = "" if path.is_file() else _NOT_THERE
        if tables or doubt:
            value: Any = {relative_name(path.resolve(), root): tables}
            yield Suggestion(parameter="databases", value=value, origin=where, doubt=doubt)


def _files(root: Path, sources: Sources) -> Iterator[Path]:
    """Yield files at the top and two folders below that are called as databases are."""
    aside = {root / name for name in sources.aside}
    for depth in ("*", "*/*", "*/*/*"):
        for path in sorted(root.glob(depth)):
            hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
            if path.suffix in _ENDINGS and not hidden and not aside.intersection(path.parents):
                yield path


def _tables(path: Path) -> list[str]:
    """Return the tables of a database as it lies there; none of what is no database."""
    if not path.is_file():
        return []
    uri = f"file:{quote(str(path))}?mode=ro&immutable=1"
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            return sorted(row[0] for row in connection.execute(query))
    except sqlite3.Error:
        return []  # validating it tells why


def _ports(project: _Project) -> Iterator[Suggestion]:
    for service in (each for services in project.services for each in services):
        for port in service.ports:
            yield Suggestion(parameter="ports", value=port, origin=service.where)
    for setting in project.settings:
        if setting.kind == "port" and 0 < int(setting.value) < 1 << 16:
            value = int(setting.value)
            yield Suggestion(parameter="ports", value=value, origin=setting.where)


def _hardware(project: _Project) -> Iterator[Suggestion]:
    without = any(services and not any(s.gpu for s in services) for services in project.services)
    doubt = "another compose file does without" if without else ""
    for service in (each for services in project.services for each in services if each.gpu):
        yield Suggestion(parameter="hardware", value={"gpu": 1}, origin=service.where, doubt=doubt)


def _uses(sources: Sources) -> Iterator[tuple[str, Use]]:
    for file in sources.files:
        for use in read_uses(file):
            yield f"{relative_name(file, sources.root)}:{use.line}", use


SUGGESTIONS: Mapping[str, Suggest] = {"validate": suggest_parameters}
