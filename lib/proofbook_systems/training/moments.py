"""Waits for the moment of an interruption, in a save held between two changes, and interrupts."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from proofbook_systems.training.awaited_saves import AwaitedSave, FirstSave, LaterSaves
from proofbook_systems.training.controls import Control
from proofbook_systems.training.layouts import find_checkpoints
from proofbook_systems.training.met_saves import Marks, MetSave, is_over, mark, step_met
from proofbook_systems.training.plans import Interruption
from proofbook_systems.training.pointers import torn_save, unfinished_save
from proofbook_systems.training.running import Ended, Training
from proofbook_systems.training.saving import SaveWatch
from proofbook_systems.training.trainer import Trainer

__all__ = ["Outcome", "Start"]

_STEPS_OF_GRACE = 10
_PATIENCE = 10.0
_EARLY = 0.7
"""Part of a save's turns in which the moment lies: not all of them are seen."""
_OVER = 0.5
"""Seconds without a change after which a save that had begun is over."""


class Outcome(NamedTuple):
    """What became of one start that was to be interrupted."""

    ended: Ended
    reached: int
    """The last step that was told before it ended."""
    signalled: int
    """The last step that was told when the signal was sent."""
    happened: bool
    """Whether the signal ended it."""
    met: int | None
    """The step of the checkpoint that it was writing then; None where none was cut off."""
    checkpoints: list[int]
    """The whole ones that were on the disk then."""
    late: bool = False
    """Whether the signal proves nothing: it came when the training was at its end."""


