"""Find the project: the folder that holds ``runbooks/`` and ``parameters/``.

Knows nothing about what is in them. No command works on a project that it was not started in.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from proofbook.errors import UsageError

__all__ = ["Project", "find_project", "is_project", "nearest_project"]


@dataclass(frozen=True)
class Project:
    """A folder with runbooks, profiles and outputs."""

    root: Path

    @property
    def runbooks(self) -> Path:
        """``runbooks/<system>/<name>.ipynb``."""
        return self.root / "runbooks"

    @property
    def parameters(self) -> Path:
        """``parameters/<profile>.yaml``."""
        return self.root / "parameters"

    @property
    def outputs(self) -> Path:
        """``outputs/<run-id>/``."""
        return self.root / "outputs"

    def runbook(self, name: str) -> Path:
        """Return the file of the runbook ``<system>/<name>``; it may not exist."""
        return self.runbooks / f"{name}.ipynb"


def find_project(start: Path) -> Project:
    """Return the nearest project at or above ``start``, or the one that PROOFBOOK_PROJECT names.

    Raises:
        UsageError: There is none.
    """
    if named := os.environ.get("PROOFBOOK_PROJECT"):
        folder = Path(named).resolve()
        if not is_project(folder):
            raise UsageError(
                f"PROOFBOOK_PROJECT names {folder}, which has no runbooks/; unset it, or make a "
                f"project there: proofbook init {folder}"
            )
        return Project(folder)
    project = nearest_project(start)
    if project is None:
        raise UsageError(
            f"{start.resolve()} is not in a project: neither it nor a folder above it has "
            "runbooks/ with runbooks in it; make a project with: proofbook init"
        )
    return project


def nearest_project(start: Path, *, outside: Iterable[Path] = ()) -> Project | None:
    """Return the nearest project at or above ``start``, if there is one.

    Args:
        start: A folder.
        outside: Folders that were received: what is in them is nobody's project here.
    """
    start, received = start.resolve(), [folder.resolve() for folder in outside]
    own = (
        folder
        for folder in (start, *start.parents)
        if not any(folder.is_relative_to(each) for each in received)
    )
    return next((Project(folder) for folder in own if is_project(folder)), None)


def is_project(folder: Path) -> bool:
    """Say whether a folder has runbooks, or has a place for them and for profiles.

    A folder ``runbooks/`` alone is none: elsewhere it holds other instructions than notebooks.
    """
    runbooks = folder / "runbooks"
    if not runbooks.is_dir():
        return False
    return (folder / "parameters").is_dir() or next(runbooks.rglob("*.ipynb"), None) is not None
