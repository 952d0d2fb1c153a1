"""Whether packages that a person asks for are installed, beside what the project declares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from proofbook_systems.environment.declared.wanted import Wanted, from_pep508
from proofbook_systems.environment.interpreters.interpreter import Interpreter
from proofbook_systems.environment.packages.closure import find_conflicts

__all__ = ["Package", "inspect_packages"]


@dataclass(frozen=True, kw_only=True)
class Package:
    """One required package, or Python itself, as it was found."""

    wanted: Wanted
    version: str | None
    """The version installed; None where there is none."""
    broken: tuple[str, ...]
    """What it needs itself and does not find, with all that it brings, in sentences."""

    @property
    def name(self) -> str:
        """Normalised."""
        return self.wanted.name

    @property
    def required(self) -> str:
        """The versions asked for, such as ``>=2.13,<3``, or ``any version``."""
        return str(self.wanted.versions[0]) if self.wanted.versions else "any version"

    def accepts(self, version: str | None) -> bool:
        """Say whether ``version`` is one that was asked for; pre-releases are."""
        return version is not None and self.wanted.accepts(version)

    @property
    def satisfied(self) -> bool:
        """Whether an accepted version is installed."""
        return self.accepts(self.version)


def inspect_packages(requirements: Iterable[str], interpreter: Interpreter) -> tuple[Package, ...]:
    """Look up each PEP 508 requirement, such as ``torch>=2.13``; ``python`` is the interpreter.

    A requirement whose marker does not hold in it is left out.

    Raises:
        SubjectError: A requirement cannot be parsed.
    """
    wanted = [from_pep508(text, "packages") for text in dict.fromkeys(requirements)]
    return tuple(_inspect(w, interpreter) for w in wanted if w.applies(interpreter.markers))


def _inspect(wanted: Wanted, interpreter: Interpreter) -> Package:
    if wanted.name == "python":
        return Package(wanted=wanted, version=interpreter.version or None, broken=())
    conflicts = find_conflicts({wanted.name: wanted.extras}, interpreter)
    version = interpreter.packages.get(wanted.name)
    return Package(wanted=wanted, version=version, broken=tuple(conflicts))
