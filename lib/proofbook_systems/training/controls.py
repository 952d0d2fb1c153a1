"""Uninterrupted trainings, to know what a trainer does when it is left alone.

Where two of them differ, the trainer is not repeatable, and nothing of that is a fault of resuming.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from proofbook.hardware import Gpu
from proofbook_systems.training.comparison import Departure, compare_steps
from proofbook_systems.training.layouts import (
    Checkpoint,
    checkpoint_of,
    find_checkpoints,
    step_in_name,
)
from proofbook_systems.training.numbering import CHECKPOINTS
from proofbook_systems.training.running import Ended, run_training
from proofbook_systems.training.save_order import (
    Save,
    StepRange,
    counts_steps,
    find_saves,
    last_before,
    step_called,
    told_in_time,
)
from proofbook_systems.training.saving import (
    Change,
    SaveWatch,
    can_watch,
    count_turns,
    save_ends,
    save_seconds,
)
from proofbook_systems.training.states import recorded_step
from proofbook_systems.training.steps import Numbering, Step, last_step, numbering_of
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.trees import (
    Comparison,
    Noise,
    compare_trees,
    find_noise,
    is_learnt,
    only_saved,
)
from proofbook_systems.training.wholeness import common_files, is_whole

__all__ = ["Control", "given_control", "repeat", "run_control"]


@dataclass(frozen=True, kw_only=True)
class Control:
    """A training that was left alone, and what a second one says of it."""

    trainer: Trainer
    """As it was started, with what was recognised of its log."""
    output: Path
    ended: Ended
    changes: list[Change] = field(default_factory=list)
    """What was seen of its output folder; empty where nobody watched."""
    again: Ended | None = None
    """The second one."""
    comparison: Comparison = field(default_factory=Comparison)
    """Of their files."""
    departures: list[Departure] = field(default_factory=list)
    """Of their steps."""
    first_differs: str = ""
    """How the very first training differs from these two, which are the same."""

    @property
    def numbering(self) -> Numbering:
        """How it counts its steps."""
        return numbering_of(self.ended.steps)

    @property
    def total(self) -> int:
        """The number of its last step."""
        return last_step(self.ended.steps)

    @property
    def steps(self) -> dict[int, Step]:
        """Its steps by their number."""
        return {step.number: step for step in self.ended.steps}

    @property
    def noise(self) -> Noise:
        """What its files differ in from those of the second one."""
        return find_noise(self.comparison)

    @property
    def turns(self) -> int:
        """How often a file is begun, ended, moved or removed in one save."""
        kept = {path.relative_to(self.output).as_posix() for path in self.output.rglob("*")}
        final = {place for place in kept if checkpoint_of(place) is None}
        return count_turns([change for change in self.changes if change.place not in final])

    @property
    def step_seconds(self) -> float:
        """How long a step takes at the most, on the average."""
        return self.ended.seconds / max(1, self.total)

    @property
    def save_seconds(self) -> float:
        """How long it writes a checkpoint, as far as that was seen."""
        return save_seconds(self.changes)

    @property
    def checkpoints(self) -> list[Checkpoint]:
        """Those that it left."""
        return find_checkpoints(self.output, self.trainer.checkpoints)

    @property
    def saves(self) -> list[Save]:
        """Its saves in order, as far as they were seen."""
        first = self.changes[0].seconds if self.changes else 0.0
        starts = [each.started for each in (self.ended, self.again) if each is not None]
        return find_saves(self.changes, max((s for s in starts if s <= first), default=first))

    @property
    def is_told_in_time(self) -> bool:
        """Whether a step was told while it ran, or a checkpoint's name told it."""
        live = [sample.step for sample in self.ended.memory]
        return not live or self.is_followed or told_in_time(
            self.saves, live, last_step(self.ended.steps)
        )  # fmt: skip

    @property
    def tells_late(self) -> bool:
        """Whether its checkpoints were there before any step was told."""
        return bool(self.saves) and not self.is_told_in_time

    @property
    def tells_in_blocks(self) -> bool:
        """Whether a checkpoint that is called by its step was there long before that was told."""
        slack = 2 * max(1, self.numbering.stride)
        return self.counts_steps and any(save.number > save.told + slack for save in self.saves)

    @property
    def is_told_by_saves(self) -> bool:
        """Whether nothing but its saves tells how far it is while it runs."""
        return self.tells_late or (self.is_followed and bool(self.saves))

    @property
    def is_followed(self) -> bool:
        """Whether its checkpoints are all that tells its steps."""
        found = self.ended.recognised
        return found is not None and found.place == CHECKPOINTS

    @property
    def counts_steps(self) -> bool:
        """Whether the numbers in its checkpoints' names are those of steps."""
        return self.is_followed or not self.saves or counts_steps(
            self.saves, late=self.tells_late, total=last_step(self.ended.steps),
            stride=self.numbering.stride, seconds=self.ended.seconds,
        )  # fmt: skip

    @property
    def save_ranges(self) -> list[StepRange]:
        """Between which steps each of its checkpoints was made, in order.

        A name that counts steps tells it. Else the steps do that were told before a save was seen,
        and when it was: on a busy machine it is seen later than it was made.
        """
        named = [StepRange(step, step) for step in self.saved if step > 0]
        seen = {StepRange(change.since, change.step) for change in save_ends(self.changes)}
        told = [] if self.tells_late else sorted(seen)
        return told if not named or (told and not self.counts_steps) else named

    @property
    def save_count(self) -> int:
        """How many checkpoints it wrote, as far as they were named or seen."""
        return len([step for step in self.saved if step > 0]) or len(save_ends(self.changes))

    @property
    def last_save_step(self) -> int:
        """The step of the last save that another was due after; 0 where none was seen.

        What may have been made before the last step counts as made just before it.
        """
        ranges = self.save_ranges
        early = [min(each.latest, self.total - 1) for each in ranges if each.earliest < self.total]
        return max(early or [each.latest for each in ranges], default=0)

    def step_of(self, number: int) -> int:
        """Return the step of a checkpoint by its number, and no later one; 0 is not known."""
        if self.counts_steps:
            return number
        return 0 if self.tells_late else step_called(self.saves, number)

    def save_before(self, step: int) -> int:
        """Return the place of its last save up to a step, the first one's where there is none."""
        return last_before(
            self.saves, step, total=self.total, by_steps=self.counts_steps,
            seconds=self.ended.seconds, stride=self.numbering.stride,
        )  # fmt: skip

    @property
    def saved(self) -> list[int]:
        """The steps of all checkpoints that it wrote, with those that it removed again."""
        units = {checkpoint_of(change.place) for change in self.changes} - {None}
        steps = {step_in_name(str(unit).rpartition("/")[2]) for unit in units} - {None}
        return sorted({each.step for each in self.checkpoints} | {int(str(s)) for s in steps})

    @property
    def keeps(self) -> int:
        """How many checkpoints it leaves where it has removed older ones; 0 where it keeps all."""
        left = len(self.checkpoints)
        return left if len([step for step in self.saved if step > 0]) > left else 0

    @property
    def files(self) -> frozenset[str]:
        """The files that every checkpoint has; single files are called by their ending."""
        return common_files(self.checkpoints)

    @property
    def not_repeatable(self) -> str:
        """How two uninterrupted trainings differ first, in words; empty where they do not."""
        steps = sorted(self.departures, key=lambda each: each.step or 0)
        learnt = [row for row in self.comparison.having("differs") if is_learnt(row)]
        if steps:
            return f"two uninterrupted trainings differ: {steps[0].words}"
        if learnt:
            words = f"{learnt[0].place}: {learnt[0].words}{only_saved(self.comparison, learnt)}"
            return f"two uninterrupted trainings differ: {words}"
        return ""

    @property
    def repeats(self) -> bool:
        """Whether a second training came to its end, and was the same."""
        return self.again is not None and self.again.code == 0 and not self.not_repeatable

    @property
    def told(self) -> str:
        """What was recognised of its log."""
        found = self.ended.recognised
        if found is not None:
            return found.words
        return "no steps were recognised in what it prints or writes: give log_file or log_pattern"

    @property
    def report(self) -> str:
        """What differs between two uninterrupted trainings, a line each, and what was compared."""
        lines = [departure.words for departure in self.departures]
        if self.first_differs:
            lines.append(f"the first of three makes what is made once: {self.first_differs}")
        return "\n".join([*lines, self.comparison.table])

    def is_repeatable(self, what: str) -> bool:
        """Say whether a sequence of steps was the same twice."""
        found = self.ended.recognised
        if what == "loss" and found is not None and found.is_drawn:
            return False
        return what not in {departure.what for departure in self.departures}

    def whole_steps(self, checkpoints: Sequence[Checkpoint]) -> list[int]:
        """Return the steps of those checkpoints that are whole, in order."""
        whole = [each for each in checkpoints if self.is_whole(each)]
        steps = [each.step if each.step >= 0 else recorded_step(each.path) for each in whole]
        return sorted(step for step in steps if step is not None)

    def is_whole(self, checkpoint: Checkpoint) -> bool:
        """Say whether a checkpoint has what those of this training have, and can be read."""
        return is_whole(checkpoint, self.files)


