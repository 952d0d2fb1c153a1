"""Which modules a source file imports, and whether it can do without them.

Parses and runs nothing. Knows nothing about what is installed.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["Import", "read_imports"]

Need = Literal["always", "later", "optional", "typing"]

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_CATCHES = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


@dataclass(frozen=True, kw_only=True)
class Import:
    """One import."""

    name: str
    """Dotted; for a relative one what follows the dots, which may be nothing."""
    names: tuple[str, ...] = ()
    """What is taken from it: names of its own, or modules in it."""
    level: int = 0
    """Number of leading dots."""
    line: int
    need: Need
    """``always``: running the file does it. ``later``: a function does that something else calls.
    ``optional``: under a condition, or where its failure is caught. ``typing``: for type checkers.
    """

    @property
    def module(self) -> str:
        """Its top-level name."""
        return self.name.split(".")[0]


def read_imports(path: Path) -> tuple[Import, ...]:
    """Return the imports of a file.

    Raises:
        SyntaxError: It is not Python, as this interpreter knows it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            tree = ast.parse(path.read_bytes())
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(str(error)) from error
    return tuple(_Reader(_called(tree)).walk(tree.body, "always"))


def _called(tree: ast.Module) -> frozenset[str]:
    """Return the functions that running the file calls, and those that are made to be run."""
    statements = [node for node in tree.body if not isinstance(node, _DEFINITIONS)]
    calls = (n for top in statements for n in ast.walk(top) if isinstance(n, ast.Call))
    return frozenset({"main", *(ast.unparse(call.func) for call in calls)})


@dataclass(frozen=True)
class _Reader:
    """Walks statements with how much what they import is needed."""

    called: frozenset[str]

    def walk(self, statements: list[ast.stmt], need: Need) -> Iterator[Import]:
        for statement in statements:
            yield from self.visit(statement, need)

    def visit(self, node: ast.stmt, need: Need) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name=alias.name, line=node.lineno, need=need)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(
                name=node.module or "", names=names, level=node.level, line=node.lineno, need=need
            )
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            runs = need != "always" or node.name in self.called
            yield from self.walk(node.body, need if runs else "later")
        else:
            yield from self.visit_block(node, need)

    def visit_block(self, node: ast.stmt, need: Need) -> Iterator[Import]:
        if isinstance(node, ast.If):
            yield from self.visit_condition(node, need)
        elif isinstance(node, ast.Try | ast.TryStar):
            yield from self.visit_try(node, need)
        elif isinstance(node, ast.With | ast.AsyncWith):
            suppressed = any(_suppresses(item.context_expr) for item in node.items)
            yield from self.walk(node.body, "optional" if suppressed else need)
        elif isinstance(node, ast.Match):
            for case in node.cases:
                yield from self.walk(case.body, "optional")
        elif isinstance(node, ast.ClassDef | ast.For | ast.AsyncFor | ast.While):
            yield from self.walk([*node.body, *getattr(node, "orelse", [])], need)

    def visit_condition(self, node: ast.If, need: Need) -> Iterator[Import]:
        test = ast.unparse(node.test)
        if test.split(".")[-1] == "TYPE_CHECKING":
            yield from self.walk(node.body, "typing")
            yield from self.walk(node.orelse, need)
        elif "__name__" in test:
            yield from self.walk(node.body, need)
        else:
            yield from self.walk([*node.body, *node.orelse], "optional")

    def visit_try(self, node: ast.Try | ast.TryStar, need: Need) -> Iterator[Import]:
        caught = any(_catches(handler) for handler in node.handlers)
        yield from self.walk([*node.body, *node.orelse], "optional" if caught else need)
        for handler in node.handlers:
            yield from self.walk(handler.body, "optional")
        yield from self.walk(node.finalbody, need)


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(ast.unparse(each).split(".")[-1] in _CATCHES for each in types)


def _suppresses(call: ast.expr) -> bool:
    if not isinstance(call, ast.Call) or ast.unparse(call.func).split(".")[-1] != "suppress":
        return False
    return any(ast.unparse(each).split(".")[-1] in _CATCHES for each in call.args)
