"""``pyproject.toml`` (PEP 621, groups of PEP 735, poetry, uv, PDM) and ``Pipfile``.

Static. Knows nothing about what is installed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from proofbook.errors import SubjectError
from proofbook_systems.environment.declared.requirement_files import read_lines
from proofbook_systems.environment.declared.setup_files import requirements_of
from proofbook_systems.environment.declared.wanted import Declaration, Wanted, from_poetry
from proofbook_systems.environment.folders import relative_name

__all__ = ["member_folders", "read_pipfile", "read_pyproject"]

_DECLARING = ("requirements*.txt", "requirements/*.txt", "setup.py", "setup.cfg", "Pipfile",
              "environment.y*ml")  # fmt: skip
_NO_PARTS = {"docs", "examples", "tests", "node_modules", "benchmarks"}


def read_pyproject(path: Path, root: Path) -> Iterator[Declaration]:
    """Read every declaration of a ``pyproject.toml``."""
    name = relative_name(path, root)
    yield from _read_all(path, name, _read_tables)


def read_pipfile(path: Path, root: Path) -> Iterator[Declaration]:
    """Read the packages and the development packages of a ``Pipfile``."""
    name = relative_name(path, root)
    yield from _read_all(path, name, _read_pipfile)


def _read_all(
    path: Path, name: str, read: Callable[[dict[str, Any], Path, str], Iterator[Declaration]]
) -> list[Declaration]:
    table, problem = _load(path, name)
    try:
        found = [] if problem else list(read(table, path, name))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        found, problem = [], f"{name} is not laid out as its kind is: {error}"
    return [Declaration(file=name, problems=(problem,))] if problem else found


def _read_tables(table: dict[str, Any], path: Path, name: str) -> Iterator[Declaration]:
    if "project" in table:
        yield from _read_project(table, path, name)
    yield from _read_groups(table.get("dependency-groups", {}), name)
    poetry = table.get("tool", {}).get("poetry", {})
    yield from _read_poetry(poetry, name, optional="project" in table)
    if "project" in table or poetry:
        yield from _read_elsewhere(table, name)


def _read_elsewhere(table: dict[str, Any], name: str) -> Iterator[Declaration]:
    """Read what the build and hatch's environments install apart from the project's own."""
    groups = {"build-system": table.get("build-system", {}).get("requires", [])}
    for env, settings in table.get("tool", {}).get("hatch", {}).get("envs", {}).items():
        lines = [settings.get(key, []) for key in ("dependencies", "extra-dependencies")]
        groups[f"hatch env {env}"] = [line for listed in lines for line in listed]
    for group, listed in groups.items():
        # Hatch fills in {root:uri} and the like: such a line names a folder of the project.
        wanted, problems = requirements_of([line for line in listed if "{" not in line], name)
        if wanted or problems:
            yield Declaration(file=name, group=group, wanted=wanted, problems=problems)


def _read_pipfile(table: dict[str, Any], path: Path, name: str) -> Iterator[Declaration]:
    wanted, problems = _read_table(table.get("packages", {}), name)
    version = table.get("requires", {}).get("python_version", "")
    python = (from_poetry("python", f"{version}.*", name),) if version else ()
    yield Declaration(file=name, wanted=(*python, *wanted), problems=problems)
    wanted, problems = _read_table(table.get("dev-packages", {}), name)
    yield Declaration(file=name, group="dev-packages", wanted=wanted, problems=problems)


def member_folders(root: Path) -> list[Path]:
    """Return the folders of the parts of a project: members of uv's workspace in ``root``.

    Where ``root`` itself declares nothing and holds no source, the only folder in it that does
    declare something is its part, such as ``backend``.
    """
    table, _ = _load(root / "pyproject.toml", "")
    workspace = table.get("tool", {}).get("uv", {}).get("workspace")
    folders = _matching(root, workspace, "members")
    left_out = set(_matching(root, workspace, "exclude"))
    members = [f for f in folders if (f / "pyproject.toml").is_file() and f not in left_out]
    tables = {"project", "dependency-groups", "build-system"} & set(table)
    if members or tables or "poetry" in table.get("tool", {}) or _declares(root, "*.py"):
        return members
    parts = [f for f in sorted(root.iterdir()) if f.is_dir() and not f.name.startswith(".")]
    parts = [f for f in parts if f.name not in _NO_PARTS and _declares(f, "pyproject.toml")]
    return parts if len(parts) == 1 else []  # several are projects of their own


def _matching(root: Path, workspace: object, key: str) -> list[Path]:
    """Return the folders in ``root`` that the globs of a workspace's key name."""
    globs = workspace.get(key) if isinstance(workspace, dict) else None
    texts = [g for g in globs if isinstance(g, str)] if isinstance(globs, list) else []
    inside = [g for g in texts if g and not g.startswith("/") and ".." not in g]
    return [folder for glob in inside for folder in sorted(root.glob(glob))]


