"""Code and data beside a runbook, brought into the folder that its job works in.

In JupyterLab a notebook imports and reads what is in its own folder. A job works in a folder of
the run, so that it writes nothing into the project and no job disturbs another. What is beside
its runbook is therefore brought there: copied, so that the job may change it, or, where that
would be much, linked. Other notebooks and README.md are left out, and hidden files, which
may hold secrets.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

__all__ = ["bring_siblings", "list_siblings", "siblings"]

_MOST_COPIED = 64 * 2**20
"""Bytes of a file or folder that is still copied."""
_MOST_FILES = 1_000
"""Files of a folder that is still copied."""
_MOST_KEPT = 2**20
"""Bytes of a file that stays with the record of the job, though the job did not change it."""

_State = tuple[int, int]
"""Size and time of the last change of a file."""


@contextmanager
def siblings(
    runbook: Path, work: Path, note: Callable[[str], object] = lambda line: None
) -> Iterator[list[Path]]:
    """Bring what is beside ``runbook`` into ``work``; afterwards take links and large copies away.

    ``note`` is told what was brought: what a session in JupyterLab has left comes along. Yields a
    list which, when the block has ended, names the files beside the runbook that were written
    through their links: what the job made of them is not in its own folder.

    Raises:
        OSError: A file can neither be copied nor linked.
    """
    written: list[Path] = []
    entries = bring_siblings(runbook, work)
    if entries:
        note(f"brought from beside the runbook: {', '.join(path.name for path in entries)}\n")
    targets = [path.resolve() for path in entries if path.is_symlink() and path.is_file()]
    before = {path: _state(path) for path in targets}
    copies = {file: _state(file) for path in entries for file in _large_files(path)}
    try:
        yield written
    finally:
        written += [path for path, state in before.items() if _state(path) != state]
        for path, state in copies.items():
            if _state(path) == state:
                path.unlink()
        for path in entries:
            if path.is_symlink():
                path.unlink()


def bring_siblings(runbook: Path, work: Path, *, linked: bool = False) -> list[Path]:
    """Bring what is beside ``runbook`` into ``work``; return what was brought, and not there yet.

    Args:
        runbook: A notebook file.
        work: The folder that a kernel is to work in.
        linked: Link code, so that who works there works on the files beside the runbook.

    Raises:
        OSError: A file can neither be copied nor linked.
    """
    brought = []
    for source, size in _sized(runbook):
        target = work / source.name
        if not os.path.lexists(target):
            _bring(source, target, "large" if linked and _is_code(source) else size)
            brought.append(target)
    return brought


def list_siblings(runbook: Path) -> list[Path]:
    """Return the files and folders beside ``runbook`` that its jobs see."""
    return [path for path, _ in _sized(runbook)]


def _sized(runbook: Path) -> Iterator[tuple[Path, Literal["small", "large"]]]:
    for path in sorted(runbook.parent.iterdir()):
        if not _is_left_out(path) and (size := _size_of(path)) != "other":
            yield path, size


def _is_left_out(path: Path) -> bool:
    is_other = path.suffix == ".ipynb" or path.name in ("README.md", "__pycache__")
    return is_other or path.name.startswith(".")


def _size_of(path: Path) -> Literal["small", "large", "other"]:
    """Say whether an entry may be copied, or is nothing to bring, as other runbooks' folders are.

    A link to a folder, and a folder with links in it, is large: what it holds is not looked at.
    """
    if path.is_file():
        return "small" if path.stat().st_size <= _MOST_COPIED else "large"
    if not path.is_dir():
        return "other"
    size, large = 0, path.is_symlink()
    for number, file in enumerate(() if large else path.rglob("*")):
        if file.suffix == ".ipynb" and ".ipynb_checkpoints" not in file.parts:
            return "other"
        size += file.lstat().st_size
        if number >= _MOST_FILES or size > _MOST_COPIED:
            return "large"
        large = large or file.is_symlink()
    return "large" if large else "small"


def _is_code(path: Path) -> bool:
    return path.suffix == ".py" or any(path.glob("*.py"))


def _bring(source: Path, target: Path, size: Literal["small", "large"]) -> None:
    first, second = (_copy, _link) if size == "small" else (_link, _copy)
    try:
        first(source, target)
    except OSError:
        # Not readable, no room, or a system without links: the other way may still do.
        _remove(target)
        second(source, target)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    else:
        shutil.copy2(source, target)


def _link(source: Path, target: Path) -> None:
    target.symlink_to(source.resolve(), target_is_directory=source.is_dir())


def _remove(target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def _large_files(path: Path) -> Iterator[Path]:
    """Yield the copied files that would only be a burden on the record."""
    if path.is_symlink():
        return
    for file in [path] if path.is_file() else path.rglob("*"):
        if file.is_file() and not file.is_symlink() and file.stat().st_size > _MOST_KEPT:
            yield file


def _state(path: Path) -> _State | None:
    """Return the state of a file, through a link; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
