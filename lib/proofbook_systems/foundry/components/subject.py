"""The project whose tests are run: where it is, its interpreter, and copies to run them in.

Starts nothing, and writes nothing into the project.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.subjects import resolve_reference

__all__ = ["Project", "copy_project", "find_project", "list_files"]

_ENVIRONMENTS = (".venv", "venv", "env", ".env")
_PROGRAMS = ("bin/python", "Scripts/python.exe")
_LEFT_OUT = (
    "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox", "node_modules",
    ".hypothesis", ".coverage", ".coverage.*", "htmlcov",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project with tests of its own."""

    folder: Path
    python: str
    environment: Mapping[str, str]
    leave_out: tuple[str, ...]
    """Globs of what is neither copied nor looked at, relative to the project."""

    def is_left_out(self, relative: Path) -> bool:
        """Say whether a path in the project is no part of what is tested."""
        place = self.folder / relative
        if any(fnmatch(relative.name, name) for name in _LEFT_OUT) or _is_environment(place):
            return True
        if relative.as_posix() == ".git" and place.is_file():
            return True  # a worktree's: it points to the user's own repository
        return any(fnmatch(relative.as_posix(), pattern) for pattern in self.leave_out)


def find_project(
    name: str, interpreter: str, environment: Mapping[str, str], leave_out: Sequence[str],
    folder: Path,
) -> Project:  # fmt: skip
    """Return the project called ``name``; a reference is written below ``folder``.

    Raises:
        SubjectError: There is no such project, or no such interpreter.
    """
    reference = resolve_reference(name, "foundry.project", root=folder)
    place = (reference.path if reference else Path(name).expanduser()).resolve()
    if not place.is_dir():
        raise SubjectError(f"project {place} does not exist; give the folder that has the tests")
    return Project(
        folder=place, python=_find_python(place, interpreter), environment=dict(environment),
        leave_out=tuple(leave_out),
    )  # fmt: skip


def copy_project(project: Project, target: Path) -> Path:
    """Copy a project to ``target``, without environments and caches, and return the copy.

    Raises:
        SubjectError: It cannot be copied.
    """

    def ignored(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(project.folder)
        return {name for name in names if project.is_left_out(inside / name)}

    try:
        shutil.copytree(project.folder, target, symlinks=True, ignore=ignored)
    except (OSError, shutil.Error) as error:
        raise SubjectError(
            f"{project.folder} cannot be copied: {error}; name large folders in leave_out"
        ) from error
    return target.resolve()


def list_files(project: Project, root: Path | None = None) -> dict[str, tuple[int, int]]:
    """Return size and time of every file, by its path relative to the project or a copy of it."""
    found, root = {}, root or project.folder
    for place, folders, names in os.walk(root):
        inside = Path(place).relative_to(root)
        folders[:] = [n for n in folders if n != ".git" and not project.is_left_out(inside / n)]
        for name in names:
            if not project.is_left_out(inside / name):
                stat = (Path(place) / name).lstat()
                found[(inside / name).as_posix()] = (stat.st_size, stat.st_mtime_ns)
    return found


def _is_environment(place: Path) -> bool:
    return place.is_dir() and any((place / m).exists() for m in ("pyvenv.cfg", "conda-meta"))


def _find_python(project: Path, given: str) -> str:
    if not given:
        folders = [project / name for name in _ENVIRONMENTS]
        found = _program(folders)
        return found or sys.executable
    path = Path(given).expanduser()
    path = path if path.is_absolute() else project / path
    program = _program([path]) if path.is_dir() else str(path)
    if not program or not os.access(program, os.X_OK):
        raise SubjectError(
            f"interpreter {path} is no Python; give its program, or the environment's folder"
        )
    return program


def _program(folders: Sequence[Path]) -> str:
    places = [folder / program for folder in folders for program in _PROGRAMS]
    # Not resolved: the program of a virtual environment is a link.
    return next((str(place.absolute()) for place in places if place.is_file()), "")