class Start:
    """One start that is to be interrupted. Leaving its context ends it."""

    def __init__(
        self, trainer: Trainer, output: Path, log: Path, interruption: Interruption, *, resume: bool
    ) -> None:
        self._interruption, self._log, self._output = interruption, log, output
        self._saves = SaveWatch(output) if interruption.writing else None
        self._start = (trainer, output, log, resume)
        self._met: MetSave | None = None

    def __enter__(self) -> Start:
        if self._saves is not None:
            self._saves.__enter__()
        trainer, output, log, resume = self._start
        self._there = find_checkpoints(output, trainer.checkpoints)
        self._training = Training(trainer, output, log, resume=resume, saves=self._saves)
        return self

    def __exit__(self, *error: object) -> None:
        self._training.__exit__(None, None, None)
        if self._saves is not None:
            self._saves.__exit__(None, None, None)

    def interrupted(
        self, control: Control, timeout: float, chance: random.Random
    ) -> Outcome | Ended:
        """Interrupt it at its moment, and say what happened; or how it ended before that.

        Raises:
            SubjectError: It hangs.
        """
        training, planned = self._training, self._interruption
        if self._wait(control, timeout, chance):
            return training.end(timeout)
        training.hold()  # until the signal is sent, so that it comes at the step that is noted
        signalled = training.reached()
        training.interrupt(planned.signum)
        if planned.signum != signal.SIGKILL:  # which may come later than it would be let go
            training.let_go()  # held, it would take no other signal
        ends = self._ends(control, signalled, timeout)
        ended = training.end(timeout)
        whole = control.whole_steps(training.checkpoints())
        saved = whole if control.counts_steps else []
        reached = _reached(control, [signalled, *(step.number for step in ended.steps)], saved)
        codes = (-planned.signum, 128 + planned.signum)  # that tell of it, as a shell has them
        happened = ends and (reached < control.total or ended.code in codes)
        return Outcome(
            ended=ended,
            reached=reached,
            signalled=signalled,
            happened=happened,
            met=self._step_met(control, signalled),
            checkpoints=whole,
            late=ends
            and self._late(control, signalled, ended, max([reached, *saved]) if happened else None),
        )

    def _step_met(self, control: Control, signalled: int) -> int | None:
        """Return the step of the checkpoint that was cut off; None where the save was over."""
        met, listed = self._met, self._training.checkpoints()
        unfinished = unfinished_save(control, self._output, listed)
        if unfinished is not None:
            return unfinished
        if met is None:
            return torn_save(control, listed)
        if is_over(control, met.before, listed):
            return None
        return step_met(control, met, listed, signalled=signalled, planned=self._interruption.step)

    def _late(self, control: Control, signalled: int, ended: Ended, hit: int | None) -> bool:
        """Say whether the signal proves nothing.

        One that it hit after ``hit`` steps, all of them, and not as planned, has nothing to resume:
        of a save that was missed, too. One that came to its end may have had no time to heed it.
        """
        if hit is not None:
            planned = self._interruption
            if planned.writing:
                return self._step_met(control, signalled) is None and control.total <= hit
            return planned.step < control.total <= hit
        grace = min(_STEPS_OF_GRACE, control.total // 2)
        killed = self._interruption.signum == signal.SIGKILL  # nobody ignores that: it was over
        return ended.code == 0 and (killed or signalled + grace > control.total)

    def _wait(self, control: Control, timeout: float, chance: random.Random) -> bool:
        """Wait until it is time; return whether the training has ended before that."""
        planned = self._interruption
        if planned.seconds is not None:
            return self._training.wait_seconds(planned.seconds, timeout)
        training, step, there = self._training, planned.step, self._there
        if self._saves is None and control.is_told_by_saves:
            awaited = AwaitedSave(control, step, there)
            return training.wait(timeout, lambda: awaited.is_there(training.checkpoints()))
        if self._saves is None:
            return training.wait(timeout, self._until(control, planned))
        before = AwaitedSave(control, step, there, before=True)
        if training.wait(timeout, lambda: self._is_due(control, before)):
            return True
        return self._wait_save(self._saves, control, timeout, chance)

    def _until(self, control: Control, planned: Interruption) -> Callable[[], bool]:
        """Return what says that a step is made: it is told, or else the save before it is there.

        A log that is written in blocks may tell nothing until much later.
        """
        training, saved = self._training, FirstSave(control)
        awaited = (
            AwaitedSave(control, planned.step, self._there) if control.tells_in_blocks else None
        )

        def is_made() -> bool:
            if awaited is not None and awaited.is_there(training.checkpoints()):
                return True
            told = training.reached() >= planned.step
            return told and (not planned.saved or saved.is_there(training.checkpoints()))

        return is_made

    def _is_due(self, control: Control, awaited: AwaitedSave) -> bool:
        """Say whether the planned save is the next one.

        Steps may be told late; the checkpoint before it is on the disk at once.
        """
        planned, training = self._interruption.step, self._training
        # A checkpoint has its name before it is whole.
        in_time = not control.is_told_by_saves
        told = in_time and training.reached() >= planned - control.numbering.stride
        return told or awaited.is_there(training.checkpoints())

    def _wait_save(
        self, saves: SaveWatch, control: Control, timeout: float, chance: random.Random
    ) -> bool:
        """Wait for a random moment between the first byte of a save and its last turn.

        Where one was over too early, the next one is taken, at an earlier moment.
        """
        deadline, aim = time.monotonic() + timeout, control.turns * _EARLY
        left = LaterSaves(control, self._interruption.step)
        while self._training.running and time.monotonic() < deadline:
            # Early turns are the likelier ones: a save whose end was seen too late proves nothing.
            if self._hits(saves, int(aim * chance.random() ** 2), control):
                return False
            if left.are_over(self._training.reached(), self._training.checkpoints()):
                return not self._training.running  # there is no further save: it was missed
            aim /= 2
        return not self._training.running

    def _hits(self, saves: SaveWatch, turns: int, control: Control) -> bool:
        """Hold the training after so many turns of its next save; False where that is over before.

        A small file is written in less time than a signal takes on a busy machine. So the first
        change wakes this process, and from then on the training is held at each.
        """
        training = self._training
        training.hold()
        saves.look(0)  # what was done before now is of an earlier save
        there, first = mark(training.checkpoints()), len(saves.changes)
        training.let_go()
        seen, last, began, hit = 0, 0.0, 0, False
        while training.running:
            if woken := saves.look():
                training.hold()
                for change in [*woken, *saves.look(0)]:
                    last, began = change.seconds, began or training.reached() + 1
                    hit = hit or seen >= turns
                    seen += change.kind != "written"
                if hit and not is_over(control, there, training.checkpoints()):
                    self._met = MetSave(there, tuple(saves.changes[first:]))
                    return True
                training.let_go()
            quiet = last and time.monotonic() - last > _OVER
            if hit or quiet or (last and self._is_past(control, there, began)):
                return False
        return False

    def _is_past(self, control: Control, there: Marks, began: int) -> bool:
        """Say whether the training has gone on since a save: a step tells it, or the checkpoint."""
        if control.is_told_by_saves:
            return is_over(control, there, self._training.checkpoints())
        return self._training.reached() > began

    def _ends(self, control: Control, signalled: int, timeout: float) -> bool:
        """Wait for the end after a signal; False, and end it, where it goes on or hangs."""
        training = self._training
        first = max((each.latest for each in control.save_ranges[:1]), default=0)
        grace = max(_STEPS_OF_GRACE, control.total // 10, first)
        started = time.monotonic()

        def goes_on() -> bool:
            waited = time.monotonic() - started
            far = training.reached() > signalled + grace
            return waited > timeout or (far and waited > _PATIENCE)

        if training.wait(2 * timeout, goes_on):
            return True
        training.interrupt(signal.SIGKILL)
        return False


def _reached(control: Control, told: Sequence[int], whole: Sequence[int]) -> int:
    """Return the last step that was made: of a log that is written late, a checkpoint's.

    Steps may be told from 0, and checkpoints called from 1.
    """
    last, saved = max(told), max(whole, default=0)
    return saved if saved > last + control.numbering.stride else last
