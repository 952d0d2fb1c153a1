"""Make a project: a first runbook, a profile, and what runs them on GitHub.

Nothing that is there already is touched: whatever is in the way is told before anything is
written.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import UsageError
from proofbook.extras import known_extras
from proofbook.project import is_project
from proofbook.scaffold.shipped import Shipped, find_shipped

__all__ = ["CreatedProject", "create_project"]

_FILES = Path(__file__).parent / "files"
_MOST_NAMED = 4
_INSTALLED = "pip install proofbook"


class CreatedProject(NamedTuple):
    """What a new project has."""

    files: tuple[Path, ...]
    extras: tuple[str, ...]
    """Extras of Proofbook that its runbooks need."""


def create_project(folder: Path, systems: Sequence[str] = ()) -> CreatedProject:
    """Make a project in ``folder``, with the shipped runbooks of some systems.

    A system whose jobs those of a named one need comes with it. Where a project is there already,
    the runbooks and profiles of the systems are added to it, and no example.

    Raises:
        UsageError: There is no such system, something is in the way, or the folder cannot be
            written; nothing is left of it.
    """
    shipped = find_shipped(systems) if systems else None
    extras = sorted(known_extras() & set(shipped.systems)) if shipped else []
    adding = shipped is not None and is_project(folder)
    contents = {} if adding else _example(shipped, extras)
    if shipped:
        for path in shipped.files():
            contents[path.relative_to(shipped.root).as_posix()] = path.read_bytes()
    files = {folder / name: content for name, content in contents.items()}
    _refuse_obstacles(files)
    _write(files)
    return CreatedProject(tuple(files), tuple(extras))


def _example(shipped: Shipped | None, extras: Iterable[str]) -> dict[str, bytes]:
    return {
        "runbooks/example/hello.ipynb": _read("hello.ipynb"),
        "parameters/tiny.yaml": _read("tiny.yaml") + (shipped.tiny() if shipped else b""),
        "outputs/.gitignore": _read("outputs.gitignore"),
        ".github/workflows/proofbook.yml": _workflow(extras),
    }


def _read(name: str) -> bytes:
    return (_FILES / name).read_bytes()


def _workflow(extras: Iterable[str]) -> bytes:
    text = _read("workflow.yml").decode()
    if names := ",".join(extras):
        text = text.replace(_INSTALLED, f"pip install 'proofbook[{names}]'")
    return text.encode()


def _refuse_obstacles(files: Collection[Path]) -> None:
    obstacles = {path for path in files if os.path.lexists(path)}
    parents = {parent for path in files for parent in path.parents}
    obstacles |= {parent for parent in parents if parent.exists() and not parent.is_dir()}
    if obstacles:
        first, others = sorted(map(str, obstacles))[:_MOST_NAMED], len(obstacles) - _MOST_NAMED
        more = f" and {others} more" if others > 0 else ""
        raise UsageError(
            f"in the way of a new project: {', '.join(first)}{more}; nothing was written; give "
            "another folder, or move away what is there"
        )


def _write(files: Mapping[Path, bytes]) -> None:
    written: list[Path] = []
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                written.append(path)
                file.write(content)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise UsageError(f"cannot write {path}: {error.strerror}; nothing was left") from error
