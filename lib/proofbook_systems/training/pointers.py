"""Was the newest save over? Of what it has left, and of files that end each one: ``last.ckpt``.

Who resumes from such a file takes the save before, by right, where it was stopped between the two.
Knows nothing of what is in them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from proofbook_systems.training.controls import Control
from proofbook_systems.training.layouts import Checkpoint, checkpoint_of, step_in_name

__all__ = ["torn_save", "unfinished_save"]


def unfinished_save(control: Control, output: Path, listed: Sequence[Checkpoint]) -> int | None:
    """Return the number of the newest whole checkpoint whose save was not over; None if it was.

    Args:
        control: The training left alone: it shows which files are written last in each save.
        output: The folder of another one, which was stopped.
        listed: The checkpoints in it.
    """
    numbered = [each for each in listed if each.step > 0 and control.is_whole(each)]
    if not numbered:
        return None
    newest = max(numbered)
    made = max((path.stat().st_mtime_ns for path in newest.files), default=0)
    for place in _last_written(control):
        path = output / place
        if not os.path.lexists(path) or path.lstat().st_mtime_ns < made:
            return newest.step
    return None


def torn_save(control: Control, listed: Sequence[Checkpoint]) -> int | None:
    """Return the number of the newest checkpoint where it is not whole; None where it is.

    Args:
        control: The training left alone: it shows what a checkpoint has, and which there are.
        listed: Those of another one, which was stopped.
    """
    numbered = [each for each in listed if each.step > 0]
    newest = max(numbered, default=None)
    if newest is None or newest.step not in control.saved or control.is_whole(newest):
        return None
    return newest.step


def _last_written(control: Control) -> list[str]:
    """Return the places without a number that were written anew after each numbered checkpoint."""
    saves: list[tuple[str, set[str]]] = []
    for change in control.changes:
        unit = checkpoint_of(change.place)
        if unit is None or change.kind not in ("created", "closed", "moved here"):
            continue
        if step_in_name(unit.rpartition("/")[2]) is None:
            saves[-1:] = [(name, {*others, unit}) for name, others in saves[-1:]]
        elif not saves or saves[-1][0] != unit:
            saves.append((unit, set()))
    return sorted(set[str].intersection(*(others for _, others in saves))) if saves else []
