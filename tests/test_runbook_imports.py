"""What a runbook takes from the packages is there: no type checker looks into notebooks.

Packages are read, and not imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from proofbook.notebooks import list_runbooks, read_notebook

ROOT = Path(__file__).resolve().parents[1]
RUNBOOKS = sorted(list_runbooks(ROOT / "runbooks"))


def missing(cells: list[str]) -> list[str]:
    """Return what is imported from our packages, or asked of their modules, and is not there."""
    trees = [ast.parse(cell) for cell in cells]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    modules: dict[str, str] = {}
    absent = []
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("proofbook"):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if _file(full) is not None:
                    modules[alias.asname or alias.name] = full
                elif alias.name not in _names(str(node.module)):
                    absent.append(full)
    for name in _bound([node for tree in trees for node in tree.body if not _is_import(node)]):
        modules.pop(name, None)  # it names something else, too
    absent += [
        f"{modules[node.value.id]}.{node.attr}"
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in modules
        and node.attr not in _names(modules[node.value.id])
    ]
    return sorted(set(absent))


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def _file(module: str) -> Path | None:
    place = ROOT / "lib" / Path(*module.split("."))
    files = (place.with_suffix(".py"), place / "__init__.py")
    return next((file for file in files if file.exists()), None)


@cache
def _names(module: str) -> frozenset[str]:
    """Return all names of a module, those of its submodules too."""
    file = _file(module)
    if file is None:
        return frozenset()
    inside = [path.stem for path in file.parent.iterdir()] if file.stem == "__init__" else []
    return frozenset([*inside, *_bound(ast.parse(file.read_text()).body)])


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Import() | ast.ImportFrom():
                yield from ((alias.asname or alias.name) for alias in node.names)
            case ast.If() | ast.Try():
                yield from _bound([*node.body, *node.orelse])
            case _:
                yield from (
                    each.id
                    for each in ast.walk(node)
                    if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
                )


def test_what_runbooks_take_from_our_packages_is_there() -> None:
    found = {}
    for path in RUNBOOKS:
        cells = [cell["source"] for cell in read_notebook(path)["cells"] if _is_code(cell)]
        found[path.name] = missing(["".join(cell) for cell in cells])
    assert len(found) > 10
    assert {name: absent for name, absent in found.items() if absent} == {}


def _is_code(cell: dict[str, object]) -> bool:
    return cell["cell_type"] == "code"


@pytest.mark.parametrize(
    ("cell", "absent"),
    [
        ("from proofbook.checks import gone", ["proofbook.checks.gone"]),
        ("from proofbook.gone import open_runbook", ["proofbook.gone.open_runbook"]),
        ("from proofbook_systems.training import saving\nsaving.gone()",
         ["proofbook_systems.training.saving.gone"]),
        ("from proofbook_systems.training import saving as s\ns.whole_units()", []),
        ("from proofbook_systems.training import saving\nfor saving in []: saving.gone", []),
        ("from proofbook.checks import open_runbook, at_least\nfrom os import gone", []),
    ],
)  # fmt: skip
def test_what_is_gone_is_seen(cell: str, absent: list[str]) -> None:
    assert missing([cell]) == absent