def _declares(folder: Path, *globs: str) -> bool:
    return any(next(folder.glob(glob), None) for glob in (*_DECLARING, *globs))


def _load(path: Path, name: str) -> tuple[dict[str, Any], str]:
    if not path.is_file():
        return {}, ""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return {}, f"{name} cannot be read: {error}"
    tool = table.get("tool", {})
    tools = tool.values() if isinstance(tool, dict) else [tool]
    tables = [table.get("project", {}), table.get("dependency-groups", {}), *tools]
    if not all(isinstance(each, dict) for each in tables):
        return {}, f"{name} is not laid out as its kind is: a value stands for a table"
    return table, ""


def _read_project(table: dict[str, Any], path: Path, name: str) -> Iterator[Declaration]:
    project, tool = table["project"], table.get("tool", {})
    lines, computed = project.get("dependencies", []), ""
    if not isinstance(lines, list):
        raise TypeError("project.dependencies is not a list")
    if "dependencies" in project.get("dynamic", ()):
        lines, computed = _read_dynamic(tool, path)
    python = [f"python{project['requires-python']}"] if project.get("requires-python") else []
    wanted, problems = requirements_of([*python, *lines], name)
    yield Declaration(
        file=name, wanted=wanted, problems=problems, computed=computed, overridden=_overridden(tool)
    )
    groups = {
        **project.get("optional-dependencies", {}),
        **tool.get("pdm", {}).get("dev-dependencies", {}),
        "dev-dependencies of uv": tool.get("uv", {}).get("dev-dependencies", []),
    }
    for group, listed in groups.items():
        wanted, problems = requirements_of(listed, name)
        if listed:
            yield Declaration(file=name, group=group, wanted=wanted, problems=problems)


def _read_dynamic(tool: dict[str, Any], path: Path) -> tuple[list[str], str]:
    """Read the files that setuptools takes the dependencies from."""
    setuptools = tool.get("setuptools", {}).get("dynamic", {}).get("dependencies", {})
    files = setuptools.get("file", []) if isinstance(setuptools, dict) else []
    files = [path.parent / each for each in ([files] if isinstance(files, str) else files)]
    poetry = tool.get("poetry", {}).get("dependencies")
    if poetry is None and not (files and all(file.is_file() for file in files)):
        return [], f"{path.name} leaves its requirements to a program, which is not run"
    texts = [file.read_text(encoding="utf-8-sig") for file in files]
    return [line for text in texts for _, line in read_lines(text)], ""


def _overridden(tool: dict[str, Any]) -> frozenset[str]:
    names = set()
    for line in tool.get("uv", {}).get("override-dependencies", ()):
        try:
            names.add(str(canonicalize_name(Requirement(line).name)))
        except InvalidRequirement:
            continue  # uv itself refuses it
    pdm = tool.get("pdm", {}).get("resolution", {}).get("overrides", {})
    return frozenset(names | {str(canonicalize_name(name)) for name in pdm})


