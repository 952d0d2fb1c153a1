"""The parameters cell of a runbook: ``name: type = literal  # help``, one a line.

A line without a default declares a required parameter. Nothing is executed. Knows nothing about
files.
"""

from __future__ import annotations

import ast
import io
import math
import tokenize
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from proofbook.errors import NotebookError

__all__ = ["Parameter", "find_set_again", "read_parameters"]

_LONGEST_SHOWN = 100
_SIMPLE: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "list": list,
    "dict": dict,
}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a runbook."""

    name: str
    annotation: str
    """Its type, as written: ``float``, ``list[str]``."""
    default: Any = None
    required: bool = False
    help: str = ""
    adapter: TypeAdapter[Any] = field(repr=False, compare=False)

    def validate(self, value: object) -> Any:
        """Return ``value`` in the parameter's type; an int is a float too, text is no number.

        Raises:
            ValueError: The value has another type, or holds a number that is not finite; the
                message says what is expected.
        """
        try:
            typed = self.adapter.validate_python(value, strict=True)
        except ValidationError as error:
            raise ValueError(
                f"parameter {self.name!r} must be {self.annotation}, found "
                f"{type(value).__name__} {_shown(value)}"
            ) from error
        if not _is_finite(typed):
            raise ValueError(f"parameter {self.name!r} must be finite, found {_shown(value)}")
        return typed


def read_parameters(source: str, path: Path, cell: str) -> dict[str, Parameter]:
    """Read a parameters cell; ``path`` and ``cell`` say where it is.

    Raises:
        NotebookError: It is not a list of typed literals, or names one twice.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise NotebookError(
            f"the parameters cell is not Python: {error.msg} (line {error.lineno})",
            path=path,
            cell=cell,
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotebookError(
            f"the parameters cell cannot be parsed: {error}", path=path, cell=cell
        ) from error
    comments = _comments(source)
    parameters: dict[str, Parameter] = {}
    for statement in tree.body:
        parameter = _parameter(statement, comments, path, cell)
        if parameter.name in parameters:
            raise NotebookError(
                f"parameter {parameter.name!r} is given twice; remove one", path=path, cell=cell
            )
        parameters[parameter.name] = parameter
    return parameters


def find_set_again(names: Collection[str], sources: Mapping[str, str]) -> dict[str, str]:
    """Return which names are assigned a literal at the top level of a cell, and in which.

    ``sources`` are those of the later code cells, by what a message calls the cell.
    """
    found: dict[str, str] = {}
    for cell, source in sources.items():
        for statement in _statements(source):
            for name in _assigned(statement):
                if name in names:
                    found.setdefault(name, cell)
    return found


def _assigned(statement: ast.stmt) -> list[str]:
    """Return the names that a statement gives a literal value."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or not _is_literal(statement.value):
        return []
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _statements(source: str) -> list[ast.stmt]:
    """Return a cell's statements without its magics; none where the rest is not Python."""
    lines = source.splitlines()
    if lines and lines[0].startswith("%%"):
        return []
    python = "\n".join("" if line.startswith(("%", "!", "?")) else line for line in lines)
    try:
        return ast.parse(python).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []  # its own execution tells of it


def _is_literal(node: ast.expr | None) -> bool:
    if node is None:
        return False
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _parameter(statement: ast.stmt, comments: dict[int, str], path: Path, cell: str) -> Parameter:
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        raise NotebookError(
            f"line {statement.lineno} of the parameters cell is not 'name: type = literal'",
            path=path,
            cell=cell,
        )
    name = statement.target.id
    try:
        parameter = Parameter(
            name=name,
            annotation=ast.unparse(statement.annotation),
            default=None if statement.value is None else ast.literal_eval(statement.value),
            required=statement.value is None,
            help=comments.get(statement.end_lineno or statement.lineno, ""),
            adapter=TypeAdapter(_type_of(statement.annotation)),
        )
        if not parameter.required:
            parameter.validate(parameter.default)
    except (ValueError, TypeError, RecursionError) as error:
        named = str(error).removeprefix(f"parameter {name!r} ")
        message = " ".join(f"parameter {name!r}: {named}".split())
        raise NotebookError(message, path=path, cell=cell) from error
    return parameter


def _type_of(node: ast.expr) -> Any:
    """Return the type that an annotation names, from a short list; nothing is evaluated."""
    if isinstance(node, ast.Name) and node.id in _SIMPLE:
        return _SIMPLE[node.id]
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if node.value.id == "Literal" and parts:
            return Literal[tuple(ast.literal_eval(p) for p in parts)]
        if node.value.id == "list" and len(parts) == 1:
            return list[_type_of(parts[0])]  # type: ignore[misc]
        if node.value.id == "dict" and len(parts) == 2:
            return dict[_type_of(parts[0]), _type_of(parts[1])]  # type: ignore[misc]
    known = ", ".join(_SIMPLE)
    raise ValueError(f"type {ast.unparse(node)!r} is not one of {known}, list[…], dict[…, …]")


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}


def _shown(value: object) -> str:
    """Return what a message shows of a value."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _is_finite(value: object) -> bool:
    """Say whether every number in a value, however deep, can be written as JSON."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_is_finite(each) for pair in value.items() for each in pair)
    return not isinstance(value, (list, tuple)) or all(_is_finite(each) for each in value)
