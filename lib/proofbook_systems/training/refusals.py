"""A start that should be refused: with an exit code, in a line that says why, before any step.

Each is made on a copy of a training's folder, which must be as it was afterwards.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from proofbook.files import hash_file
from proofbook_systems.training.artefacts import half_written
from proofbook_systems.training.controls import Control
from proofbook_systems.training.layouts import find_checkpoints
from proofbook_systems.training.limited import fill_disk
from proofbook_systems.training.running import Ended, Training
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.trees import compare_trees
from proofbook_systems.training.variants import vary

__all__ = ["Refusal", "fill_the_disk", "recover", "resume_with_changes"]

_TRACEBACK = "Traceback (most recent call last)"
_SHARE = 0.5
"""Part of a checkpoint's largest file that still fits on the disk."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One start, and whether it was refused as it should be."""

    what: str
    ended: Ended
    changed: tuple[str, ...] = ()
    """Checkpoints that are not as they were before it."""
    left: tuple[str, ...] = ()
    """What it had begun and not finished."""
    may_step: bool = False
    """Whether steps before it are right: it was refused in a save."""

    @property
    def fault(self) -> str:
        """What is wrong with it, in a sentence; empty where it was refused as it should be."""
        steps = [step.number for step in self.ended.steps]
        if self.ended.code == 0:
            return f"{self.what}: it went on to step {max(steps, default=0)} as if nothing were"
        if self.ended.code is None or self.ended.code < 0:
            return f"{self.what}: it {self.ended.state}, and did not say why"
        if steps and not self.may_step:
            return f"{self.what}: it made step {steps[0]} before it was refused"
        if _TRACEBACK in self.ended.printed:
            return f"{self.what}: a traceback, which ends with {self.ended.last_words!r}"
        if self.ended.last_words == "it printed nothing":
            return f"{self.what}: it {self.ended.state} and printed nothing"
        if self.changed:
            return f"{self.what}: {self.changed[0]} is not as it was"
        return ""

    @property
    def words(self) -> str:
        """What happened, in a line."""
        left = f"; left {', '.join(self.left)}" if self.left else ""
        return f"{self.what}: {self.ended.state}: {self.ended.last_words}{left}"


def resume_with_changes(
    control: Control, crashed: Path, changes: Mapping[str, str], folder: Path, timeout: float
) -> list[Refusal]:
    """Resume from a training's checkpoints with another config, once for each change.

    Args:
        control: Whose trainer it is.
        crashed: Its folder after a crash; copies are resumed.
        changes: Keys of the config, each with another value.
        folder: Where the copies go.
        timeout: Seconds that each start may take.

    Raises:
        SubjectError: It cannot be started, or hangs.
    """
    refusals = []
    for number, (key, value) in enumerate(changes.items(), 1):
        changed = vary(control.trainer, {key: value}, folder / f"other-config-{number}")
        what = f"resumed with {key} {value}"
        place = folder / f"other-{number}"
        refusals.append(_refused(changed, crashed, place, what, timeout))
    return refusals


def fill_the_disk(control: Control, crashed: Path, folder: Path, timeout: float) -> Refusal:
    """Resume where the next checkpoint does not fit on the disk.

    Raises:
        SubjectError: It cannot be started, or hangs.
    """
    files = [file for each in control.checkpoints for file in each.files]
    largest = max((file.stat().st_size for file in files), default=0)
    trainer = control.trainer
    size = int(largest * _SHARE)
    cramped = replace(trainer, resume=fill_disk(size, trainer.resume))
    what = f"no room for more than {size} bytes in a file"
    return _refused(cramped, crashed, folder / "full", what, timeout, may_step=True)


def recover(control: Control, full: Refusal, folder: Path, timeout: float) -> str:
    """Resume, with room again, what a full disk has ended; say what is wrong then.

    Args:
        control: The training left alone, with which it is compared.
        full: What the full disk did.
        folder: As :func:`fill_the_disk` had it.
        timeout: Seconds that it may take.

    Raises:
        SubjectError: It cannot be started, or hangs.
    """
    place = folder / "full"
    with Training(control.trainer, place, folder / "recovered.log", resume=True) as training:
        ended = training.end(timeout)
    if ended.code != 0:
        return f"after {full.what}: it {ended.state}: {ended.last_words}"
    if control.not_repeatable:
        return ""
    rows = compare_trees(place, control.output, control.noise).having("differs", "damaged")
    learnt = [row for row in rows if row.role in ("weights", "EMA", "optimizer")]
    return f"after {full.what}: {learnt[0].place}: {learnt[0].words}" if learnt else ""


def _refused(
    trainer: Trainer, crashed: Path, place: Path, what: str, timeout: float, *,
    may_step: bool = False,
) -> Refusal:  # fmt: skip
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(crashed, place, symlinks=True)
    before = _hashes(trainer, place)
    with Training(trainer, place, place.with_suffix(".log"), resume=True) as training:
        ended = training.end(timeout)
    after = _hashes(trainer, place)
    changed = tuple(name for name, digest in before.items() if after.get(name) != digest)
    return Refusal(
        what=what, ended=ended, changed=changed, left=tuple(half_written(place)), may_step=may_step
    )


def _hashes(trainer: Trainer, output: Path) -> dict[str, str]:
    listed = find_checkpoints(output, trainer.checkpoints)
    return {
        path.relative_to(output).as_posix(): hash_file(path)
        for each in listed for path in each.files
    }  # fmt: skip
