"""Which save did a signal meet, and was its checkpoint whole by then?

Asked of the output folder, before the save and after the signal, so that neither the plan nor the
count of steps matters: a later save than the planned one may be met, checkpoints may be called by
epochs, and one file may be written again and again. Knows nothing of processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from proofbook_systems.training.controls import Control
from proofbook_systems.training.layouts import Checkpoint, step_in_name
from proofbook_systems.training.saving import ENDS, Change

__all__ = ["Marks", "MetSave", "is_over", "mark", "step_met"]

Marks = Mapping[Path, frozenset[tuple[str, int, int, int]]]
"""What tells the files of each checkpoint from later ones, without a look into them."""


class MetSave(NamedTuple):
    """A save in which a training was held."""

    before: Marks
    """The checkpoints before it."""
    changes: tuple[Change, ...]
    """What was seen of it."""


def mark(checkpoints: Sequence[Checkpoint]) -> Marks:
    """Return what tells whether any of these checkpoints is written again, or is a new one."""
    return {each.path: _marks_of(each) for each in checkpoints}


def is_over(control: Control, before: Marks, listed: Sequence[Checkpoint]) -> bool:
    """Say whether a save has left a whole checkpoint.

    One of several files with the same step is whole with all of them.

    Args:
        control: The training left alone: it tells what a checkpoint has.
        before: Those before the save.
        listed: Those that are there now.
    """
    made = [each for each in listed if _marks_of(each) != before.get(each.path)]
    if not _is_numbered(control):
        return bool(made) and all(map(control.is_whole, made))
    usual = Counter(each.step for each in control.checkpoints if each.step > 0)
    whole = Counter(each.step for each in made if each.step > 0 and control.is_whole(each))
    return max(whole.values(), default=0) >= min(usual.values(), default=1)


def step_met(
    control: Control, met: MetSave, listed: Sequence[Checkpoint], *, signalled: int, planned: int
) -> int | None:
    """Return the step of the checkpoint that a save was to leave, as checkpoints are called.

    Its names tell it, those of temporary files too. Where none does, it is the next after the
    newest whole one, or the next by the steps that were told; None where no other was to come, as
    in the save of a final model.

    Args:
        control: The training left alone.
        met: The save.
        listed: The checkpoints that are there now.
        signalled: The last step that was told.
        planned: What to return where it is not known which steps are saved.
    """
    places = [change.place for change in met.changes if change.kind not in ENDS]
    if named := {_step_in(place) for place in places} & {*control.saved} - {0, -1}:
        return max(step for step in named if step is not None)
    last = signalled - 1
    if _is_numbered(control):
        old = [each for each in listed if _marks_of(each) == met.before.get(each.path)]
        last = max(control.whole_steps(old), default=0)
    steps = [step for step in control.saved if step > 0]
    if not steps and not control.save_ranges:
        return planned
    if not steps:  # it is made after the step that was told, or after the next one
        following = signalled + max(1, control.numbering.stride)
        steps = [min(each.latest, max(each.earliest, following)) for each in control.save_ranges]
    return min((step for step in steps if step > last), default=None)


def _is_numbered(control: Control) -> bool:
    return any(step > 0 for step in control.saved)


def _step_in(place: str) -> int | None:
    steps = (step_in_name(name) for name in place.split("/"))
    return next((step for step in steps if step is not None), None)


def _marks_of(checkpoint: Checkpoint) -> frozenset[tuple[str, int, int, int]]:
    found = set()
    for path in checkpoint.files:
        try:
            status = path.stat()
        except FileNotFoundError:  # it was a temporary one, and is gone
            continue
        found.add((str(path), status.st_ino, status.st_mtime_ns, status.st_size))
    return frozenset(found)
