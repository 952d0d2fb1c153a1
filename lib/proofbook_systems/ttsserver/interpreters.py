"""Find the Python that a project is built with: its own environment, or the one that is given."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError

__all__ = ["Interpreter", "build_environment", "find_interpreter"]

_FOLDERS = ("", "backend")
_NAMES = (".venv", "venv", "env", ".env", ".conda")
_PROGRAMS = ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe")
_MARKS = ("pyvenv.cfg", "conda-meta")
_CONDA_LIST = Path(".conda", "environments.txt")


class Interpreter(NamedTuple):
    """A Python, and why it is the one."""

    path: Path
    """Not resolved: that of a virtual environment is a link."""
    origin: str
    """``given``, ``the project's .venv``, or that the project has none."""

    @property
    def environment(self) -> Path:
        """The folder of its environment."""
        inside = self.path.parent
        return inside.parent if inside.name in ("bin", "Scripts") else inside


def find_interpreter(root: Path, given: str = "") -> Interpreter:
    """Return the interpreter of a project.

    Args:
        root: Folder of the project.
        given: An interpreter, or the folder of an environment; empty looks for the project's.

    Raises:
        SubjectError: What is given is no interpreter.
    """
    if given:
        return _given(Path(given).expanduser())
    for folder in _environments(root):
        if program := _program(folder):
            known = folder.is_relative_to(root)
            where = folder.relative_to(root) if known else folder
            return Interpreter(program, f"the project's {where}")
    names = ", ".join(_NAMES)
    return Interpreter(
        Path(sys.executable), f"Proofbook's own, as the project has no environment ({names})"
    )


def build_environment(interpreter: Interpreter, scratch: Path) -> dict[str, str]:
    """Return the variables of a build: those of an activated environment, its caches in a folder.

    Args:
        interpreter: Whose environment is active.
        scratch: Where tools may keep what they would leave in the person's own folders.
    """
    dropped = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {
        "PATH": os.pathsep.join([str(interpreter.path.parent), os.environ.get("PATH", "")]),
        "VIRTUAL_ENV": str(interpreter.environment),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYINSTALLER_CONFIG_DIR": str(scratch / "pyinstaller"),
        # Reading a repository must not write into it (git(1)).
        "GIT_OPTIONAL_LOCKS": "0",
    }


def _given(path: Path) -> Interpreter:
    if path.is_dir():
        if program := _program(path):
            return Interpreter(program, "given")
        raise SubjectError(f"python {path} is no environment: it has no {' or '.join(_PROGRAMS)}")
    if not path.is_file() or not os.access(path, os.X_OK):
        raise SubjectError(f"python {path} is no program; give an interpreter or an environment")
    return Interpreter(path.absolute(), "given")


def _program(folder: Path) -> Path | None:
    programs = [folder / name for name in _PROGRAMS]
    return next((path.absolute() for path in programs if path.is_file()), None)


def _environments(root: Path) -> Iterator[Path]:
    for part in _FOLDERS:
        for name in _NAMES:
            folder = root / part / name
            if any((folder / mark).exists() for mark in _MARKS):
                yield folder
    yield from _conda_environments(root)


def _conda_environments(root: Path) -> Iterator[Path]:
    """Yield the environments of conda that ``environment.yml`` names."""
    listed = Path.home() / _CONDA_LIST
    names = {name for part in _FOLDERS for name in _conda_names(root / part / "environment.yml")}
    if not names or not listed.is_file():
        return
    folders = [Path(line) for line in listed.read_text(encoding="utf-8").splitlines() if line]
    yield from (folder for folder in folders if folder.name in names)


def _conda_names(file: Path) -> list[str]:
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return [
        line.partition(":")[2].strip().strip("'\"") for line in lines if line.startswith("name:")
    ]
