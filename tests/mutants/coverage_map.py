"""Which tests run which functions of the modules that are mutated, and how long each takes.

Measured once with coverage's contexts, and kept: a test file is run again only if it, what it
imports from beside it, or the set of functions of a module that it runs has changed.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from digests import digest

__all__ = ["CoverageMap", "Lines", "TestFile", "bodies", "helpers_digest", "statement_lines"]


@dataclass(kw_only=True)
class TestFile:
    """What the tests of one file run."""

    __test__ = False

    digest: str
    seconds: dict[str, float] = field(default_factory=dict)
    """How much processor time each test takes that passed."""
    failed: list[str] = field(default_factory=list)
    """The tests that fail without any mutant, and so cannot notice one."""
    functions: dict[str, list[str]] = field(default_factory=dict)
    """The tests that run a function, by ``path::function``; without a function for ``path::``, the
    tests that run anything of a module."""
    lines: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    """The tests that run a line, as places in ``seconds``, by the line and the module's path."""
    sources: dict[str, str] = field(default_factory=dict)
    """The digest of a module when its lines were measured, by its path."""
    on_import: list[str] = field(default_factory=list)
    """The functions that are run before any test is."""
    known: dict[str, str] = field(default_factory=dict)
    """The digest of a module's function names when this was measured, by its path."""

    def of(self, path: str, function: str, at: Lines) -> Iterable[str]:
        """Return the tests that run some lines of a function."""
        if not function or self.sources.get(path) != at.source:
            return self.functions.get(f"{path}::{function}", ())
        names, lines = list(self.seconds), self.lines.get(path, {})
        return {names[index] for line in at.lines for index in lines.get(str(line), ())}


class Lines(NamedTuple):
    """Lines of a module."""

    source: str
    """The digest of the module."""
    lines: range


@dataclass(kw_only=True)
class CoverageMap:
    """What all test files run."""

    files: dict[str, TestFile] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> CoverageMap:
        """Read a kept map; there may be none."""
        if not path.exists():
            return cls()
        kept = json.loads(path.read_text(encoding="utf-8"))
        return cls(files={name: TestFile(**values) for name, values in kept.items()})

    def save(self, path: Path) -> None:
        """Keep the map."""
        values = {name: asdict(each) for name, each in self.files.items()}
        path.write_text(json.dumps(values), encoding="utf-8")

    def stale(self, digests: Mapping[str, str], modules: Mapping[str, str]) -> list[str]:
        """Return the test files that must be measured (again), and forget those that are gone."""
        self.files = {name: each for name, each in self.files.items() if name in digests}
        return [
            name
            for name, wanted in digests.items()
            if (each := self.files.get(name)) is None
            or each.digest != wanted
            or any(modules.get(path, known) != known for path, known in each.known.items())
        ]

    def tests(self, path: str, function: str, longest: float, at: Lines) -> list[str]:
        """Return the tests that run some lines of a function, the quickest first.

        Where the module has changed since it was measured, those that run the function.
        """
        found = {
            test: each.seconds[test]
            for each in self.files.values()
            for test in each.of(path, function, at)
            if each.seconds.get(test, longest + 1) <= longest
        }
        return sorted(found, key=lambda test: (found[test], test))

    def runs_on_import(self, path: str, function: str) -> bool:
        """Say whether a function's result may be there before a test begins."""
        return any(f"{path}::{function}" in each.on_import for each in self.files.values())

    def seconds(self, test: str) -> float:
        """Return how long a test takes."""
        return self.files[test.partition("::")[0]].seconds[test]


def helpers_digest(tests: Path) -> str:
    """Digest what a folder's tests share: each file without tests, up to the topmost folder."""
    shared: list[Path] = []
    for folder in (tests, *tests.parents):
        shared += [p for p in sorted(folder.glob("*.py")) if not p.name.startswith("test_")]
        if folder.name == "tests":
            break
    return digest(*(path.read_bytes() for path in shared))


def bodies(source: str) -> dict[str, range]:
    """Return the lines of the body of each outermost function and method."""
    found: dict[str, range] = {}

    def visit(statements: Sequence[ast.stmt], prefix: str) -> None:
        for node in statements:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0].lineno
                lines = range(first, (node.end_lineno or first) + 1)
                name = prefix + node.name
                found[name] = lines if name not in found else range(found[name].start, lines.stop)
            elif isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.If | ast.Try):
                visit([s for s in ast.iter_child_nodes(node) if isinstance(s, ast.stmt)], prefix)

    visit(ast.parse(source).body, "")
    return found


def statement_lines(source: str) -> dict[int, range]:
    """Return for each line the lines of its innermost statement; of a compound one, its head's."""
    found: dict[int, range] = {}
    for node in ast.walk(ast.parse(source)):  # outer ones come first
        if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            body = getattr(node, "body", None)
            first = getattr(node, "lineno", 0) or node.pattern.lineno  # type: ignore[union-attr]
            last = getattr(node, "end_lineno", None) or body[-1].end_lineno
            head = max(first, body[0].lineno - 1) if body else last
            inner = range(first, last + 1)
            found |= dict.fromkeys(inner, range(first, head + 1))
    return found


def functions_of(lines: Iterable[int], ranges: Mapping[str, range]) -> set[str]:
    """Return the functions that own some of these lines."""
    seen = set(lines)
    return {name for name, each in ranges.items() if not seen.isdisjoint(each)}
