"""Which files JupyterLab never changes: those of a run, however they are reached.

A run is what people sign; an autosave would break its seal. Nothing here looks at file modes,
which bind no one who works as root. Knows nothing about Jupyter.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from proofbook.values import printable

__all__ = ["refusal", "run_beneath", "run_of"]

_MARK = "run.json"
_PARTS = ("jobs", "media", "report", "signoffs.jsonl")
"""What else lies in a run's folder; another tool's ``run.json`` makes no run."""


def run_of(path: Path, root: Path) -> Path | None:
    """Return the folder of the run that a path belongs to, through links and ``..``.

    Args:
        path: A file or folder, which may not exist yet.
        root: The project's folder, which itself is no run.
    """
    real, top = path.resolve(), root.resolve()
    return next((each for each in (real, *real.parents) if each != top and _is_run(each)), None)


def run_beneath(folder: Path) -> Path | None:
    """Return a run that would be lost or moved with a folder."""
    if folder.is_symlink() or not folder.is_dir():
        return None
    return next((mark.parent for mark in folder.rglob(_MARK) if _is_run(mark.parent)), None)


def refusal(path: Path, run: Path, root: Path) -> str:
    """Return why a file of a run is not changed, and what to do instead, as one sentence."""
    # JupyterLab cuts a notification after 140 characters.
    job = _job_of(path.resolve(), run)
    name = _name(run, root)
    text = (
        "the record of a run is never changed; work on a copy: "
        f"proofbook lab {shlex.quote(name)} {shlex.quote(job)}"
        if job
        else f"the record of a run is never changed, and {name} is one; save in another folder"
    )
    return printable(" ".join(text.split()))


def _is_run(folder: Path) -> bool:
    return os.path.lexists(folder / _MARK) and any(
        os.path.lexists(folder / part) for part in _PARTS
    )


def _job_of(path: Path, run: Path) -> str:
    parts = path.relative_to(run).parts if path.is_relative_to(run) else ()
    return parts[1] if len(parts) > 1 and parts[0] == "jobs" else ""


def _name(run: Path, root: Path) -> str:
    """Return what the command calls a run: its name, or its path where it lies elsewhere."""
    outputs = (root / "outputs").resolve()
    return run.name if run.parent == outputs else os.path.relpath(run, root.resolve())
