"""What a project's sources use beside packages: programs, databases, folders, variables.

Literals alone, by parsing; nothing is run.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

__all__ = ["Use", "read_uses"]

Kind = Literal["program", "optional program", "database", "folder", "variable"]

_RUNS = {"subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_call",
         "subprocess.check_output", "asyncio.create_subprocess_exec"}  # fmt: skip
_FOLDER = re.compile(r"(DIR|DIRECTORY|FOLDER|MEDIA_ROOT|STATIC_ROOT|DATA_ROOT)$", re.IGNORECASE)
_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///(\S+)")


class Use(NamedTuple):
    """One thing that a source names."""

    kind: Kind
    name: str
    line: int


def read_uses(path: Path) -> list[Use]:
    """Return what a file names; nothing of one that cannot be parsed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return []  # judging its imports tells of it
    tried = [node for node in ast.walk(tree) if isinstance(node, ast.Try) and node.handlers]
    lines = {line for node in tried for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    return [_doubted(use, lines) for node in ast.walk(tree) for use in _uses(node)]


def _doubted(use: Use, tried: set[int]) -> Use:
    """Take a program for optional where the source expects that it fails."""
    is_tried = use.kind == "program" and use.line in tried
    return use._replace(kind="optional program") if is_tried else use


def _uses(node: ast.AST) -> Iterator[Use]:
    if isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("os.environ", "environ"):
        if isinstance(node.ctx, ast.Load) and isinstance(name := _literal(node.slice), str):
            yield Use("variable", name, node.lineno)
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        if _FOLDER.search(node.targets[0].id) and (place := _place(node.value)):
            yield Use("folder", place, node.lineno)
    elif isinstance(node, ast.Dict):
        yield from _of_django(node)
    elif isinstance(node, ast.Constant) and (match := _SQLITE.match(str(node.value))):
        yield Use("database", match[1], node.lineno)


def _of_call(node: ast.Call) -> Iterator[Use]:
    called = ast.unparse(node.func)
    first = node.args[0] if node.args else None
    if called in _RUNS and isinstance(first, ast.List | ast.Tuple) and first.elts:
        if isinstance(name := _literal(first.elts[0]), str) and re.fullmatch(r"[\w.+-]+", name):
            yield Use("program", name, node.lineno)
    elif called.split(".")[-1] == "which" and isinstance(name := _literal(first), str):
        yield Use("optional program", name, node.lineno)
    elif called.endswith("sqlite3.connect") and (place := _place(first)):
        yield Use("database", place, node.lineno)


def _of_django(node: ast.Dict) -> Iterator[Use]:
    """Find ``{"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}``."""
    table = {_literal(key): value for key, value in zip(node.keys, node.values, strict=True)}
    engine, name = _literal(table.get("ENGINE")), table.get("NAME")
    if isinstance(engine, str) and engine.endswith("sqlite3") and (place := _place(name)):
        yield Use("database", place, node.lineno)


def _place(node: ast.expr | None) -> str:
    """Return a path as far as literals say it: ``BASE / "data" / "a.db"`` is ``data/a.db``."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        right = _place(node.right)
        left = _place(node.left)
        return f"{left}/{right}" if left and right else right
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func).split(".")[-1]
        if called in ("Path", "join", "str", "abspath", "resolve"):
            parts = [part for part in map(_place, node.args) if part]
            return "/".join(parts)
        return ""
    text = _literal(node)
    is_place = isinstance(text, str) and re.fullmatch(r"[\w./~-]+", text) is not None
    return str(text) if is_place else ""


def _literal(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None
