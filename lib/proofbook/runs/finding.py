"""Find the runs under ``outputs/``.

A run whose ``run.json`` cannot be read hides no other run: it is left out, and named once.
"""

from __future__ import annotations

import functools
import logging
import os
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from proofbook.errors import RunFolderError
from proofbook.records import RunInfo
from proofbook.runs.folder import RunFolder

__all__ = ["find_run", "iter_runs", "next_stamp", "read_runs", "run_folders", "warn_once"]

_STAMP, _STAMPED = "%Y%m%d-%H%M%S", re.compile(r"\d{8}-\d{6}-")
_log = logging.getLogger("proofbook.runs")


def next_stamp(outputs: Path, moment: datetime) -> str:
    """Return what the name of a new run begins with: its time, or a second after the last run's.

    So a run's name follows those of the runs before it, also where two begin in one second or the
    clock was set back: ``latest`` and the history go by names.
    """
    stamp = f"{moment:{_STAMP}}"
    last = max((run.path.name[:15] for run in run_folders(outputs) if _is_stamped(run)), default="")
    if last < stamp:
        return stamp
    try:
        return f"{datetime.strptime(last, _STAMP) + timedelta(seconds=1):{_STAMP}}"
    except (ValueError, OverflowError):  # no time; somebody named a folder so
        return stamp


def _is_stamped(run: RunFolder) -> bool:
    return _STAMPED.match(run.path.name) is not None


def run_folders(outputs: Path, *, with_file: str = "run.json") -> Iterator[RunFolder]:
    """Yield all runs under ``outputs``, unreadable ones too, the newest first by name.

    Raises:
        PermissionError: The folder itself cannot be read.
    """
    try:
        with os.scandir(outputs) as entries:  # what is a folder is known without its rights
            names = [entry.name for entry in entries if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in sorted(names, reverse=True):
        if _may_hold(outputs / name / with_file):
            yield RunFolder(outputs / name)


def _may_hold(file: Path) -> bool:
    """Say whether a file is there; a folder that nobody may look into may hold any."""
    try:
        return file.exists()
    except PermissionError:
        return True


def read_runs(outputs: Path, *, with_file: str = "run.json") -> Iterator[tuple[RunFolder, RunInfo]]:
    """Yield the runs under ``outputs`` with their ``run.json``, the newest first by name.

    ``with_file`` narrows them to the runs whose folder holds a file of this name.
    """
    for run in run_folders(outputs, with_file=with_file):
        try:
            info = run.read_info()
        except RunFolderError as error:
            warn_once(f"left out: {error}")
        else:
            yield run, info


def iter_runs(outputs: Path) -> Iterator[RunFolder]:
    """Yield the runs under ``outputs``, the newest first by name."""
    for run, _ in read_runs(outputs):
        yield run


def find_run(outputs: Path, name: str = "latest", profile: str | None = None) -> RunFolder:
    """Return the run called ``name``: a folder, a run id, the beginning of one, or ``latest``.

    ``profile`` narrows ``latest`` to the runs of one profile.

    Raises:
        RunFolderError: There is none, or more than one.
    """
    if not name.strip():
        # Every id begins with nothing: an unset variable of a script would name whatever is there.
        raise RunFolderError("an empty name names no run; give an id, a folder, or latest")
    if (Path(name) / "run.json").is_file():
        return RunFolder(Path(name).resolve())
    if name == "latest":
        return _latest(outputs, profile)
    paths = sorted(run.path for run in run_folders(outputs))
    matching = [path for path in paths if path.name.startswith(name)]
    exact = [path for path in matching if path.name == name]
    if len(exact or matching) == 1:
        return RunFolder((exact or matching)[0].resolve())
    if matching:
        raise RunFolderError(
            f"{len(matching)} runs in {outputs} begin with {name!r}; give more of the name"
        )
    known = ", ".join(path.name for path in paths[:-4:-1]) or "there is none"
    raise RunFolderError(f"no run {name!r} in {outputs}; the latest: {known}")


@functools.cache
def warn_once(message: str) -> None:
    """Log a warning of one line, once in the life of this process."""
    _log.warning("%s", " ".join(message.split()))


def _latest(outputs: Path, profile: str | None) -> RunFolder:
    wanted = None if profile is None else Path(profile).stem
    for run, info in read_runs(outputs):
        if wanted in (None, info.profile):
            return RunFolder(run.path.resolve())
    which = "run" if wanted is None else f"run of profile {wanted!r}"
    raise RunFolderError(f"there is no {which} in {outputs}; make one: proofbook run")
