"""Crash a training, resume it, and see what each start computed.

Interrupts as :mod:`.interruption` does; each start is watched on its own, and what the first crash
left on the disk is kept for further starts.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.training.comparison import compare_steps
from proofbook_systems.training.controls import Control, run_control
from proofbook_systems.training.interruption import (
    Cycle,
    Interrupted,
    Interruption,
    interrupt_and_resume,
)
from proofbook_systems.training.layouts import find_checkpoints
from proofbook_systems.training.next_batches import updates_with
from proofbook_systems.training.numbering import CHECKPOINTS
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.trees import compare_trees
from proofbook_systems.training.variants import vary
from proofbook_systems.training.watching import Watched, read_watch, watched_trainer

__all__ = [
    "Alone", "Crashed", "Unsaved", "crash_and_resume", "half_left", "saving_changes",
    "torn_by_crash", "watched_control",
]  # fmt: skip


class Alone(NamedTuple):
    """A training that was left alone, and what was seen of its updates."""

    control: Control
    seen: Watched


class Unsaved(NamedTuple):
    """What a training without checkpoints has shown."""

    fault: str
    """How it differs first; empty where it does not."""
    why_not: str
    """Why nothing of it could be compared."""


@dataclass(frozen=True, kw_only=True)
class Crashed:
    """A training that was crashed and resumed to its end."""

    result: Interrupted
    output: Path
    left: Path
    """A copy of its folder as the first crash left it."""
    watched: tuple[Watched, ...]
    """What each start computed, in order."""

    @property
    def resumptions(self) -> list[tuple[Cycle, Watched]]:
        """What each resumption computed, after the crash that it went on from."""
        seen = zip(self.result.cycles, self.watched[1:], strict=True)
        return [(cycle, watched) for cycle, watched in seen if cycle.resumed_at is not None]


def crash_and_resume(
    control: Control, plan: Sequence[Interruption], folder: Path, *, timeout: float, seed: int,
    alone: Watched | None = None,
) -> Crashed:  # fmt: skip
    """Start, interrupt and resume as planned, then resume to the end.

    Args:
        control: The same training left alone.
        plan: One start for each.
        folder: Where all of it goes.
        timeout: Seconds that each start may take.
        seed: Chooses the moments within a save.
        alone: What was seen of the training left alone.

    Raises:
        SubjectError: It hangs, or ends before it was interrupted.
    """
    output, left = folder / "crashed", folder / "left-by-the-crash"

    def prepare(number: int, trainer: Trainer) -> Trainer:
        if number == 1:
            shutil.rmtree(left, ignore_errors=True)
            shutil.copytree(output, left, symlinks=True)
        place = folder / f"watched-{number}"
        shutil.rmtree(place, ignore_errors=True)
        return watched_trainer(trainer, place)

    result = interrupt_and_resume(
        control, output, plan, logs=folder / "starts", timeout=timeout, seed=seed, prepare=prepare
    )
    watched = tuple(read_watch(folder / f"watched-{n}") for n in range(len(result.starts)))
    first, last = control.numbering.first, control.total
    if alone is not None and len(alone.updates) == last - first + 1:  # a step is an update
        result = replace(result, cycles=_with_weights(result.cycles, watched))
    return Crashed(result=result, output=output, left=left, watched=watched)


def _with_weights(cycles: Sequence[Cycle], watched: Sequence[Watched]) -> list[Cycle]:
    """Return crashes with the step whose weights the next start had, if it tells another one."""
    begun, found = [0], list[Cycle]()
    new = watched[0].updates[0].before if watched[0].updates else {}
    for cycle, seen in zip(cycles, watched[1:], strict=True):
        is_new = not seen.updates or seen.updates[0].before == new
        starts = [] if is_new else list(zip(begun, watched, strict=False))
        had = [at + update for at, start in starts for update in updates_with(start, seen)]
        told = cycle.resumed_at
        at = max(
            (step for step in had if step in cycle.saved_steps), default=max(had, default=None)
        )
        weights_of = None if told in had else at
        found.append(replace(cycle, weights_of=weights_of))
        begun.append((told or 0) if weights_of is None else weights_of)
    return found


def watched_control(
    trainer: Trainer, output: Path, seen_in: Path, timeout: float, *, scale: int = 0
) -> Alone:
    """Train to the end while every update is watched; further starts of it are not.

    Args:
        trainer: What is started.
        output: Its folder.
        seen_in: Where what is seen is noted.
        timeout: Seconds that it may take.
        scale: As :func:`.watching.watch_environment` has it.

    Raises:
        SubjectError: It cannot be started, or hangs.
    """
    shutil.rmtree(seen_in, ignore_errors=True)
    watched = watched_trainer(trainer, seen_in, scale=scale)
    control = run_control(watched, output, timeout)
    plain = replace(control.trainer, environment=trainer.environment)
    return Alone(replace(control, trainer=plain), read_watch(seen_in))


def half_left(control: Control, crashed: Crashed) -> list[str]:
    """Return what the checkpoints lack at the end that were being written at a crash."""
    whole = {each.step: each for each in control.checkpoints}
    found = []
    for each in find_checkpoints(crashed.output, control.trainer.checkpoints):
        if each.step in crashed.result.cut and each.step in whole and each.path.is_dir():
            names = {path.relative_to(each.path).as_posix() for path in each.files}
            theirs = whole[each.step]
            due = {path.relative_to(theirs.path).as_posix() for path in theirs.files}
            found += [f"{each.path.name} lacks {name}" for name in sorted(due - names)]
    return found


def torn_by_crash(control: Control, crashed: Crashed) -> str:
    """Name what a crash left half written under a whole checkpoint's name, for a message.

    A trainer may take no notice of it by right: only where resuming fails it is the cause, and then
    its folder is as the last crash left it.
    """
    listed = find_checkpoints(crashed.output, control.trainer.checkpoints)
    torn = [each.path.name for each in listed if not control.is_whole(each)]
    return f"; {torn[-1]} was half written then, under the name of a whole one" if torn else ""


def saving_changes(
    alone: Alone, changes: Mapping[str, str], folder: Path, timeout: float
) -> Unsaved:
    """Train without checkpoints, and say how that differs first.

    Steps that are told by the names of checkpoints tell nothing here: updates do.

    Args:
        alone: A training with checkpoints, which repeats itself.
        changes: What switches them off: keys of the config, or options.
        folder: Where it goes.
        timeout: Seconds that it may take.

    Raises:
        SubjectError: It cannot be started, hangs or fails, or still saves as often.
    """
    control, output = alone.control, folder / "without-checkpoints"
    trainer = vary(control.trainer, changes, folder / "bare")
    bare, seen = watched_control(trainer, output, folder / "watched-without", timeout)
    if bare.ended.code != 0:
        raise SubjectError(
            f"with {dict(changes)} the trainer {bare.ended.state}: {bare.ended.last_words}"
        )
    if bare.save_count >= control.save_count > 1:
        raise SubjectError(
            f"with {dict(changes)} the trainer still saves {bare.save_count} times, and "
            f"{control.save_count} times without"
        )
    is_told = control.trainer.recognised is None or control.trainer.recognised.place != CHECKPOINTS
    steps = compare_steps(bare.ended.steps, control.ended.steps) if is_told else []
    steps = [each for each in steps if control.is_repeatable(each.what)]
    trees = compare_trees(output, control.output, control.noise)
    learnt = [row for row in trees.having("differs", "damaged") if row.role in ("weights", "EMA")]
    told = [steps[0].words] if steps else []
    files = [f"{row.place}: {row.words}" for row in learnt[:1]]
    # A first training that makes what is made once is not the one to compare updates with.
    theirs = Watched() if control.first_differs else alone.seen
    updates = _other_update(seen, theirs) if theirs.updates else ""
    if fault := next(filter(None, [*told, updates, *files]), ""):
        return Unsaved(f"without checkpoints, {fault}", "")
    compared = is_told or trees.compared_weights or (seen.updates and theirs.updates)
    return Unsaved("", "" if compared else "it tells no step and leaves no weights without them")


def _other_update(ours: Watched, theirs: Watched) -> str:
    """Name the first update that is not the same in two trainings; empty where all are."""
    for mine, other in zip(ours.updates, theirs.updates, strict=False):
        if [row.digest for row in mine.rows] != [row.digest for row in other.rows]:
            return f"update {mine.number} has other rows"
        if mine.gradient != other.gradient:
            return f"update {mine.number} has the same rows and another gradient"
        if mine.weights != other.weights:
            return f"update {mine.number} has the same gradient and makes other weights of it"
    if len(ours.updates) != len(theirs.updates) and not (ours.fault or theirs.fault):
        return f"there are {len(ours.updates)} updates, and {len(theirs.updates)} with them"
    return ""
