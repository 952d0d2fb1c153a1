"""Which packages are installed, in which version, and whether that is what was asked for.

Reads metadata alone and imports nothing that it reports on.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from proofbook.errors import SubjectError

__all__ = ["Package", "inspect_packages", "installed_packages"]

_PYTHON = "python"


@dataclass(frozen=True, kw_only=True)
class Package:
    """One required package, or Python itself, as it was found."""

    name: str
    required: str
    """The versions asked for, such as ``>=2.13,<3``, or ``any version``."""
    version: str | None
    """The version installed; None where there is none."""
    broken: tuple[str, ...]
    """What it needs itself and does not find, in sentences."""

    def accepts(self, version: str | None) -> bool:
        """Say whether ``version`` is one that was asked for; pre-releases are."""
        if version is None:
            return False
        specifier = "" if self.required == "any version" else self.required
        return SpecifierSet(specifier).contains(version, prereleases=True)

    @property
    def satisfied(self) -> bool:
        """Whether an accepted version is installed."""
        return self.accepts(self.version)


def inspect_packages(requirements: Iterable[str]) -> tuple[Package, ...]:
    """Look up each PEP 508 requirement, such as ``torch>=2.13``; ``python`` is the interpreter.

    A requirement whose marker does not hold here is left out.

    Raises:
        SubjectError: A requirement cannot be parsed.
    """
    parsed = [_parse(text) for text in dict.fromkeys(requirements)]
    return tuple(_inspect(r) for r in parsed if r.marker is None or r.marker.evaluate())


def installed_packages() -> dict[str, str]:
    """Return every installed distribution with its version, sorted by name."""
    versions = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            versions[_normalise(name)] = distribution.version
    return dict(sorted(versions.items()))


def _parse(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise SubjectError(
            f"{text!r} is no package requirement ({str(error).splitlines()[0]}); "
            "write it as torch>=2.13"
        ) from error


def _inspect(requirement: Requirement) -> Package:
    return Package(
        name=requirement.name,
        required=str(requirement.specifier) or "any version",
        version=_version(requirement.name),
        broken=tuple(_unmet(requirement)),
    )


def _version(name: str) -> str | None:
    if name == _PYTHON:
        return platform.python_version()
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _unmet(requirement: Requirement) -> Iterable[str]:
    """Yield what an installed package declares to need and does not find, with its extras."""
    if _version(requirement.name) is None or requirement.name == _PYTHON:
        return
    extras = requirement.extras or {""}
    for line in metadata.requires(requirement.name) or ():
        needed = Requirement(line)
        marker = needed.marker
        if marker is not None and not any(marker.evaluate({"extra": e}) for e in extras):
            continue
        version = _version(needed.name)
        if version is None:
            yield f"{needed.name} is not installed"
        elif not needed.specifier.contains(version, prereleases=True):
            yield f"{needed.name} {version} is not {needed.specifier}"


def _normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
