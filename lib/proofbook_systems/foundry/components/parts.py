"""The parts of a project that its goals are about: which source files, which tests.

Patterns are globs of paths in the project, several with ``|`` between them; ``**`` stands for any
number of folders.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from proofbook.errors import SubjectError

__all__ = ["Component", "fits", "list_components", "list_sources"]

_NO_SOURCE = {
    "tests", "test", "testing", "docs", "doc", "examples", "example", "benchmarks", "build", "dist",
}  # fmt: skip
_NO_SOURCE_FILES = {"setup.py", "conftest.py", "noxfile.py", "tasks.py"}


@dataclass(frozen=True, kw_only=True)
class Component:
    """One part of a project, its files, and how much of it its tests are to reach."""

    name: str
    patterns: tuple[str, str]
    """Of its source and of its tests."""
    sources: tuple[str, ...]
    tests: str
    """The pattern of its tests' files."""
    goal: float
    """Percent."""
    priority: str


def fits(path: str, pattern: str) -> bool:
    """Say whether a path fits one of the globs in ``pattern``."""
    return any(_expression(each.strip()).fullmatch(path) for each in pattern.split("|"))


def list_sources(files: Iterable[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the source files that count for a project as a whole.

    Without patterns these are the packages at its top and in ``src``; where there are none, the
    programs at its top. Tests, documentation and examples are no source.
    """
    python = sorted(name for name in files if name.endswith(".py"))
    if patterns:
        return tuple(name for name in python if any(fits(name, p) for p in patterns))
    packages = [n for n in python if _package(n, python) and not _is_test(n)]
    top = [n for n in python if "/" not in n.removeprefix("src/") and not _is_test(n)]
    return tuple(packages or top)


def list_components(
    files: Collection[str], components: Mapping[str, Sequence[str]], goals: Mapping[str, float],
    priorities: Mapping[str, str], overall: float,
) -> tuple[Component, ...]:  # fmt: skip
    """Return the components, each with the source files that it has.

    Raises:
        SubjectError: A component has not two patterns, or a goal belongs to none.
    """
    for name in (*goals, *priorities):
        if name not in components:
            raise SubjectError(f"goals and priorities name {name}, which components does not have")
    return tuple(
        _component(name, patterns, files, goals.get(name, overall), priorities.get(name, ""))
        for name, patterns in components.items()
    )


def _component(
    name: str, patterns: Sequence[str], files: Iterable[str], goal: float, priority: str
) -> Component:
    if len(patterns) != 2:
        raise SubjectError(
            f"components: {name} has {len(patterns)} patterns; give one of its source, one of its "
            'tests: ["**/config.py", "**/test_config*.py"]'
        )
    source, tests = patterns
    found = [
        n for n in sorted(files) if n.endswith(".py") and fits(n, source) and not fits(n, tests)
    ]
    return Component(
        name=name, patterns=(source, tests), tests=tests, goal=goal, priority=priority,
        sources=tuple(n for n in found if not _is_test(n)),
    )  # fmt: skip


def _package(name: str, python: Collection[str]) -> bool:
    inside = name.removeprefix("src/")
    top = name[: len(name) - len(inside)] + inside.partition("/")[0]
    return "/" in inside and (f"{top}/__init__.py" in python or name.startswith("src/"))


def _is_test(name: str) -> bool:
    *folders, file = name.split("/")
    return (
        bool(_NO_SOURCE.intersection(folders)) or file in _NO_SOURCE_FILES
        or file.startswith("test_") or file.endswith("_test.py")
    )  # fmt: skip


@cache
def _expression(glob: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob.removeprefix("./"))
    told = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(told.get(part, re.escape(part)) for part in parts))
