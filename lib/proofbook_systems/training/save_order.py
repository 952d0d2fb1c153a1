"""The order in which a training saves, which tells how far it is where no step is told in time.

A log may be written late, or at the end alone. What a checkpoint's name counts is found out: steps,
or something else that grows with them, such as epochs or tokens. Knows nothing of processes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proofbook_systems.training.layouts import checkpoint_of, is_temporary, step_in_name
from proofbook_systems.training.saving import Change, whole_units

__all__ = [
    "Save", "StepRange", "counts_steps", "find_saves", "last_before", "step_called",
    "told_in_time",
]  # fmt: skip

_SLOWER = 2.0
"""How much longer the last steps may take than those between two saves."""
_SLACK = 0.5
"""Part of the time between the first and the last save that an end may take beside its steps."""


class StepRange(NamedTuple):
    """The steps between which a checkpoint was made; one step where its name tells it."""

    earliest: int
    """The last one that had surely been told before it was seen."""
    latest: int
    """The last one that had been told when it was seen, later on a busy machine."""

    def may_hold(self, step: int) -> bool:
        """Say whether it may be the checkpoint of that step."""
        return self.earliest <= step <= self.latest

    def is_vague(self, stride: int) -> bool:
        """Say whether more than one of the steps that are told lies in it."""
        return self.latest - self.earliest > max(1, stride)

    def moment(self, stride: int) -> int:
        """Return the first step at which it may be the next checkpoint to be made."""
        return min(self.latest, self.earliest + max(1, stride))


class Save(NamedTuple):
    """One time at which a checkpoint of a training left alone was whole."""

    number: int
    """That its name tells, whatever it counts; -1 where it tells none."""
    since: int
    """The last step that had surely been told by then."""
    told: int
    """The last step that was told when it was seen, which may be later on a busy machine."""
    seconds: float
    """Since the start."""
    begun: float = 0.0
    """Since the start, when its first byte was seen."""


def find_saves(changes: Sequence[Change], started: float) -> list[Save]:
    """Return the saves of a training, in order; of several files with one number, the last.

    Args:
        changes: What was seen of its output folder.
        started: When it was started, on the clock of the changes.
    """
    saves: dict[tuple[int, float], Save] = {}
    for unit, change in sorted(whole_units(changes), key=lambda each: each[1].seconds):
        name = unit.rpartition("/")[2]
        number = step_in_name(name) if not name.isdigit() else int(name)
        seconds, known = change.seconds - started, -1 if number is None else number
        save = Save(known, change.since, change.step, seconds)
        saves[(save.number, save.seconds if save.number < 0 else 0.0)] = save
    found = sorted(saves.values(), key=lambda each: each.seconds)
    found = [each for each in found if each.number > 0] or found
    begins = [0.0, *(each.seconds for each in found)]
    return [
        save._replace(begun=_begun(changes, started + after, started + save.seconds) - started)
        for after, save in zip(begins, found, strict=False)
    ]


def _begun(changes: Sequence[Change], after: float, end: float) -> float:
    """Return when the first change of a save was seen: of any checkpoint's, under any name."""
    begins = (
        change.seconds for change in changes
        if after < change.seconds <= end and _is_of_a_save(change.place)
    )  # fmt: skip
    return min(begins, default=end)


def _is_of_a_save(place: str) -> bool:
    return checkpoint_of(place) is not None or any(map(is_temporary, place.split("/")))


def told_in_time(saves: Sequence[Save], live: Iterable[int], last: int) -> bool:
    """Say whether a step before the last one was told by the time of a save, or at any time.

    Args:
        saves: Those of a training left alone; the last one may be that after the last step.
        live: The last step that was told, as it was read again and again while it ran.
        last: The last step of all.
    """
    told = max((save.since for save in saves[:-1]), default=0)
    return last <= 0 or told > 0 or any(0 < step < last for step in live)


def counts_steps(
    saves: Sequence[Save], *, late: bool, total: int, stride: int, seconds: float
) -> bool:
    """Say whether the numbers of checkpoints are those of steps; also where they have none.

    They are where the steps that were told then are near to them, or behind, as a log is that is
    written late. Where none had been told, or it is not known which, the pace tells: epochs would
    need far more time for all steps than the training took, and tokens are more than there are
    steps.

    Args:
        saves: Those of a training left alone.
        late: Whether its steps were told late.
        total: Its last step.
        stride: The distance between two steps that it tells.
        seconds: How long it took.
    """
    numbers = [save.number for save in saves if save.number > 0]
    if not numbers:
        return True
    if numbers[-1] > total + max(1, stride):
        return False
    if not late and (near := _near(saves, max(1, stride))):
        return sum(near) > len(near) / 2
    (first, begun), (last, ended) = (0, 0.0), (numbers[-1], saves[-1].seconds)
    if len(saves) > 1:
        first, begun = numbers[0], saves[0].seconds
    if last <= first:
        return False
    due = (total - last) * (ended - begun) / (last - first)
    return due <= _SLOWER * (seconds - ended) + _SLACK * (ended - begun)


def _near(saves: Sequence[Save], slack: int) -> list[bool]:
    """Say of each save whether its number is near to its step, or ahead; not where it may be."""
    near = [(save.number >= save.told - slack, save.number >= save.since - slack) for save in saves]
    return [surely for surely, perhaps in near if surely == perhaps]


def step_called(saves: Sequence[Save], number: int) -> int:
    """Return the step of a checkpoint that is called by something else, and no later one.

    What is between two saves that were seen, or beyond them, is placed by their distance: tokens
    and epochs grow with the steps. 0 is not known.

    Args:
        saves: Those of a training left alone, whose steps were told in time.
        number: In the checkpoint's name.
    """
    known = {save.number: save.since for save in saves if save.number > 0}
    if number in known or len(known) < 2:
        return known.get(number, 0)
    below = [each for each in known if each < number]
    first, second = sorted(known)[:2] if not below else sorted(known)[-2:]
    if below and max(known) > number:
        first, second = max(below), min(each for each in known if each > number)
    share = (number - first) / (second - first)
    return max(0, math.floor(known[first] + share * (known[second] - known[first])))


def last_before(
    saves: Sequence[Save], step: int, *, total: int, by_steps: bool, seconds: float,
    stride: int = 1,
) -> int:  # fmt: skip
    """Return the place of the last save up to a step, the first one's where there is none.

    Args:
        saves: Those of a training left alone.
        step: As the training counts.
        total: Its last step.
        by_steps: Whether checkpoints are called by steps; else what was told then counts, or the
            times of the saves.
        seconds: How long it took.
        stride: The distance between two steps that it tells.
    """
    at: float = step
    if by_steps and all(save.number > 0 for save in saves):
        done: list[float] = [save.number for save in saves]
    elif any(save.told for save in saves[:-1]):
        done = [StepRange(save.since, save.told).moment(stride) for save in saves]
    else:
        done, at = [save.seconds for save in saves], seconds * step / max(1, total)
    return max(0, sum(each <= at for each in done) - 1)
