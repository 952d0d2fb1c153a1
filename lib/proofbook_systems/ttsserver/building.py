"""Build the frozen server in a copy of its sources, so that the checkout stays as it is.

What is built is kept in the cache until the sources, the command or the interpreter change. Starts
no server.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook.caching import cache_root, cached_folder
from proofbook.errors import SubjectError
from proofbook.processes import supervise
from proofbook_systems.ttsserver.interpreters import (
    Interpreter,
    build_environment,
    find_interpreter,
)

__all__ = ["DIST", "Build", "build_kept"]

DIST = Path("backend", "dist")
"""Where a build leaves the program, below the sources."""
_SCRIPT = Path("backend", "build_binary.py")
_NOT_COPIED = {
    ".git", "node_modules", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox",
}  # fmt: skip
_ENVIRONMENTS = ("pyvenv.cfg", "conda-meta")
_KEPT = 3
"""How many builds of one project stay in the cache."""
_TAIL = 5


@dataclass(frozen=True, kw_only=True)
class Build:
    """How a project is built."""

    root: Path
    """Folder of the server's sources; nothing is written into it."""
    programs: Sequence[Path]
    """Where a build may leave the program, below the sources."""
    command: Sequence[str] = ()
    """Empty is ``python backend/build_binary.py``. A text with blanks is read as a shell would."""
    python: str = ""
    """The interpreter or environment; empty looks for the project's own."""
    timeout: float
    """Seconds."""
    log: Path
    """For the build's output."""


def build_kept(build: Build) -> Path:
    """Return a folder that has :data:`DIST` with what the build makes, building it if need be.

    Raises:
        SubjectError: There is nothing to build with, or the build fails.
    """
    interpreter = find_interpreter(build.root, build.python)
    words = _words(build)
    recipe = {
        "root": str(build.root),
        "command": words,
        "python": [str(interpreter.path), *_installed(interpreter)],
        "sources": [[str(name), *marks] for name, marks in _sources(build.root)],
    }
    folder = cache_root() / "ttsserver-builds"
    name = build.root.name or "project"
    kept = cached_folder(
        folder, name, recipe, lambda place: _build(build, words, interpreter, place), thorough=False
    )
    kept.touch()
    _remove_old(folder, name, kept)
    return kept


def _installed(interpreter: Interpreter) -> list[int]:
    """Return times that change when the interpreter does, or a package is installed or removed."""
    packages = sorted(interpreter.environment.glob("[Ll]ib/**/site-packages"))
    return [path.stat().st_mtime_ns for path in (interpreter.path, *packages)]


def _words(build: Build) -> list[str]:
    words = list(build.command)
    if len(words) == 1 and not Path(words[0]).exists():
        words = shlex.split(words[0])
    if words:
        return words
    if not (build.root / _SCRIPT).is_file():
        raise SubjectError(
            f"there is no server in {build.root} and no {build.root / _SCRIPT} to build one; give "
            "project, binary or build_command"
        )
    return ["python", str(_SCRIPT)]


def _sources(root: Path) -> list[tuple[Path, list[int]]]:
    """Return the files that go into a copy, with their sizes and times."""
    found = []
    for folder, folders, files in os.walk(root):
        place = Path(folder)
        folders[:] = sorted(name for name in folders if not _is_left_out(root, place / name))
        for name in sorted(files):
            status = (place / name).lstat()
            found.append(((place / name).relative_to(root), [status.st_size, status.st_mtime_ns]))
    return found


def _is_left_out(root: Path, folder: Path) -> bool:
    built = folder.relative_to(root) in (DIST, DIST.with_name("build"))
    environment = any((folder / mark).exists() for mark in _ENVIRONMENTS)
    return built or environment or folder.name in _NOT_COPIED


def _build(build: Build, words: list[str], interpreter: Interpreter, place: Path) -> None:
    """Build in a temporary copy, and move what that leaves to ``place``."""
    with tempfile.TemporaryDirectory(prefix="voicebox-build-") as scratch:
        copy = Path(scratch, build.root.name or "project")
        _copy(build.root, copy)
        _run(build, [_moved(word, build.root, copy) for word in words], interpreter, copy)
        if not any((copy / program).is_file() for program in build.programs):
            looked = " or ".join(map(str, build.programs))
            raise SubjectError(
                f"the build ended well but left no server at {looked}; see {build.log}"
            )
        (place / DIST).parent.mkdir(parents=True)
        shutil.move(copy / DIST, place / DIST)


def _copy(root: Path, copy: Path) -> None:
    for name, _ in _sources(root):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target, follow_symlinks=False)
    for folder, folders, _ in os.walk(root):
        folders[:] = [name for name in folders if not _is_left_out(root, Path(folder, name))]
        (copy / Path(folder).relative_to(root)).mkdir(parents=True, exist_ok=True)
    (copy / DIST).mkdir(parents=True, exist_ok=True)
    if (root / ".git").is_dir():
        # A file of this form stands for the repository (gitrepository-layout(5)).
        (copy / ".git").write_text(f"gitdir: {root / '.git'}\n")


def _moved(word: str, root: Path, copy: Path) -> str:
    """Return a word of the command that names something in the checkout, as of the copy."""
    inside = word == str(root) or word.startswith(f"{root}{os.sep}")
    return str(copy) + word.removeprefix(str(root)) if inside else word


def _run(build: Build, words: list[str], interpreter: Interpreter, copy: Path) -> None:
    program = str(interpreter.path) if words[0] in ("python", "python3") else words[0]
    build.log.unlink(missing_ok=True)
    with supervise(
        [program, *words[1:]], log=build.log, name=f"the build ({words[0]})", cwd=copy,
        env=build_environment(interpreter, copy.parent), folders=[copy.parent],
    ) as running:  # fmt: skip
        ended = running.wait(build.timeout)
        state, code, tail = running.state, running.exit_code, running.tail(_TAIL)
    if not ended:
        raise SubjectError(
            f"the build took longer than {build.timeout:g} s and was ended; see {build.log}"
        )
    if code != 0:
        last = " / ".join(line.strip() for line in tail.splitlines() if line.strip())
        raise SubjectError(
            f"the build {state}: {last or 'it printed nothing'}; it ran with {interpreter.path} "
            f"({interpreter.origin}); give python, or see {build.log}"
        )


def _remove_old(folder: Path, name: str, kept: Path) -> None:
    builds = sorted(folder.glob(f"{name}-????????????"), key=lambda path: path.stat().st_mtime)
    for old in [path for path in builds if path != kept][: -(_KEPT - 1)]:
        with contextlib.suppress(OSError):  # another run removes it, too
            shutil.rmtree(old)
