"""Everything that a project declares to need, in whichever files it does so.

Static. Knows nothing about what is installed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from proofbook_systems.environment.declared.environment_files import (
    is_environment_file,
    read_environment_file,
)
from proofbook_systems.environment.declared.install_commands import read_install_commands
from proofbook_systems.environment.declared.pyproject import (
    member_folders,
    read_pipfile,
    read_pyproject,
)
from proofbook_systems.environment.declared.requirement_files import (
    read_commented,
    read_requirements,
)
from proofbook_systems.environment.declared.setup_files import read_setup_cfg, read_setup_py
from proofbook_systems.environment.declared.wanted import Declaration, from_conda
from proofbook_systems.environment.folders import relative_name

__all__ = ["PYTHON_PIN", "read_declarations"]

PYTHON_PIN = ".python-version"

_OF_IMAGES = {".ci", ".devcontainer", ".docker", ".github", "ci", "docker", "requirements"}
_NO_SOURCE = {"node_modules", "site-packages", "__pycache__"}
_MAIN = tuple(
    f"{name}.{ending}"
    for ending in ("txt", "in")
    for name in (
        "requirements",
        "requirements/requirements",
        "requirements/base",
        "requirements/main",
        "requirements/prod",
        "requirements/production",
    )
)


def read_declarations(root: Path, ignore: Iterable[str] = ()) -> tuple[Declaration, ...]:
    """Read the declarations at the top of a project, and of the members of its workspace.

    What is always needed has no group. Files that match a glob of ``ignore`` are left out.
    """
    found = [each for folder in (root, *member_folders(root)) for each in _read(folder, root)]
    found += read_install_commands(root)
    found += _read_features(root, found)
    found = [each for each in found if not any(fnmatchcase(each.file, g) for g in ignore)]
    return tuple(found)


def _read_features(root: Path, found: Sequence[Declaration]) -> Iterator[Declaration]:
    """Read requirements files of features, inside packages, and of images and workflows."""
    known = {each.file for each in found}
    for folder in _walk(root):
        parts = folder.relative_to(root).parts
        inside = any((each / "__init__.py").is_file() for each in (folder, folder.parent))
        if inside or _OF_IMAGES.intersection(parts):
            # Celery and others keep one file for each extra in a folder of that name.
            glob = "*.txt" if "requirements" in parts else "requirements*.txt"
            for path in sorted(folder.glob(glob)):
                if relative_name(path, root) not in known:
                    yield _as_group(read_requirements(path, root))


def _walk(root: Path) -> Iterator[Path]:
    """Yield the folders of a project, without environments and what is no source."""
    for name, folders, _ in os.walk(root):
        folder = Path(name)
        folders[:] = sorted(
            each for each in folders
            if (not each.startswith(".") or each in _OF_IMAGES) and each not in _NO_SOURCE
            and os.access(folder / each, os.R_OK | os.X_OK)
            and not (folder / each / "pyvenv.cfg").exists()
        )  # fmt: skip
        yield folder


def _read(folder: Path, root: Path) -> Iterator[Declaration]:
    found = list(_read_tables(folder, root))
    yield from found
    if folder == root:
        yield from _read_pin(folder / PYTHON_PIN)
    yield from _read_requirement_files(folder, root, tables=found)


def _read_tables(folder: Path, root: Path) -> Iterator[Declaration]:
    if (folder / "pyproject.toml").is_file():
        yield from read_pyproject(folder / "pyproject.toml", root)
    yield from read_setup_cfg(folder / "setup.cfg", root)
    yield from read_setup_py(folder / "setup.py", root)
    if (folder / "Pipfile").is_file():
        yield from read_pipfile(folder / "Pipfile", root)
    for path in sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")]):
        if is_environment_file(path):
            yield read_environment_file(path, root)


def _read_pin(path: Path) -> Iterator[Declaration]:
    """Read the versions of Python that pyenv and uv take; one of another kind says nothing here."""
    lines = path.read_text(encoding="utf-8", errors="replace").split() if path.is_file() else []
    minors = [m[0] for line in lines if (m := re.match(r"\d+\.\d+", line))]
    if minors:
        words = "|".join(f"{minor}.*" for minor in minors)
        yield Declaration(file=path.name, wanted=(from_conda(f"python {words}", path.name),))


def _read_requirement_files(
    folder: Path, root: Path, tables: Sequence[Declaration]
) -> Iterator[Declaration]:
    """Read every requirements file; one is the main one, the others are groups called after it."""
    main_tables = [each for each in tables if not each.group and not each.is_conda]
    needed = frozenset(wanted.name for each in main_tables for wanted in each.wanted) - {"python"}
    files = _find_requirement_files(folder)
    main = _choose_main(folder, files, alone=not needed)
    said = {wanted.words for each in tables for wanted in each.wanted}
    for path in files:
        read = read_requirements(path, root)
        if read.wanted and not read.problems and {each.words for each in read.wanted} <= said:
            continue  # a table takes it from this file, or repeats it
        # Beside a table that says what is needed, a list without that is for those who develop.
        is_main = path == main and needed <= {wanted.name for wanted in read.wanted}
        yield read if is_main else _as_group(read)
        if commented := read_commented(path, root):
            yield Declaration(file=read.file, group="commented out", wanted=commented)


def _find_requirement_files(folder: Path) -> list[Path]:
    globs = ("*requirements*.txt", "requirements/*.txt", "requirements*.in", "requirements/*.in")
    files = {path for glob in globs for path in folder.glob(glob) if path.is_file()}
    sources = {path for path in files if path.suffix == ".in" and path.with_suffix(".txt") in files}
    return sorted(p for p in files - sources if not re.search("constraint", p.name, re.IGNORECASE))


def _choose_main(folder: Path, files: Sequence[Path], *, alone: bool) -> Path | None:
    """Return the file that everybody installs; the only one is, where nothing else declares."""
    usual = next((folder / name for name in _MAIN if folder / name in files), None)
    return files[0] if usual is None and len(files) == 1 and alone else usual


def _as_group(read: Declaration) -> Declaration:
    return Declaration(
        file=read.file, group=Path(read.file).stem, wanted=read.wanted,
        constraints=read.constraints, problems=read.problems,
    )  # fmt: skip
