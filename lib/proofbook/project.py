"""Find the project: the folder that holds ``runbooks/`` and ``parameters/``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Project", "find_project"]


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
    """Return the nearest project at or above ``start``, else the one this package came with.

    ``PROOFBOOK_PROJECT`` names another. Where there is none at all, ``start`` itself is taken.
    """
    if named := os.environ.get("PROOFBOOK_PROJECT"):
        return Project(Path(named).resolve())
    start = start.resolve()
    beside_package = Path(__file__).resolve().parents[2]
    for folder in (start, *start.parents, beside_package):
        if (folder / "runbooks").is_dir() and (folder / "parameters").is_dir():
            return Project(folder)
    return Project(start)
