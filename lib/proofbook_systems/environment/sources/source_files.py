"""Which Python files are a project's own, and which of them do its work.

Tests, documentation, examples and projects within the project are set aside: they have needs of
their own. Reads names alone, and follows no link to a folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from proofbook_systems.environment.declared.pyproject import member_folders
from proofbook_systems.environment.declared.setup_files import is_distribution, package_folders
from proofbook_systems.environment.folders import relative_name

__all__ = ["Sources", "find_sources"]

_ASIDE = {
    "_vendor", "asv_bench", "benchmark", "benchmarks", "build", "ci", "contrib", "demo",
    "demos", "dist", "doc", "doc_src", "docs", "example", "examples", "integration_tests",
    "node_modules", "notebooks", "playground", "sample", "samples", "site-packages", "test",
    "testing", "tests", "third_party", "tools", "tutorials", "unittests", "vendor",
}  # fmt: skip
_TOOLING = ("*setup.py", "conftest.py", "noxfile.py", "fabfile.py", "dodo.py", "test_*.py",
            "*_test.py", "versioneer.py")  # fmt: skip
_DECLARING = ("pyproject.toml", "setup.py", "requirements.txt", "environment.yml")


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The Python files of a project."""

    root: Path
    files: tuple[Path, ...]
    """Those that do its work."""
    optional: frozenset[Path]
    """Those among them that a feature alone needs, which has requirements of its own."""
    aside: tuple[str, ...]
    """Folders that were set aside, relative to the project."""
    _asked: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def bases(self) -> frozenset[Path]:
        """Folders that modules are imported from: those above packages, and that hold scripts."""
        folders = {base for file in self.files for base in _bases(file, self.root)}
        tops = {p for p in self.root.iterdir() if p.is_dir() and not (p / "__init__.py").exists()}
        return frozenset(folders | tops | {self.root})

    def has_module(self, name: str) -> bool:
        """Say whether a top-level module is the project's own."""
        if name not in self._asked:
            self._asked[name] = any(_holds(base, name) for base in self.bases)
        return self._asked[name]


def find_sources(root: Path, ignore: Iterable[str] = ()) -> Sources:
    """Return the files of the project in ``root``; globs of ``ignore`` name what is set aside."""
    globs = tuple(ignore)
    aside: list[str] = []
    members = {root, *member_folders(root)}
    files = [f for f in _walk(root, root, members, globs, aside) if not _is_tooling(f, root, globs)]
    optional = frozenset(file for file in files if _is_of_a_feature(file, root))
    return Sources(root=root, files=tuple(files), optional=optional, aside=tuple(aside))


def _is_of_a_feature(file: Path, root: Path) -> bool:
    folders = [f for f in file.parents if f.is_relative_to(root) and f != root]
    return any(_is_feature(folder) for folder in folders)


def _is_feature(folder: Path) -> bool:
    """Say whether a folder inside a package is a feature with requirements of its own."""
    if not (folder.parent / "__init__.py").is_file():
        return False
    named = folder.name in ("contrib", "experimental", "experiments")
    return named or next(folder.glob("requirements*.txt"), None) is not None


def _walk(
    folder: Path, root: Path, members: set[Path], globs: tuple[str, ...], aside: list[str]
) -> Iterator[Path]:
    is_top = folder in members and is_distribution(folder) and not _has_scripts(folder, root)
    distributes = package_folders(folder) if is_top else None
    for path in sorted(folder.iterdir()):
        if path.suffix == ".py" and path.is_file():
            yield path
        elif path.is_dir() and not path.is_symlink() and not path.name.startswith("."):
            name = relative_name(path, root)
            if _is_left_out(path, members, distributes) or _matches(name, globs):
                aside.append(name)
            else:
                yield from _walk(path, root, members, globs, aside)


def _has_scripts(folder: Path, root: Path) -> bool:
    """Say whether programs lie beside a distribution: then what it leaves out is used, too."""
    return any(not _is_tooling(file, root, ()) for file in folder.glob("*.py"))


def _is_left_out(path: Path, members: set[Path], distributes: frozenset[Path] | None) -> bool:
    if not os.access(path, os.R_OK | os.X_OK):
        return True  # of another user, as the data of a database in a container
    if path in members or any(path in member.parents for member in members):
        return False
    if path.name.lower() in _ASIDE or path.name.endswith(".egg-info"):
        return True
    if (path / "pyvenv.cfg").is_file() or (path / "conda-meta").is_dir():
        return True
    if any((path / name).is_file() for name in _DECLARING) and not _is_feature(path):
        return True  # a project of its own
    return distributes is not None and not _is_distributed(path, distributes)


def _is_distributed(path: Path, named: frozenset[Path]) -> bool:
    """Say whether a folder at the top of a distribution goes into it, or holds what does."""
    if any(path == each or path in each.parents for each in named):
        return True
    if named:
        return False
    return path.name in ("src", "lib", "python") or (path / "__init__.py").is_file()


def _is_tooling(file: Path, root: Path, globs: tuple[str, ...]) -> bool:
    name = relative_name(file, root)
    return _matches(name, globs) or any(fnmatchcase(file.name, glob) for glob in _TOOLING)


def _matches(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob.rstrip("/")) for glob in globs)


def _bases(file: Path, root: Path) -> Iterator[Path]:
    """Yield the folders above a file that are no packages themselves, up to the project's."""
    for folder in file.parents:
        if not (folder / "__init__.py").is_file():
            yield folder
        if folder == root:
            return


def _holds(base: Path, name: str) -> bool:
    folder = base / name
    if (base / f"{name}.py").is_file() or (folder / "__init__.py").is_file():
        return True
    return folder.is_dir() and any(entry.name.endswith(".py") for entry in os.scandir(folder))
