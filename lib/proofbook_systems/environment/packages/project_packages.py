"""The packages of a project: what it declares, imports and has locked, against its interpreter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

from proofbook_systems.environment.declared.declarations import read_declarations
from proofbook_systems.environment.declared.locks import read_locks
from proofbook_systems.environment.declared.setup_files import distribution_name
from proofbook_systems.environment.declared.wanted import Declaration
from proofbook_systems.environment.interpreters.interpreter import Interpreter
from proofbook_systems.environment.packages.dependencies import judge_declarations
from proofbook_systems.environment.packages.findings import Finding
from proofbook_systems.environment.packages.installed import (
    Dependency,
    list_dependencies,
    resolve_computed,
)
from proofbook_systems.environment.packages.undeclared import judge_imports
from proofbook_systems.environment.sources.source_files import Sources, find_sources

__all__ = ["dependency_status", "judge_packages"]


def judge_packages(
    root: Path,
    interpreter: Interpreter,
    groups: Sequence[str] = (),
    ignore: Sequence[str] = (),
    *,
    declared: bool = True,
) -> Iterator[Finding]:
    """Judge the interpreter, every declaration, locks, conflicts and imports, in this order.

    Args:
        root: The project.
        interpreter: Its interpreter; where that does not answer, nothing else is judged.
        groups: Extras, dependency groups and further requirements files that are needed, too.
        ignore: Globs of files and folders of the project that are left out.
        declared: Whether anything but the interpreter is judged.
    """
    if not declared:
        issues = (interpreter.problem,) if interpreter.problem else ()
        yield Finding(name="interpreter", why="the work ahead runs with it", issues=issues)
        return
    sources = find_sources(root, ignore)
    declarations = _declarations(root, interpreter, ignore)
    if interpreter.problem:
        yield _no_interpreter(interpreter, sources, is_python=bool(sources.files or declarations))
        return
    yield Finding(name="interpreter", why="the project runs with it")
    locks = [each for each in read_locks(root) if not _is_ignored(each.file, ignore)]
    yield from judge_declarations(declarations, locks, interpreter, groups)
    yield judge_imports(sources, declarations, interpreter)


def dependency_status(
    root: Path, interpreter: Interpreter, ignore: Sequence[str] = ()
) -> tuple[Dependency, ...]:
    """Return every package that the project declares, in every group, as it was found."""
    if interpreter.problem:
        return ()
    return list_dependencies(_declarations(root, interpreter, ignore), interpreter)


def _declarations(
    root: Path, interpreter: Interpreter, ignore: Sequence[str]
) -> tuple[Declaration, ...]:
    own = canonicalize_name(distribution_name(root))
    return resolve_computed(read_declarations(root, ignore), interpreter, own)


def _is_ignored(name: str, ignore: Sequence[str]) -> bool:
    return any(Path(name).match(glob) for glob in ignore)


def _no_interpreter(interpreter: Interpreter, sources: Sources, *, is_python: bool) -> Finding:
    why = "without it, nothing can be said of the packages that the project runs with"
    if not is_python and not interpreter.found:
        inside = [name for name in sources.aside if (sources.root / name / "setup.py").exists()
                  or (sources.root / name / "pyproject.toml").exists()]  # fmt: skip
        reason = "the project has no Python source, and declares no packages"
        reason += f"; give one of those in it: {', '.join(inside)}" if inside else ""
        return Finding(name="interpreter", why=why, unjudged=reason)
    return Finding(name="interpreter", why=why, issues=(interpreter.problem,))
