"""Which installed packages a project reaches, and what those lack among themselves.

Knows metadata alone, as an interpreter brings it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from proofbook_systems.environment.declared.wanted import Declaration
from proofbook_systems.environment.interpreters.interpreter import Distribution, Interpreter
from proofbook_systems.environment.packages.findings import Finding

__all__ = ["find_conflicts", "judge_conflicts", "promised", "reachable"]

Extras = Mapping[str, frozenset[str]]
"""Names of packages with the extras that are asked for of them."""


def judge_conflicts(declarations: Iterable[Declaration], interpreter: Interpreter) -> Finding:
    """Judge what the packages that a project reaches need and do not find.

    All that is declared counts, of every group, as far as it is installed; where nothing is
    declared, all that is installed counts.
    """
    declared = list(declarations)
    names = _declared_names(declared, interpreter)
    if not names:
        names = {name: frozenset() for name in interpreter.distributions}
    overridden = frozenset[str]().union(*(each.overridden for each in declared))
    issues = find_conflicts(names, interpreter, overridden)
    why = "a half-installed package fails later, in the middle of the work"
    return Finding(name="conflicts", issues=tuple(issues), why=why)


def find_conflicts(
    names: Extras, interpreter: Interpreter, overridden: frozenset[str] = frozenset()
) -> list[str]:
    """Return what is lacking among the packages that ``names`` reach, in sentences.

    What the project overrides is its own decision.
    """
    return [
        sentence
        for name, extras in sorted(reachable(names, interpreter).items())
        for sentence in _unmet(interpreter.distributions[name], extras, interpreter, overridden)
    ]


def reachable(names: Extras, interpreter: Interpreter) -> dict[str, frozenset[str]]:
    """Return the installed packages that ``names`` bring with them, themselves included."""
    found: dict[str, frozenset[str]] = {}
    waiting = list(names.items())
    while waiting:
        name, extras = waiting.pop()
        distribution = interpreter.distributions.get(name)
        if distribution is None or (name in found and extras <= found[name]):
            continue
        found[name] = found.get(name, frozenset()) | extras
        for needed in _requirements(distribution, found[name], interpreter):
            waiting.append((str(canonicalize_name(needed.name)), frozenset(needed.extras)))
    return found


def promised(names: Extras, interpreter: Interpreter) -> frozenset[str]:
    """Return all that the packages that ``names`` reach ask for, whether it is installed or not."""
    return frozenset(
        str(canonicalize_name(needed.name))
        for name, extras in reachable(names, interpreter).items()
        for needed in _requirements(interpreter.distributions[name], extras, interpreter)
    )


def _declared_names(
    declarations: Iterable[Declaration], interpreter: Interpreter
) -> dict[str, frozenset[str]]:
    names: dict[str, frozenset[str]] = {}
    for declaration in declarations:
        for wanted in declaration.wanted:
            if wanted.applies(interpreter.markers):
                # A group may be installed in part: then its extras are not asked for.
                extras = frozenset() if declaration.group else wanted.extras
                names[wanted.package] = names.get(wanted.package, frozenset()) | extras
    return names


def _requirements(
    distribution: Distribution, extras: frozenset[str], interpreter: Interpreter
) -> Iterator[Requirement]:
    for line in distribution.requires:
        try:
            needed = Requirement(line)
        except InvalidRequirement:
            continue  # metadata of another age, which pip does not understand either
        marker = needed.marker
        environments = [{**interpreter.markers, "extra": each} for each in extras or {""}]
        if marker is None or any(marker.evaluate(each) for each in environments):
            yield needed


def _unmet(
    distribution: Distribution,
    extras: frozenset[str],
    interpreter: Interpreter,
    overridden: frozenset[str],
) -> Iterator[str]:
    of = f"{distribution.name} {distribution.version}"
    for needed in _requirements(distribution, extras, interpreter):
        name = str(canonicalize_name(needed.name))
        version = interpreter.packages.get(name)
        if name in overridden:
            continue
        if version is None:
            yield f"{of} needs {needed.name}{needed.specifier}, which is not installed"
        elif not needed.specifier.contains(version, prereleases=True):
            yield f"{of} needs {needed.name}{needed.specifier}, and {version} is installed"
