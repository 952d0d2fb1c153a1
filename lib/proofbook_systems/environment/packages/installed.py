"""What of a declaration is installed in an interpreter, package by package.

Reads nothing of the disk; knows declarations and an interpreter's own account.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlparse

from proofbook_systems.environment.declared.wanted import Declaration, Wanted, from_pep508
from proofbook_systems.environment.interpreters.interpreter import Distribution, Interpreter

__all__ = ["Dependency", "list_dependencies", "look_up", "resolve_computed"]

Status = Literal["ok", "missing", "another version", "elsewhere", "not judged"]


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """One declared package, as it was found."""

    name: str
    wanted: str
    where: str
    group: str
    """Extra or group that asks for it; empty for what is always needed."""
    installed: str | None
    status: Status

    @property
    def words(self) -> str:
        """What is wrong, in a sentence."""
        if self.status == "missing":
            return f"{self.where}: {self.wanted} is not installed"
        if self.status == "elsewhere":
            return f"{self.where}: {self.name} is installed, but not from {self.wanted}"
        return f"{self.where}: {self.wanted} is wanted, {self.name} {self.installed} is installed"


def list_dependencies(
    declarations: Iterable[Declaration], interpreter: Interpreter
) -> tuple[Dependency, ...]:
    """Return every declared package whose marker holds in the interpreter, with its status."""
    return tuple(
        look_up(wanted, declaration.group, interpreter)
        for declaration in declarations
        for wanted in declaration.wanted
        if wanted.applies(interpreter.markers)
    )


def look_up(wanted: Wanted, group: str, interpreter: Interpreter) -> Dependency:
    """Return what of one package is installed."""
    version, status = _status(wanted, interpreter)
    return Dependency(
        name=wanted.name,
        wanted=wanted.words,
        where=wanted.where,
        group=group,
        installed=version,
        status=status,
    )


def resolve_computed(
    declarations: Iterable[Declaration], interpreter: Interpreter, own: str
) -> tuple[Declaration, ...]:
    """Take what a program computes from the project's metadata, where the project is installed.

    ``own`` is the name of the project's distribution. Its extras come along.
    """
    distribution = interpreter.distributions.get(own)
    if distribution is None:
        return tuple(declarations)
    needed, extras = _metadata(distribution)
    resolved = [_with_metadata(each, needed) if each.computed else each for each in declarations]
    metadata = Declaration(file=f"metadata of {distribution.name}", group="extras", wanted=extras)
    return (*resolved, metadata)


def _with_metadata(declaration: Declaration, needed: tuple[Wanted, ...]) -> Declaration:
    return Declaration(
        file=declaration.file,
        wanted=(*declaration.wanted, *needed),
        problems=declaration.problems,
        overridden=declaration.overridden,
    )


def _metadata(distribution: Distribution) -> tuple[tuple[Wanted, ...], tuple[Wanted, ...]]:
    """Return what a package always needs, and what its extras do."""
    where = f"metadata of {distribution.name} {distribution.version}"
    wanted = [from_pep508(line, where) for line in distribution.requires]
    extras = tuple(each for each in wanted if "extra ==" in str(each.marker))
    return tuple(each for each in wanted if each not in extras), extras


def _status(wanted: Wanted, interpreter: Interpreter) -> tuple[str | None, Status]:
    if wanted.name == "python":
        return _compare(interpreter.version, wanted)
    if wanted.manager == "conda" and interpreter.conda:
        version = interpreter.conda.get(wanted.name)
        return _compare(version, wanted)
    distribution = interpreter.distributions.get(wanted.package)
    if distribution is None:
        # Conda has programs and libraries, too, and nothing is known of them outside of it.
        unknown = wanted.manager == "conda" or not wanted.name
        return None, "not judged" if unknown else "missing"
    if wanted.source.startswith("file:"):
        is_there = _is_from(distribution, wanted.source)
        return distribution.version, "ok" if is_there else "elsewhere"
    return _compare(distribution.version, wanted)


def _compare(version: str | None, wanted: Wanted) -> tuple[str | None, Status]:
    if version is None:
        return None, "missing"
    return version, "ok" if wanted.accepts(version) else "another version"


def _is_from(distribution: Distribution, source: str) -> bool:
    """Say whether a package was installed from a folder, or lies in it."""
    folder = _path(source)
    origin = json.loads(distribution.direct_url or "{}").get("url", "")
    return _path(origin) == folder or Path(distribution.location).is_relative_to(folder)


def _path(url: str) -> Path:
    return Path(unquote(urlparse(url).path))