def run_control(
    trainer: Trainer, output: Path, timeout: float, *, gpu: Gpu | None = None
) -> Control:
    """Train to the end, and note how.

    Args:
        trainer: What is started.
        output: Its folder.
        timeout: Seconds that it may take.
        gpu: A GPU to be watched meanwhile.

    Raises:
        SubjectError: It cannot be started, or hangs.
    """
    output.mkdir(parents=True, exist_ok=True)
    with _watching(output) as saves:
        ended = run_training(trainer, output, timeout, gpu=gpu, saves=saves)
        changes = [*saves.changes] if saves else []
    return Control(
        trainer=_known(trainer, output, ended), output=output, ended=ended, changes=changes
    )


def given_control(
    trainer: Trainer, output: Path, ended: Ended, changes: Sequence[Change] = ()
) -> Control:
    """Return a training that is over, as another one has left it, with what was seen of it."""
    known = _known(trainer, output, ended)
    return Control(trainer=known, output=output, ended=ended, changes=[*changes])


def repeat(control: Control, output: Path, timeout: float) -> Control:
    """Train again, uninterrupted, and return the control with what differs.

    The first training may have made what is made once, such as caches or pictures of the class. So
    where it differs from the second, a third decides: it is compared with the second.

    Raises:
        SubjectError: It cannot be started, or hangs.
    """
    second = run_control(control.trainer, output, timeout)
    compared = _compared(control, second)
    other_length = not compared.is_repeatable("step sequence")
    if second.ended.code != 0 or other_length or not compared.not_repeatable:
        return compared
    third = run_control(control.trainer, output.with_name(f"{output.name}-again"), timeout)
    later = _compared(second, third)
    return replace(later, first_differs=compared.not_repeatable) if later.repeats else compared


def _known(trainer: Trainer, output: Path, ended: Ended) -> Trainer:
    """Return a trainer with what one training of it has shown."""
    files = common_files(find_checkpoints(output, trainer.checkpoints))
    return replace(trainer, recognised=ended.recognised, usual_files=files)


def _compared(control: Control, again: Control) -> Control:
    return replace(
        control, again=again.ended, changes=control.changes or again.changes,
        comparison=compare_trees(again.output, control.output),
        departures=_of_steps(again.ended, control.ended),
    )  # fmt: skip


def _of_steps(again: Ended, alone: Ended) -> list[Departure]:
    """Return where two trainings depart; losses that a clock draws are not compared."""
    found = compare_steps(again.steps, alone.steps)
    is_drawn = alone.recognised is not None and alone.recognised.is_drawn
    return [departure for departure in found if departure.what != "loss" or not is_drawn]


@contextlib.contextmanager
def _watching(output: Path) -> Iterator[SaveWatch | None]:
    """Watch the folder where this system can."""
    if not can_watch():
        yield None
        return
    with SaveWatch(output) as saves:
        yield saves
