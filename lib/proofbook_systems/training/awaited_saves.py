"""Waits for a checkpoint on the disk, where a training tells its steps too late to be followed.

Knows nothing of processes.
"""

from __future__ import annotations

from collections.abc import Sequence

from proofbook_systems.training.controls import Control
from proofbook_systems.training.layouts import Checkpoint
from proofbook_systems.training.met_saves import is_over, mark
from proofbook_systems.training.plans import Interruption

__all__ = ["AwaitedSave", "FirstSave", "LaterSaves", "why_no_moment"]

_ADVICE = (
    "have it print each step when it is made, save more often, or plan fewer interruptions, or "
    "'SIGKILL at 3.5 s'"
)


class FirstSave:
    """The first whole checkpoint of a training, waited for beside its steps.

    A checkpoint that is written in the background may be whole some steps after its own, and
    steps tell nothing of one that was seen late.

    Args:
        control: The training left alone: it tells what a checkpoint has.
    """

    def __init__(self, control: Control) -> None:
        self._control, self._marks, self._is_there = control, mark([]), False

    def is_there(self, listed: Sequence[Checkpoint]) -> bool:
        """Say whether one of these is whole; they are read where they are not those of before."""
        marks = mark(listed)
        if marks != self._marks:
            self._marks, self._is_there = marks, any(map(self._control.is_whole, listed))
        return self._is_there


class LaterSaves:
    """The saves that may still be met: after the last one there may be nothing left to resume.

    Args:
        control: The training left alone.
        step: From which on one is to be met.
    """

    def __init__(self, control: Control, step: int) -> None:
        self._control = control
        numbers = [save.number for save in control.saves]
        useful = numbers[:-1]
        if control.counts_steps:
            useful = [each for each in numbers if each < control.total]
        self._last = useful[-1] if useful and min(numbers) > 0 else 0
        self._tries = max(1, len(numbers) - 1 - control.save_before(step))

    def are_over(self, reached: int, listed: Sequence[Checkpoint]) -> bool:
        """Say whether there is none left, when one more was missed.

        Args:
            reached: The last step that is told.
            listed: The checkpoints that are there.
        """
        self._tries -= 1
        if not self._control.tells_late and reached >= self._control.last_save_step - 1:
            return True
        if self._last:
            return max((each.step for each in listed), default=0) >= self._last
        return self._control.tells_late and self._tries <= 0


class AwaitedSave:
    """The save of one start that is waited for, as a training left alone has made it.

    A start that has its checkpoint already, and those of later saves, waits for the next one.

    Args:
        control: The training left alone.
        step: The save is the last one up to that step, or the first; or the one before it.
        there: The checkpoints that were there before the start.
        before: Whether to wait for the save before that one, since it is the one to be met.
    """

    def __init__(
        self, control: Control, step: int, there: Sequence[Checkpoint], *, before: bool = False
    ) -> None:
        self._control, self._marks = control, mark(there)
        numbers = [save.number for save in control.saves]
        place, newest = control.save_before(step), max((each.step for each in there), default=0)
        self._numbered = all(number > 0 for number in numbers)
        later = [n for n in numbers[place:] if n > newest] if self._numbered else []
        if before:
            later = numbers[place - 1 : place] if place else []
        done = self._numbered and bool(later) and later[0] <= newest
        self.due = before and (done or (not later and control.is_told_by_saves))
        """Whether there is nothing to wait for."""
        self._number = later[0] if later else None
        self._saves_left = place + (0 if before else 1)

    def is_there(self, listed: Sequence[Checkpoint]) -> bool:
        """Say whether that save is over; asked again and again with the checkpoints of then."""
        if self.due:
            return True
        if self._numbered:
            number = self._number
            made = [each for each in listed if number is not None and each.step >= number]
            return is_over(self._control, self._marks, made)
        if is_over(self._control, self._marks, listed):
            self._saves_left, self._marks = self._saves_left - 1, mark(listed)
        return self._saves_left <= 0


def why_no_moment(control: Control, plan: Sequence[Interruption], *, advice: str = _ADVICE) -> str:
    """Say that a training cannot be interrupted as planned; empty where it can.

    Steps that are told too late tell no moment. Then each interruption needs a save of its own,
    before the last step.
    """
    if control.is_told_in_time:
        return ""
    saves, place = control.saves, -1
    if control.counts_steps:
        saves = [save for save in saves if save.number < control.total]
    for planned in (each.placed(control) for each in plan if each.seconds is None):
        place = max(place + 1, control.save_before(planned.step))
        if place >= len(saves):
            return (
                f"its steps are told when it ends, and {_seen(len(saves), len(control.saves))}: "
                f"nothing tells the moment of {planned.words}; {advice}"
            )
    return ""


def _seen(earlier: int, saves: int) -> str:
    if not saves:
        return "no save of a checkpoint was seen"
    times = {0: "does not save", 1: "saves once"}.get(earlier, f"saves {earlier} times")
    return f"it {times} before its last step"
