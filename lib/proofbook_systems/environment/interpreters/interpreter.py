"""The interpreter of a project: what it has installed, by its own account.

Asks it with a small program of its own, in isolated mode; imports nothing of the project.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

__all__ = ["Distribution", "Interpreter", "ask_interpreter"]

_INQUIRY = Path(__file__).with_name("inquiry.py")
_TIMEOUT = 60.0


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """One installed package, by its own metadata."""

    name: str
    version: str
    requires: tuple[str, ...] = ()
    """Requirements as PEP 508 has them, markers included."""
    modules: tuple[str, ...] = ()
    """Modules and packages at the top level that it brings."""
    location: str = ""
    direct_url: str = ""
    """Where it was installed from, as JSON (PEP 610); empty where an index was."""
    installer: str = ""
    """The tool that installed it: ``pip``, ``uv``, ``poetry 1.8.3``; empty where none says so."""


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """One Python and what is installed in it, or why it could not be asked."""

    path: str
    """Empty where none was found."""
    found: str
    """How it was found: ``.venv of the project``."""
    problem: str = ""
    """Why it cannot be asked, with what to do; empty where it answers."""
    version: str = ""
    platform: str = ""
    markers: Mapping[str, str] = field(default_factory=dict)
    """The environment that PEP 508 markers are evaluated in."""
    installed: tuple[Distribution, ...] = ()
    """In the order of the path; of two with one name, the first counts."""
    modules: frozenset[str] = frozenset()
    """All that can be imported at the top level beside the standard library."""
    standard: frozenset[str] = frozenset()
    conda: Mapping[str, str] = field(default_factory=dict)
    """Packages of a conda environment with their versions; empty for another."""

    @cached_property
    def distributions(self) -> dict[str, Distribution]:
        """Installed packages by normalised name, sorted."""
        by_name = {canonicalize_name(each.name): each for each in reversed(self.installed)}
        return dict(sorted(by_name.items()))

    @property
    def packages(self) -> dict[str, str]:
        """Versions of all installed packages, sorted by name."""
        return {name: each.version for name, each in self.distributions.items()}

    @cached_property
    def _owners(self) -> dict[str, tuple[str, ...]]:
        owners: dict[str, tuple[str, ...]] = {}
        for name, each in self.distributions.items():
            for module in each.modules:
                owners[module] = (*owners.get(module, ()), name)
        return owners

    def distributions_of(self, module: str) -> tuple[str, ...]:
        """Return the normalised names of the packages that bring a top-level module."""
        return self._owners.get(module, ())


def ask_interpreter(path: Path, found: str, timeout: float = _TIMEOUT) -> Interpreter:
    """Run the inquiry with the interpreter at ``path``; a failure is a problem of the answer."""
    try:
        done = subprocess.run(
            [str(path), "-I", "-B", str(_INQUIRY)],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False,
            cwd=path.anchor or None, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return _unanswered(path, found, f"did not answer within {timeout:g} s")
    except OSError as error:
        return _unanswered(path, found, f"cannot be run: {error.strerror or error}")
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        return _unanswered(path, found, f"ended with code {done.returncode}: {lines[-1]}")
    try:
        answer = json.loads(done.stdout.decode().strip().splitlines()[-1])
    except (ValueError, IndexError):
        return _unanswered(path, found, "did not answer as a Python 3 does")
    return _interpreter(path, found, answer)


def _interpreter(path: Path, found: str, answer: Mapping[str, Any]) -> Interpreter:
    return Interpreter(
        path=str(path),
        found=found,
        version=answer["version"],
        platform=answer["platform"],
        markers=answer["markers"],
        installed=tuple(_distribution(each) for each in answer["distributions"]),
        modules=frozenset(answer["modules"]),
        standard=frozenset(answer["standard"]),
        conda=answer["conda"],
    )


def _distribution(answer: Mapping[str, Any]) -> Distribution:
    return Distribution(
        name=answer["name"],
        version=answer["version"],
        requires=tuple(answer["requires"]),
        modules=tuple(answer["modules"]),
        location=answer["location"],
        direct_url=answer["direct_url"],
        installer=answer["installer"],
    )


def _unanswered(path: Path, found: str, what: str) -> Interpreter:
    problem = f"{path} ({found}) {what}; make the environment again, or give another interpreter"
    return Interpreter(path=str(path), found=found, problem=problem)
