"""Copies of a project, in which data is prepared; the project itself is never written to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.processes import run
from proofbook.processes.placeholders import fill_command

__all__ = ["Workspace", "copy_project", "list_files", "run_steps"]

_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "venv", "env", "node_modules", "__pycache__", ".ipynb_checkpoints"
)
_THEN = "&&"
"""Between two commands of which the second waits for the first."""
_QUIET = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}

Stamp = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A copy of a project, and what was in it before anything ran."""

    folder: Path
    cache: Path
    """Where ``datasets`` keeps what it has made, instead of in the person's own cache."""
    before: Mapping[str, Stamp]

    def written(self) -> list[Path]:
        """Return the files that are new or changed."""
        now = list_files(self.folder)
        changed = [self.folder / name for name in now if self.before.get(name) != now[name]]
        return changed + sorted(path for path in self.cache.rglob("*") if path.is_file())

    def find(self, patterns: Sequence[str]) -> list[Path]:
        """Return the files and folders that patterns name, in order.

        Raises:
            SubjectError: A pattern leads out of the project.
        """
        found = [path for pattern in patterns for path in _glob(self.folder, pattern)]
        return sorted(set(found))

    def variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return all variables of a program that runs here."""
        own = {"HF_DATASETS_CACHE": str(self.cache)}
        return {**os.environ, **_QUIET, **own, **environment}


def copy_project(project: Path, folder: Path, leave_out: Iterable[str] = ()) -> Workspace:
    """Return a copy of a project; what patterns name is left out of it.

    Raises:
        SubjectError: It cannot be copied.
    """
    cache = folder.with_name(f"{folder.name}.cache")
    for each in (folder, cache):
        shutil.rmtree(each, ignore_errors=True)
    try:
        shutil.copytree(project, folder, ignore=_LEFT_OUT, ignore_dangling_symlinks=True)
    except (OSError, shutil.Error) as error:
        raise SubjectError(f"project {project} cannot be copied to {folder}: {error}") from error
    cache.mkdir(parents=True)
    for path in [path for pattern in leave_out for path in _glob(folder, pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return Workspace(folder=folder, cache=cache, before=list_files(folder))


def list_files(folder: Path) -> dict[str, Stamp]:
    """Return size and time of change of each file, by its name in the folder."""
    found = {}
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - {"__pycache__", ".git", ".venv", "venv"})
        for path in (Path(root, name) for name in sorted(names)):
            if path.is_file():
                known = path.stat()
                found[path.relative_to(folder).as_posix()] = (known.st_size, known.st_mtime_ns)
    return found


def run_steps(
    words: Sequence[str], workspace: Workspace, values: Mapping[str, str],
    environment: Mapping[str, str], timeout: float,
) -> tuple[int | None, str, str]:  # fmt: skip
    """Run commands that ``&&`` joins; return the last one's code, how it ended, and all output.

    Raises:
        SubjectError: One cannot be started.
    """
    printed, variables = [], workspace.variables(environment)
    for step in _steps(words):
        command = fill_command(step, values, "prepare_command")
        ended = run(command, timeout=timeout, name=command[0], cwd=workspace.folder, env=variables)
        printed.append(ended.output)
        if ended.code != 0:
            break
    return ended.code, ended.words, "\n".join(printed)


def _steps(words: Sequence[str]) -> Iterator[list[str]]:
    step: list[str] = []
    for word in words:
        if word == _THEN:
            yield step
            step = []
        else:
            step.append(word)
    yield step


def _glob(folder: Path, pattern: str) -> list[Path]:
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise SubjectError(f"pattern {pattern} leads out of the project; give one within it")
    return sorted(folder.glob(pattern))
