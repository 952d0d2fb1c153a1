"""A snapshot of the environment, to be kept with the results that it produced.

Holds the names of environment variables and never their values.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from proofbook import hardware
from proofbook_systems.environment.interpreters.interpreter import Interpreter
from proofbook_systems.environment.packages.installed import Dependency

__all__ = ["Snapshot", "take_snapshot", "write_snapshot"]

_GIT_TIMEOUT = 60.0


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What a result depends on, as it was at one moment."""

    time: str
    """ISO 8601, UTC."""
    python: str
    """Version of the project's interpreter; empty where it has none."""
    executable: str
    """That interpreter."""
    found: str
    """How it was found."""
    platform: str
    hardware: dict[str, float | str]
    packages: dict[str, str]
    """All that is installed in that interpreter, with its version."""
    conda: dict[str, str]
    dependencies: tuple[Dependency, ...]
    """What the project declares, with the status of each package there."""
    folder: str
    commit: str
    """Commit that is checked out in ``folder``; empty where there is none."""
    dirty: bool | None
    """Whether files differ from the commit; None where there is none."""
    variables: tuple[str, ...]
    """Names of the environment variables that are set."""


def take_snapshot(
    folder: Path,
    interpreter: Interpreter,
    dependencies: Iterable[Dependency] = (),
    environ: Mapping[str, str] | None = None,
) -> Snapshot:
    """Return the environment of a project as it is now, with the commit checked out in it."""
    commit, dirty = _commit(folder)
    return Snapshot(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        python=interpreter.version,
        executable=interpreter.path,
        found=interpreter.found,
        platform=interpreter.platform or platform.platform(),
        hardware=hardware.describe(folder),
        packages=interpreter.packages,
        conda=dict(interpreter.conda),
        dependencies=tuple(dependencies),
        folder=str(folder.absolute()),
        commit=commit,
        dirty=dirty,
        variables=tuple(sorted(os.environ if environ is None else environ)),
    )


def write_snapshot(snapshot: Snapshot, path: Path) -> Path:
    """Write ``snapshot`` as JSON, making its folder, and return ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(snapshot), indent=1) + "\n", encoding="utf-8")
    return path


def _commit(folder: Path) -> tuple[str, bool | None]:
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return "", None
    status = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit, None if status is None else bool(status)


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git answers, or None where there is no git, no repository or no answer."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
