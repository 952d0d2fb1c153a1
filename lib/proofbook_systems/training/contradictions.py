"""Do the files of a checkpoint tell the same step? Else one of them is of another time.

Whether steps are counted from 0 or 1 is all the same, as long as all files count alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from proofbook.errors import SubjectError
from proofbook_systems.training.layouts import Checkpoint
from proofbook_systems.training.states import can_read, read_states

__all__ = ["find_contradictions"]

_COUNTERS = ("global_step", "iter_num")
"""What is called so in two files is the same thing; ``step`` is many things."""


def find_contradictions(checkpoints: Iterable[Checkpoint]) -> list[str]:
    """Return the checkpoints of which two files tell different steps, in words."""
    found = []
    for checkpoint in checkpoints:
        for counter in _COUNTERS:
            told = dict(_told(checkpoint, counter))
            if len(set(told.values())) > 1:
                words = ", and ".join(f"{name} says {value}" for name, value in told.items())
                found.append(f"{checkpoint.path.name}: of {counter} {words}")
    return found


def _told(checkpoint: Checkpoint, counter: str) -> Iterator[tuple[str, int]]:
    for path in filter(can_read, checkpoint.files):
        try:
            value = read_states(path).get(counter)
        except SubjectError:
            continue  # told where its files are compared
        if isinstance(value, int) and not isinstance(value, bool):
            yield path.name, value
