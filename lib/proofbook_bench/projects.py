"""Small projects to measure: a temporary folder with notebooks, profiles and sockets of its own.

Whatever runs in one shares no forkserver, no output and no record with the project around it. Knows
nothing about what is measured.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook.notebooks import read_runbook
from proofbook.processes import TemporaryFolder
from proofbook.project import find_project
from proofbook_bench.commands import clean_environment, find_command, run_command

__all__ = ["Bench", "open_bench", "runbook_defaults", "warm_forkserver"]

_LONGEST_RUNTIME = 60
_FORKSERVER_IDLE = "120"
_LONGEST_START = 300.0


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A project that lives as long as this process."""

    root: Path
    """Holds ``runbooks/``, ``parameters/`` and ``outputs/``."""
    runtime: Path
    """Holds the sockets of everything that runs in it."""

    @property
    def outputs(self) -> Path:
        """Where its runs go."""
        return self.root / "outputs"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its commands, without what belongs to a surrounding run."""
        return clean_environment(
            os.environ, PROOFBOOK_PROJECT=str(self.root), XDG_RUNTIME_DIR=str(self.runtime)
        )

    def add_notebook(self, name: str, sources: Sequence[str], parameters: str = "") -> Path:
        """Write the runbook ``bench/<name>``: a parameters cell, then a cell for each source."""
        path = self.root / "runbooks" / "bench" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        cells = [_cell(0, parameters, "parameters")]
        cells += [_cell(number, source) for number, source in enumerate(sources, 1)]
        path.write_text(json.dumps(_notebook(cells), indent=1), encoding="utf-8")
        return path

    def add_profile(self, name: str, jobs: Sequence[Mapping[str, Any]], **settings: Any) -> Path:
        """Write the profile ``name``; JSON is YAML too."""
        path = self.root / "parameters" / f"{name}.yaml"
        content = {**settings, "jobs": [dict(job) for job in jobs]}
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")
        return path

    def work_folder(self) -> Path:
        """Make an empty folder."""
        return Path(tempfile.mkdtemp(dir=self.root, prefix="work-"))


def open_bench() -> Bench:
    """Make an empty project, which is removed when this process ends."""
    root = _folder_of_this_process()
    for folder in ("runbooks", "parameters", "outputs"):
        (root / folder).mkdir()
    return Bench(root=root, runtime=_runtime_folder(root))


def runbook_defaults(name: str) -> dict[str, Any]:
    """Return the defaults of a runbook of the project that this process works in, by parameter."""
    runbook = read_runbook(find_project(Path.cwd()).runbook(name))
    return {parameter.name: parameter.default for parameter in runbook.parameters.values()}


def _runtime_folder(root: Path) -> Path:
    """Make a folder whose path is short enough for sockets."""
    inside = root / "r"
    if os.name != "posix" or len(os.fsencode(inside)) <= _LONGEST_RUNTIME:
        inside.mkdir(mode=0o700)
        return inside
    return _folder_of_this_process(Path("/tmp"))


def _folder_of_this_process(parent: Path | None = None) -> Path:
    """Make a folder that is gone with this process, though it be killed, as a kernel may be."""
    folder = TemporaryFolder("bench-", parent)
    atexit.register(folder.remove)
    return folder.path


@contextlib.contextmanager
def warm_forkserver(profile: str, env: Mapping[str, str], cwd: Path) -> Iterator[float]:
    """Keep a forkserver with a profile's libraries running; yield the seconds it took to start.

    Args:
        profile: As ``proofbook warm start`` takes it.
        env: Its environment, which its kernels must share.
        cwd: The folder in which the profile is looked for.

    Raises:
        SubjectError: It cannot be started or stopped, or is gone at once.
    """
    words = ["proofbook", "warm", "start", "--profile", profile, "--idle", _FORKSERVER_IDLE]
    try:
        yield _start_forkserver(words, env, cwd)
    finally:
        run_command(["proofbook", "warm", "stop"], env=env, cwd=cwd)


def _start_forkserver(words: Sequence[str], env: Mapping[str, str], cwd: Path) -> float:
    """Start it as a person does, and return the seconds that it took.

    Whatever else is started here is ended with all that it leaves behind; this is what it leaves.
    """
    name, log, status = " ".join(words), cwd / "warm-start.log", cwd / "warm-status.log"
    started = time.perf_counter()
    with log.open("wb") as output:
        done = subprocess.run(
            [find_command(words[0]), *words[1:]], env=env, cwd=cwd, stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, timeout=_LONGEST_START, check=False,
        )  # fmt: skip
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        raise SubjectError(f"{name}: exited with code {done.returncode}; {log.read_text()[-500:]}")
    run_command(["proofbook", "warm", "status"], env=env, cwd=cwd, log=status)
    if not status.read_text().startswith("ready"):
        raise SubjectError(f"{name}: afterwards {status.read_text().strip()}")
    return seconds


def _cell(number: int, source: str, *tags: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": f"cell-{number}",
        "metadata": {"tags": list(tags)} if tags else {},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }


def _notebook(cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "cells": list(cells),
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