def _read_groups(groups: Mapping[str, Any], name: str) -> Iterator[Declaration]:
    for group in groups:
        lines, problems = _group_lines(group, groups, name, ())
        wanted, malformed = requirements_of(lines, name)
        yield Declaration(file=name, group=group, wanted=wanted, problems=(*problems, *malformed))


def _group_lines(
    group: str, groups: Mapping[str, Any], name: str, above: tuple[str, ...]
) -> tuple[list[str], list[str]]:
    """Return the requirements of a group with those that it includes, and what is wrong."""
    known = {canonicalize_name(each): each for each in groups}
    actual = known.get(canonicalize_name(group))
    if actual is None:
        return [], [f"{name}: group {above[-1]!r} includes {group!r}, which is not there"]
    if actual in above:
        return [], [f"{name}: group {actual!r} includes itself"]
    lines, problems = [], []
    for each in groups[actual]:
        if isinstance(each, str):
            lines.append(each)
        elif "include-group" in each:
            more, wrong = _group_lines(each["include-group"], groups, name, (*above, actual))
            lines += more
            problems += wrong
    return lines, problems


def _read_poetry(poetry: dict[str, Any], name: str, *, optional: bool) -> Iterator[Declaration]:
    """Read poetry's own tables; beside ``[project]`` its main one only adds sources."""
    main = dict(poetry.get("dependencies", {}))
    extras = {canonicalize_name(n) for n, v in main.items() if _is_optional(v)}
    needed = {n: v for n, v in main.items() if canonicalize_name(n) not in extras}
    if poetry and not optional:
        wanted, problems = _read_table(needed, name)
        yield Declaration(file=name, wanted=wanted, problems=problems)
    for extra, names in poetry.get("extras", {}).items():
        within = {canonicalize_name(each) for each in names}
        of_extra = {n: v for n, v in main.items() if canonicalize_name(n) in within}
        wanted, problems = _read_table(of_extra, name)
        yield Declaration(file=name, group=extra, wanted=wanted, problems=problems)
    groups = {g: t.get("dependencies", {}) for g, t in poetry.get("group", {}).items()}
    groups |= {"dev": poetry["dev-dependencies"]} if "dev-dependencies" in poetry else {}
    for group, entries in groups.items():
        wanted, problems = _read_table(entries, name)
        yield Declaration(file=name, group=group, wanted=wanted, problems=problems)


def _is_optional(value: Any) -> bool:
    return isinstance(value, dict) and bool(value.get("optional"))


def _read_table(
    entries: Mapping[str, Any], file: str
) -> tuple[tuple[Wanted, ...], tuple[str, ...]]:
    """Read a table of poetry's or pipenv's: name to a version, a table, or several of them."""
    wanted: list[Wanted] = []
    problems: list[str] = []
    for name, value in entries.items():
        for each in value if isinstance(value, list) else [value]:
            try:
                wanted.append(_read_entry(name, each, file))
            except (SubjectError, InvalidMarker) as error:
                problems.append(str(error))
    return tuple(wanted), tuple(problems)


def _read_entry(name: str, value: Any, file: str) -> Wanted:
    table = value if isinstance(value, dict) else {"version": value}
    places = [str(table[key]) for key in ("git", "url", "path", "file") if key in table]
    return from_poetry(
        name, str(table.get("version", "*")), file,
        marker=_marker(table), extras=frozenset(table.get("extras", ())), source="".join(places),
    )  # fmt: skip


def _marker(table: Mapping[str, Any]) -> Marker | None:
    parts = [f"({table['markers']})"] if table.get("markers") else []
    if python := table.get("python"):
        alternatives = from_poetry("python", str(python), "").versions
        texts = [" and ".join(_python_marker(s.operator, s.version) for s in each)
                 for each in alternatives]  # fmt: skip
        parts += [f"({' or '.join(f'({text})' for text in texts)})"] if texts else []
    if platform := table.get("platform"):
        parts.append(f"(sys_platform == '{platform}')")
    return Marker(" and ".join(parts)) if parts else None


def _python_marker(operator: str, version: str) -> str:
    return f"python_full_version {operator} '{version}'"
