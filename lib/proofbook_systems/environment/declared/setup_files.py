"""``setup.cfg`` and ``setup.py``, read and never run.

A ``setup.py`` that computes what it asks for is told as computed.
"""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_systems.environment.declared.wanted import Declaration, Wanted, from_pep508
from proofbook_systems.environment.folders import relative_name

__all__ = [
    "distribution_name",
    "is_distribution",
    "package_folders",
    "read_setup_cfg",
    "read_setup_py",
    "read_tables",
    "requirements_of",
]

_COMPUTED = "setup.py computes its requirements, and is not run"


def distribution_name(folder: Path) -> str:
    """Return the name of the distribution that a folder is the source of, or an empty text."""
    table = read_tables(folder)
    name = table.get("project", {}).get("name")
    name = name or table.get("tool", {}).get("poetry", {}).get("name")
    name = name or _sections(folder / "setup.cfg").get("metadata", {}).get("name")
    return str(name or _keywords(folder / "setup.py").get("name") or "")


def is_distribution(folder: Path) -> bool:
    """Say whether a folder is the source of a package that is built and installed."""
    return "build-system" in read_tables(folder) or bool(_keywords(folder / "setup.py"))


def package_folders(folder: Path) -> frozenset[Path]:
    """Return the folders that a distribution says its packages are in; none where it does not.

    A folder called ``src`` with packages in it is such a one.
    """
    tool = read_tables(folder).get("tool", {})
    tables = [tool.get("setuptools", {}), tool.get("hatch", {}).get("build", {}),
              tool.get("poetry", {}).get("packages", []), tool.get("flit", {}).get("module", {}),
              _keywords(folder / "setup.py").get("package_dir")]  # fmt: skip
    named = {folder / text for table in tables for text in _texts(table)}
    named |= {folder / "src"} if any((folder / "src").glob("*/__init__.py")) else set()
    return frozenset(each for each in named if each != folder and each.is_dir())


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str) and re.fullmatch(r"[\w./-]+", value):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def requirements_of(lines: Iterable[str], where: str) -> tuple[tuple[Wanted, ...], tuple[str, ...]]:
    """Read requirements, and return those that are and what is wrong with the others."""
    wanted: list[Wanted] = []
    problems: list[str] = []
    for line in lines:
        bare = line.partition(" #")[0].strip()
        try:
            wanted += [from_pep508(bare, where)] if bare and not bare.startswith("#") else []
        except SubjectError as error:
            problems.append(str(error))
    return tuple(wanted), tuple(problems)


def read_setup_cfg(path: Path, root: Path) -> Iterator[Declaration]:
    """Read ``install_requires`` and ``extras_require`` of a ``setup.cfg``."""
    name, sections = relative_name(path, root), _sections(path)
    options = sections.get("options", {})
    lines = [*_python(options.get("python_requires")), *_lines(options.get("install_requires", ""))]
    wanted, problems = requirements_of(lines, name)
    if wanted or problems:
        yield Declaration(file=name, wanted=wanted, problems=problems)
    for extra, text in sections.get("options.extras_require", {}).items():
        wanted, problems = requirements_of(_lines(text), name)
        yield Declaration(file=name, group=extra, wanted=wanted, problems=problems)


def read_setup_py(path: Path, root: Path) -> Iterator[Declaration]:
    """Read what the call of ``setup`` in a ``setup.py`` says in so many words."""
    name, keywords = relative_name(path, root), _keywords(path)
    if not keywords:
        return
    computed = _COMPUTED if keywords.get("install_requires", ()) is None else ""
    lines = _python(keywords.get("python_requires")) + _listed(keywords.get("install_requires"))
    wanted, problems = requirements_of(lines, name)
    yield Declaration(file=name, wanted=wanted, problems=problems, computed=computed)
    extras = keywords.get("extras_require")
    for extra, lines in (extras if isinstance(extras, dict) else {}).items():
        wanted, problems = requirements_of(_listed(lines), name)
        yield Declaration(file=name, group=str(extra), wanted=wanted, problems=problems)


def _keywords(path: Path) -> dict[str, object]:
    """Return the arguments of ``setup(…)``: values as written, None for computed ones."""
    try:
        tree = ast.parse(_text(path))
    except (SyntaxError, ValueError):
        return {}
    assigned = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "setup":
            return {k.arg: _literal(k.value, assigned) for k in node.keywords if k.arg}
    return {}


def _literal(node: ast.expr, assigned: dict[str, ast.expr]) -> object:
    if isinstance(node, ast.Name):
        node = assigned.get(node.id, node)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _python(versions: object) -> list[str]:
    return [f"python{versions}"] if isinstance(versions, str) and versions.strip() else []


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        return value.splitlines()
    return [str(each) for each in value] if isinstance(value, list | tuple | set) else []


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _sections(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(_text(path))
    except configparser.Error:
        return {}
    return {name: dict(parser[name]) for name in parser.sections()}


def read_tables(folder: Path) -> dict[str, Any]:
    """Return the tables of a ``pyproject.toml``; none of one that reading its needs tells of."""
    try:
        table = tomllib.loads(_text(folder / "pyproject.toml"))
    except tomllib.TOMLDecodeError:
        return {}
    tool = table.get("tool", {})
    tables = [table.get("project", {}), tool, *(tool.values() if isinstance(tool, dict) else ())]
    return table if all(isinstance(each, dict) for each in tables) else {}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace") if path.is_file() else ""
