"""Whether what a project's sources import is declared, and can be imported at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from proofbook_systems.environment.declared.wanted import Declaration
from proofbook_systems.environment.folders import relative_name
from proofbook_systems.environment.interpreters.interpreter import Interpreter
from proofbook_systems.environment.packages.closure import promised, reachable
from proofbook_systems.environment.packages.findings import Finding
from proofbook_systems.environment.packages.module_names import is_declared
from proofbook_systems.environment.sources.imports import Import, read_imports
from proofbook_systems.environment.sources.module_graph import feature_files
from proofbook_systems.environment.sources.source_files import Sources

__all__ = ["judge_imports"]

_GIVEN = {"__main__", "_distutils_hack", "distutils", "pip", "pkg_resources", "setuptools", "wheel"}


@dataclass(frozen=True)
class _Known:
    """What is declared, and what that brings with it."""

    declarations: Sequence[Declaration]
    interpreter: Interpreter

    @cached_property
    def main(self) -> frozenset[str]:
        """What is always needed."""
        return self._names(each for each in self.declarations if not each.group)

    @cached_property
    def names(self) -> frozenset[str]:
        """All that is declared, in every group."""
        return self._names(self.declarations)

    @cached_property
    def brought(self) -> frozenset[str]:
        """What is declared, with what that brings."""
        return frozenset(reachable(self._extras, self.interpreter)) | self.names

    @cached_property
    def promised(self) -> frozenset[str]:
        """What is declared, with what that asks for, installed or not."""
        return promised(self._extras, self.interpreter) | self.names

    def is_missing(self, module: str) -> bool:
        """Say whether a module is not installed."""
        return module not in self.interpreter.modules and not self.interpreter.distributions_of(
            module
        )

    def needs_a_missing_option(self, imports: Iterable[Import]) -> bool:
        """Say whether a file imports, unguarded, what belongs to an extra that is not installed."""
        modules = {each.module for each in imports if each.need in ("always", "later")}
        return any(
            self.is_missing(module)
            and is_declared(module, self.promised)
            and not is_declared(module, self.main)
            for module in modules
        )

    @cached_property
    def _extras(self) -> dict[str, frozenset[str]]:
        extras: dict[str, frozenset[str]] = {}
        for wanted in (w for declaration in self.declarations for w in declaration.wanted):
            extras[wanted.package] = extras.get(wanted.package, frozenset()) | wanted.extras
        return extras

    @staticmethod
    def _names(declarations: Iterable[Declaration]) -> frozenset[str]:
        wanted = (each for declaration in declarations for each in declaration.wanted)
        return frozenset(each.package for each in wanted if each.name != "python")


def judge_imports(
    sources: Sources, declarations: Sequence[Declaration], interpreter: Interpreter
) -> Finding:
    """Judge each module that using the project imports, and that is neither standard nor its own.

    What a function, a condition or a feature imports is not judged. What a declared package brings
    with it may be imported. Where nothing is declared, a module has to be installed. A module that
    is declared and not installed is the declaration's finding.
    """
    known = _Known(declarations, interpreter)
    imports = {file: _read(file) for file in sources.files}
    features = feature_files(imports, sources)
    unjudged = _why_unjudged(sources, declarations)
    issues: dict[str, str] = {}
    for file in (each for each in imports if each not in features):
        judged = [each for each in imports[file] if _is_judged(each, sources, interpreter)]
        if known.needs_a_missing_option(imports[file]):
            # With the option may come what else is missing.
            judged = [each for each in judged if not known.is_missing(each.module)]
        for found in judged:
            words = _fault(found.module, known, interpreter)
            where = f"{relative_name(file, sources.root)}:{found.line}"
            if words and found.module not in issues:
                issues[found.module] = f"{where} imports {found.module}, {words}"
    return Finding(
        name="imports",
        issues=tuple(sorted(issues.values())) if not unjudged else (),
        why="on another machine it is not there",
        unjudged=unjudged,
    )


def _why_unjudged(sources: Sources, declarations: Sequence[Declaration]) -> str:
    if not sources.files:
        return "there is no Python source of the project's own"
    broken = [each.name for each in declarations if each.problems]
    return f"{broken[0]} cannot be read whole, so what is declared is not known" if broken else ""


def _read(file: Path) -> tuple[Import, ...]:
    try:
        return read_imports(file)
    except SyntaxError:
        return ()  # a template, or of another Python: whoever runs it is told


def _is_judged(found: Import, sources: Sources, interpreter: Interpreter) -> bool:
    if found.need != "always" or found.level:
        return False
    return not _is_given(found.module, sources, interpreter)


def _is_given(module: str, sources: Sources, interpreter: Interpreter) -> bool:
    if module in interpreter.standard:
        return True
    if module in _GIVEN and "setuptools" in interpreter.distributions:
        return True
    return sources.has_module(module)


def _fault(module: str, known: _Known, interpreter: Interpreter) -> str:
    """Return what is wrong with importing a module, or an empty text."""
    owners = interpreter.distributions_of(module)
    if known.is_missing(module):
        declared = is_declared(module, known.promised)
        return "" if declared else "which is not installed, and nothing declares it"
    if not known.names or not owners or known.brought & set(owners):
        return ""
    return f"which nothing declares: {' or '.join(owners)} is here by chance"
