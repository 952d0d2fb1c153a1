"""Watch one more resumption, to see what its first updates are made of: the cause, where one shows.

A training is watched, and its folder copied at the step of an interruption, as a kill would leave
it. The copy is resumed from, and watched too. What is not PyTorch shows nothing.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.training.controls import Control
from proofbook_systems.training.departing_updates import Cause, find_cause
from proofbook_systems.training.diagnosis import Finding, with_cause, without_cause
from proofbook_systems.training.layouts import find_checkpoints
from proofbook_systems.training.next_batches import line_up, updates_with
from proofbook_systems.training.running import Training
from proofbook_systems.training.saved_weights import read_tensors
from proofbook_systems.training.watching import Watched, read_watch, watched_trainer

__all__ = ["watch_cause", "watched"]

_STEPS = 6
"""That are watched after a resumption, and beyond the interruption."""


def watched(finding: Finding, control: Control, folder: Path, *, timeout: float) -> Finding:
    """Return a finding with the cause that one more resumption shows, or why it shows none.

    Args:
        finding: What a resumption departs in; one without ``watch_at`` is returned as it is.
        control: As in :func:`watch_cause`.
        folder: As there.
        timeout: As there.
    """
    if finding.watch_at is None or control.not_repeatable:
        return finding
    try:
        cause = watch_cause(control, finding.watch_at, folder, timeout=timeout)
    except SubjectError as error:
        return without_cause(finding, "no further resumption could be watched", error)
    return with_cause(finding, cause) or finding


def watch_cause(control: Control, at: int, folder: Path, *, timeout: float) -> Cause | None:
    """Return what departs first in a resumption; None where nothing is seen to.

    Args:
        control: The training left alone; only its trainer and its checkpoints are used.
        at: The step at which the copy is made.
        folder: Where this goes.
        timeout: Seconds that each start may take.

    Raises:
        SubjectError: It hangs.
    """
    output, kept = folder / "watched", folder / "watched-kept"
    for place in (output, kept):
        shutil.rmtree(place, ignore_errors=True)

    def until_copied(training: Training) -> None:
        training.wait_step(at, timeout)
        training.hold()
        shutil.copytree(output, kept, symlinks=True)
        training.let_go()
        training.wait_step(at + _STEPS, timeout)

    def until_resumed(training: Training) -> None:
        training.wait(timeout, lambda: len(training.steps()) >= _STEPS)

    alone = _watched(control, output, folder / "seen-alone", timeout, until_copied)
    shutil.rmtree(output)
    kept.rename(output)
    listed = find_checkpoints(output, control.trainer.checkpoints)
    newest = next((each for each in reversed(listed) if control.is_whole(each)), None)
    if alone.why_empty or newest is None:
        return None
    saved = read_tensors(newest)
    resumed = _watched(control, output, folder / "seen", timeout, until_resumed, resume=True)
    had = updates_with(alone, resumed)
    made = newest.step if newest.step > 0 or not had else had[-1]
    near = [at for at in (made, made - 1, made + 1) if at in had]
    compared = line_up(alone, resumed, max(0, *near[:1] or [made]))
    return None if compared.why_not else find_cause(compared, saved)


def _watched(
    control: Control, output: Path, seen_in: Path, timeout: float,
    follow: Callable[[Training], None], *, resume: bool = False,
) -> Watched:  # fmt: skip
    shutil.rmtree(seen_in, ignore_errors=True)
    trainer = watched_trainer(control.trainer, seen_in)
    log = seen_in.with_suffix(".log")
    with Training(trainer, output, log, resume=resume) as training:
        follow(training)
        training.interrupt(signal.SIGKILL)
        training.end(timeout)
    return read_watch(seen_in)
