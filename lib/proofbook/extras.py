"""Which extra of a package is not installed, from the packages' own metadata.

An extra that is called as a system is what the runbooks of that system need: ``musicgen/generate``
needs ``proofbook[musicgen]``, since the entry point ``musicgen`` in ``proofbook.configs`` comes
from the package ``proofbook``. A team's own package brings its extras in the same way. Versions
are not compared: installing the extra does that.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from proofbook.configs import GROUP
from proofbook.errors import UsageError

__all__ = [
    "known_extras",
    "missing_packages",
    "packages_of_extra",
    "refuse_missing_extra",
    "refuse_missing_extras",
]

_OURS = "proofbook"


def known_extras(package: str = _OURS) -> set[str]:
    """Return the names of a package's extras; none where it is not installed."""
    try:
        return set(importlib.metadata.metadata(package).get_all("Provides-Extra") or ())
    except importlib.metadata.PackageNotFoundError:
        return set()


def packages_of_extra(extra: str, package: str = _OURS) -> set[str]:
    """Return the packages that an extra brings, those of the extras that it names included."""
    packages: set[str] = set()
    visited: set[tuple[str, str]] = set()
    waiting = [(package, extra)]
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in visited:
            continue
        visited.add((name, wanted))
        for requirement in _requirements(name, wanted):
            packages.add(canonicalize_name(requirement.name))
            waiting += [(requirement.name, inner) for inner in requirement.extras]
    return packages - {package}


def missing_packages(extra: str, package: str = _OURS) -> list[str]:
    """Return the packages of an extra that are not installed, sorted; none of an unknown extra."""
    return sorted(name for name in packages_of_extra(extra, package) if not _is_installed(name))


def refuse_missing_extra(subject: str, extra: str) -> None:
    """Refuse what needs an extra of Proofbook's own that is not installed.

    Args:
        subject: What needs it, as the message says it: ``proofbook lab``.
        extra: Its name.

    Raises:
        UsageError: A package of it is missing; the message says what to install.
    """
    if missing := missing_packages(extra):
        raise UsageError(_message([subject], _OURS, [extra], missing))


def refuse_missing_extras(runbooks: Iterable[str]) -> None:
    """Refuse runbooks, each ``<system>/<name>``, whose system's extra is not installed.

    Raises:
        UsageError: The extra of one is missing; the message names all that are.
    """
    needing: dict[str, list[str]] = {}
    for name in dict.fromkeys(runbooks):
        needing.setdefault(name.partition("/")[0], []).append(name)
    lacks: dict[str, dict[str, list[str]]] = {}
    for system in needing:
        for package in _packages_of(system):
            if lack := missing_packages(system, package):
                lacks.setdefault(package, {})[system] = lack
    for package, extras in lacks.items():
        blocked = [name for system in extras for name in needing[system]]
        missing = {name for names in extras.values() for name in names}
        raise UsageError(_message(blocked, package, extras, missing))


def _packages_of(system: str) -> list[str]:
    """Return the packages that bring the models of a system's parameters."""
    entries = importlib.metadata.entry_points(group=GROUP, name=system)
    return sorted({entry.dist.name for entry in entries if entry.dist is not None})


def _requirements(package: str, extra: str) -> list[Requirement]:
    try:
        lines = importlib.metadata.requires(package) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    declared = [Requirement(line) for line in lines]
    return [each for each in declared if each.marker and _is_of(each, extra)]


def _is_of(requirement: Requirement, extra: str) -> bool:
    """Say whether an extra, and nothing less, brings a requirement on this machine."""
    marker = requirement.marker
    assert marker is not None
    return marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _message(
    blocked: Sequence[str], package: str, extras: Iterable[str], missing: Iterable[str]
) -> str:
    names, lack = ",".join(sorted(extras)), ", ".join(sorted(missing))
    others = f" and {len(blocked) - 1} more need" if len(blocked) > 1 else " needs"
    return (
        f"{blocked[0]}{others} {package}[{names}] (not installed: {lack}): "
        f"pip install '{package}[{names}]'"
    )
