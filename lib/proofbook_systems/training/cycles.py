"""What each start of an interrupted training did, and what became of all of them.

Knows nothing of processes.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from proofbook_systems.training.comparison import stitch
from proofbook_systems.training.controls import Control
from proofbook_systems.training.layouts import Checkpoint
from proofbook_systems.training.plans import Interruption
from proofbook_systems.training.running import Ended
from proofbook_systems.training.steps import Step, last_step

__all__ = ["Cycle", "Interrupted"]


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One start, and how it was interrupted."""

    interruption: Interruption
    ended: Ended
    reached: int
    """The last step that was told before it ended."""
    signalled: int
    """The last step that was told when the signal was sent."""
    happened: bool
    """Whether the signal ended it."""
    met: int | None = None
    """The step of the checkpoint that it was writing then; None where none was cut off."""
    checkpoints: list[int]
    """The whole ones that were on the disk then, as they are called."""
    made_at: Mapping[int, int] = field(default_factory=dict)
    """Their steps, where they are called by something else; 0 is not known."""
    resumed_at: int | None = None
    """The step that the next start went on from."""
    unknown: str = ""
    """Why nothing tells that, where nothing can."""
    partly_told: int | None = None
    """The step whose loss the next start may tell as a mean of fewer steps, which is left out."""
    weights_of: int | None = None
    """The step whose weights the next start had, where they were seen and it tells another one."""

    @property
    def lost(self) -> int | None:
        """Steps that had to be made again; its weights tell them where it counts steps anew."""
        at = self.resumed_at if self.weights_of is None else self.weights_of
        return None if at is None else max(0, self.reached - at)

    @property
    def polite(self) -> bool:
        """Whether it was asked to end, and not killed."""
        return self.interruption.signum != signal.SIGKILL

    @property
    def missed(self) -> bool:
        """Whether it was to be hit while it wrote a checkpoint, and none was cut off."""
        return self.interruption.writing and self.met is None

    @property
    def newest(self) -> int:
        """The step of the newest checkpoint that the next start has to go on from.

        0 where there was none, or where it is not known.
        """
        return self.made_at.get(self.newest_called, self.newest_called)

    @property
    def newest_called(self) -> int:
        """The number in that checkpoint's name; 0 where there was none.

        One that was being written does not count, even if a part of it was whole; one whose save
        was over does.
        """
        met = self.met
        return max((each for each in self.checkpoints if met is None or each < met), default=0)

    @property
    def saved_steps(self) -> list[int]:
        """The steps of the whole checkpoints, as far as they are known."""
        steps = (self.made_at.get(number, number) for number in self.checkpoints)
        return [step for step in steps if step or not self.made_at]

    @property
    def words(self) -> str:
        """What happened, in a line."""
        if not self.happened:
            return (
                f"{self.interruption.words}: the trainer went on from step {self.signalled} to "
                f"step {self.reached}"
            )
        other = "" if self.met in (None, self.interruption.step) else f"; it was writing {self.met}"
        save = "; no save was cut off: it was missed" if self.missed else other
        part = f"; the loss at step {self.partly_told} may be that of fewer steps: not compared"
        at = "an unknown step" if self.unknown else self.resumed_at
        return (
            f"{self.interruption.words}: ended after step {self.reached} ({self.ended.state}), "
            f"resumed at {at}{save}{part if self.partly_told is not None else ''}"
        )

    def allowed(self, *, saves_on_signal: bool) -> int:
        """Return how many steps may be lost: those since the newest whole checkpoint.

        Args:
            saves_on_signal: Whether the trainer promises to save on SIGINT and SIGTERM, after which
                it may lose none.
        """
        if saves_on_signal and self.polite:
            return 0
        return max(0, self.reached - self.newest)


@dataclass(frozen=True, kw_only=True)
class Interrupted:
    """A training that was interrupted and resumed to its end."""

    cycles: list[Cycle]
    last: Ended
    """The start that came to the end."""

    @property
    def starts(self) -> list[Ended]:
        """All starts, in order."""
        return [*(cycle.ended for cycle in self.cycles), self.last]

    @property
    def cut(self) -> frozenset[int]:
        """The steps of the checkpoints that were being written when it was interrupted."""
        return frozenset(cycle.met for cycle in self.cycles if cycle.met is not None)

    @property
    def why_not(self) -> str:
        """What to say where the last start did not come to its end."""
        if not self.cycles:
            return "started"
        last = self.cycles[-1]
        lacks = "" if last.checkpoints else "; no whole checkpoint was on the disk then"
        return f"resumed after {last.words}{lacks}"

    def why_anew(self, control: Control) -> str:
        """Say that every resumption began again with the first step; empty where one did not.

        A trainer that starts over comes to the same end, and has resumed nothing.
        """
        first = control.ended.steps[0].number
        later = zip(self.cycles, self.starts[1:], strict=False)
        if not self.cycles or any(
            cycle.resumed_at or (ended.steps and ended.steps[0].number > first)
            for cycle, ended in later
        ):
            return ""
        last = self.cycles[-1]
        if last.checkpoints:
            return f"{last.words}: it begins again beside a whole checkpoint"
        saved = [each for each in control.save_ranges if each.earliest <= last.signalled]
        surely = max((each.latest for each in saved if each.latest <= last.signalled), default=0)
        if surely:
            return f"{last.words}: it begins again, though weights were saved after step {surely}"
        steps = f"{saved[0].earliest} and {saved[0].latest}" if saved and saved[0].latest else ""
        perhaps = f", though left alone it saves between the steps {steps}" if steps else ""
        begins = f"{last.words}: it begins again, and no checkpoint was recognised before{perhaps}"
        return f"{begins}; give checkpoints, or interrupt it later"

    def most_kept(self, control: Control) -> int:
        """Return how many checkpoints may be left where the trainer removes older ones.

        It removes one where it saves one. A start that saves none leaves what an interrupted save
        before it has left: the new one, and the oldest not yet gone. Who notes in a checkpoint
        which others there are, as Lightning does, never removes that one.
        """
        cut, resumed = 0, set[int]()
        for cycle in self.cycles:
            cut += len({*cycle.checkpoints} - resumed) > control.keeps
            resumed.add(cycle.newest_called)
        made = [step.number for step in self.last.steps]
        saved = made and any(
            made[0] <= each.earliest and each.latest <= made[-1] + 1
            for each in control.save_ranges
        )  # fmt: skip
        return control.keeps + max(cut, 0 if saved else 1)

    def kept(self, control: Control, listed: Sequence[Checkpoint]) -> list[Checkpoint]:
        """Return the checkpoints that are left, without old ones that a start went on from.

        A trainer may keep these by right, as Lightning does, so that it can be resumed again.
        """
        old, newest = listed[: -control.keeps or None], listed[-control.keeps or None :]
        resumed = {cycle.newest_called for cycle in self.cycles}
        return [*(each for each in old if each.step not in resumed), *newest]

    def untold(self, control: Control) -> frozenset[int]:
        """Return the steps that a start had made, as its checkpoint shows, and had not told yet.

        What a program has not written when it is killed is lost.
        """
        first, told, found = control.numbering.first, control.numbering.first - 1, set[int]()
        for cycle in self.cycles:
            made = cycle.newest if control.counts_steps else 0
            if control.tells_late:
                made = cycle.resumed_at or made
            told = max(told, last_step(cycle.ended.steps))
            found.update(range(told + 1, made + first))
            told = max(told, made + first - 1)
        return frozenset(found)

    @property
    def steps(self) -> list[Step]:
        """Every step, as it was made last."""
        return stitch([ended.steps for ended in self.starts])
