"""What a run was made with: the commit, the interpreter, the packages."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import NamedTuple

__all__ = ["Commit", "read_commit", "read_environment"]

_PACKAGES = (
    "accelerate",
    "diffusers",
    "ipykernel",
    "nbclient",
    "numpy",
    "papermill",
    "proofbook",
    "scrapbook",
    "torch",
    "transformers",
)


_GIT_SECONDS = 60.0


class Commit(NamedTuple):
    """The project's commit; empty and None where it is no git checkout."""

    id: str
    dirty: bool | None
    """None where git did not say: no answer does not mean that nothing was changed."""


def read_commit(folder: Path) -> Commit:
    """Return the commit that ``folder`` is at, and whether it has uncommitted changes."""
    head = _git(folder, "rev-parse", "HEAD")
    if not head:
        return Commit("", None)
    status = _git(folder, "status", "--porcelain")
    return Commit(head, None if status is None else bool(status))


def read_environment() -> dict[str, str]:
    """Return the versions of Python, the platform and the packages that matter."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git answers, or None where it gives no answer, or none in time."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
