"""Read from a runbook's code which outputs it makes: its calls of ``checks.output("name", …)``.

Executes nothing. Where a name is built, or the checks go elsewhere, no name can be excluded.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from proofbook.notebooks import read_notebook, source_of

__all__ = ["output_names", "output_names_of"]

_MAKERS = frozenset({"Checks", "open_runbook"})


def output_names_of(path: Path) -> frozenset[str] | None:
    """Return the names of the outputs that a runbook makes; None where they cannot be known.

    Raises:
        NotebookError: It cannot be read.
    """
    cells = read_notebook(path)["cells"]
    return output_names(source_of(cell) for cell in cells if cell["cell_type"] == "code")


def output_names(sources: Iterable[str]) -> frozenset[str] | None:
    """Return the names in calls of ``.output("name", …)`` in some cells; None if there are others.

    A call on anything counts, so that no output is overlooked. A cell that is not plain Python, a
    name that is not a literal, and checks that are handed to other code make any name possible.
    """
    try:
        nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    except (SyntaxError, ValueError, RecursionError):
        return None
    calls = [n for n in nodes if isinstance(n, ast.Call) and _attribute(n.func) == "output"]
    names = frozenset(map(_literal_name, calls))
    if None in names or _are_handed_on(nodes, calls):
        return None
    return frozenset(name for name in names if name is not None)


def _literal_name(call: ast.Call) -> str | None:
    named = [keyword.value for keyword in call.keywords if keyword.arg == "name"]
    match [*call.args[:1], *named]:
        case [ast.Constant(value=str(name))]:
            return name
    return None


def _are_handed_on(nodes: list[ast.AST], calls: list[ast.Call]) -> bool:
    """Say whether the checks stand anywhere but in ``checks.<method>``; ``output``, only called."""
    called = {id(call.func) for call in calls}
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    sound = {id(a.value) for a in attributes if a.attr != "output" or id(a) in called}
    checks = _names_of_checks(nodes)
    used = [n for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    return any(name.id in checks and id(name) not in sound for name in used)


def _names_of_checks(nodes: list[ast.AST]) -> set[str]:
    """Return ``checks``, and the names that are assigned what ``Checks(…)`` returns."""
    imports = [alias for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names]
    makers = _MAKERS | {a.asname for a in imports if a.name in _MAKERS and a.asname}
    names = {"checks"}
    for node in nodes:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and _calls(node, makers):
            stored = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            names |= {name.id for name in stored if isinstance(name.ctx, ast.Store)}
    return names


def _calls(node: ast.Assign | ast.AnnAssign | ast.NamedExpr, makers: frozenset[str]) -> bool:
    """Say whether the value of an assignment is a call of one of ``makers``."""
    if not isinstance(node.value, ast.Call):
        return False
    function = node.value.func
    return (function.id if isinstance(function, ast.Name) else _attribute(function)) in makers


def _attribute(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ""
