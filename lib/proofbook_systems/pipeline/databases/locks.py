"""Hold the write lock of databases while stages of a pipeline run.

The lock is this process's own, taken as any writer takes it (BEGIN IMMEDIATE): others may read.
While it is held nothing here may open or copy the files: by fcntl(2) a process loses its locks on
a file as soon as it closes any descriptor of that file.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from proofbook.processes import process_tree
from proofbook_systems.pipeline.stages import StageRun, run_stage
from proofbook_systems.pipeline.workspace import Workspace

__all__ = ["Locked", "openers", "run_under_lock"]

_POLL = 0.01
_SETTLE = 0.15
"""Seconds that a program gets between opening a database and beginning to write."""


@dataclass(frozen=True, kw_only=True)
class Locked:
    """Stages that ran while a lock was held."""

    runs: tuple[StageRun, ...]
    held: float
    """Seconds between the first time a stage opened a database and the release."""
    met: int
    """How many stages had a database open while the lock was held."""
    outlasted: bool
    """Whether a stage still waited when the lock was released."""


def run_under_lock(
    workspace: Workspace,
    stage: str,
    turns: Sequence[str],
    paths: Sequence[Path],
    *,
    seconds: float,
    gate: bool = False,
) -> Locked:
    """Start a stage for each film at once, while the write lock of the databases is held.

    Args:
        workspace: Where.
        stage: Which.
        turns: For which films.
        paths: The databases.
        seconds: How long the lock is held after a database was first opened.
        gate: Release it as soon as every stage has opened one: all then write at once.

    Raises:
        SubjectError: The stage cannot be started.
    """
    with ThreadPoolExecutor(len(turns)) as pool:
        with _held(paths):
            futures = [pool.submit(run_stage, workspace, stage, turn) for turn in turns]
            held, met = _watch(futures, paths, seconds, gate)
            outlasted = not all(future.done() for future in futures)
        runs = tuple(future.result() for future in futures)
    return Locked(runs=runs, held=held, met=met, outlasted=outlasted)


def _watch(
    futures: Sequence[Future[StageRun]], paths: Sequence[Path], seconds: float, gate: bool
) -> tuple[float, int]:
    """Return how long the lock was held after the first opening, and for how many stages."""
    met: dict[int, float] = {}
    first = 0.0
    while not all(future.done() for future in futures):
        for pid in openers(paths) - met.keys():
            met[pid] = _own_clock(pid)
            first = first or time.monotonic()
        lived = [_own_clock(pid) - opened for pid, opened in met.items()]
        if max(lived, default=0.0) >= seconds:
            break
        if gate and len(met) >= len(futures) and min(lived) >= _SETTLE:
            break
        time.sleep(_POLL)
    return (time.monotonic() - first if first else 0.0), len(met)


def _own_clock(pid: int) -> float:
    """Return the time less the seconds that a process stood ready and got no core.

    On a busy machine a process may open a database and come to write a second later: a lock that
    is gone by then was never met. Without the kernel's schedstat this is the time alone.
    """
    waited = 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        waited = int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
    return time.monotonic() - waited / 1e9


@contextlib.contextmanager
def _held(paths: Sequence[Path]) -> Iterator[None]:
    connections = []
    try:
        for path in paths:
            connections.append(sqlite3.connect(path, timeout=30.0, isolation_level=None))
            connections[-1].execute("BEGIN IMMEDIATE")
        yield
    finally:
        for connection in connections:
            connection.close()


def openers(paths: Sequence[Path]) -> set[int]:
    """Return the processes below this one that have one of the files open; Linux alone tells."""
    own = os.getpid()
    wanted = {os.path.realpath(path) for path in paths}
    return {pid for pid in process_tree([own]) if pid != own and wanted & _open_files(pid)}


def _open_files(pid: int) -> set[str]:
    files = set()
    with contextlib.suppress(OSError):  # it has ended, or the system has no /proc
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                files.add(str(link.readlink()))
    return files
