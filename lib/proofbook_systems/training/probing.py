"""Which parts of a checkpoint does a resumption read? One is exchanged at a time, as an experiment.

A training is interrupted once more. Its folder is resumed from as it is, and then with one part of
its newest checkpoint exchanged for that of another step. Where the next steps are the same to the
bit, that part is not restored, or not used.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.training.controls import Control
from proofbook_systems.training.diagnosis import Finding
from proofbook_systems.training.exchange import Part, exchange, list_parts
from proofbook_systems.training.layouts import Checkpoint, find_checkpoints
from proofbook_systems.training.roles import Role
from proofbook_systems.training.running import Training
from proofbook_systems.training.steps import Step

__all__ = ["Probed", "name_cause", "probe"]

_AT_ONCE: dict[Role, str] = {
    "weights": "the weights were not restored",
    "order of the data": "the order of the data was not restored",
    "random numbers": "the random number generators were not restored, or are seeded again",
}
_LATER: dict[Role, str] = {
    "optimizer": "the optimizer's moments were not restored",
    "step counters": "the optimizer's step counters were not restored",
    "scheduler": "the scheduler was not restored",
    "order of the data": "the order of the data was not restored",
    "random numbers": "the random number generators were not restored, or are seeded again",
}
"""What is not restored where its exchange changes nothing, the likeliest first."""
_STEPS = 4
"""That are compared; the optimizer shows from the second on."""


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What the experiment says."""

    step: int
    """Of the checkpoint that was resumed from."""
    donor: int
    """Of the checkpoint whose parts were put into it."""
    unread: list[Part]
    """Parts whose exchange changed nothing."""
    read: list[Part]
    failed: list[str] = field(default_factory=list)
    """Why some could not be exchanged."""
    why_not: str = ""
    """Why nothing could be tried; empty where it could."""

    @property
    def words(self) -> str:
        """All of it, a line each."""
        if self.why_not:
            return f"nothing was exchanged: {self.why_not}"
        head = f"checkpoint {self.step}, each part exchanged for that of step {self.donor}:"
        lines = [f"  {part.words}: changes nothing" for part in self.unread]
        lines += [f"  {part.words}: changes the next steps" for part in self.read]
        return "\n".join([head, *lines, *(f"  {each}" for each in self.failed)])


def probe(control: Control, at: int, folder: Path, *, most: int, timeout: float) -> Probed:
    """Interrupt a training after step ``at``, and resume it with parts exchanged, one at a time.

    Args:
        control: The training left alone: its checkpoints give the parts.
        at: The step after which it is killed.
        folder: Where this goes.
        most: How many parts are tried: each costs a resumption of a few steps.
        timeout: Seconds that each start may take.
    """
    try:
        return _probe(control, at, folder, most, timeout)
    except SubjectError as error:  # what was to be explained stays a finding
        return Probed(step=0, donor=0, unread=[], read=[], why_not=str(error))


def _probe(control: Control, at: int, folder: Path, most: int, timeout: float) -> Probed:
    output, kept = folder / "probe", folder / "probe-kept"
    for place in (output, kept):
        shutil.rmtree(place, ignore_errors=True)
    with Training(control.trainer, output, folder / "probe.log") as training:
        training.wait_step(at, timeout)
        training.hold()
        training.interrupt(signal.SIGKILL)
        training.end(timeout)
    shutil.copytree(output, kept, symlinks=True)
    newest = _newest(control, output)
    donor = _donor(control, output, newest) if newest else None
    if newest is None or donor is None:
        return Probed(step=0, donor=0, unread=[], read=[], why_not="there is no other checkpoint")
    parts = list_parts(newest, donor.path)[:most]
    usual = _resumed(control, output, kept, timeout)
    unread, read, failed = list[Part](), list[Part](), list[str]()
    for part in parts if usual else ():
        try:
            changed = _resumed(control, output, kept, timeout, newest, donor.path, part)
        except SubjectError as error:
            failed.append(str(error))
        else:
            (unread if changed == usual else read).append(part)
    why_not = "" if unread or read else "no part could be compared"
    return Probed(
        step=newest.step, donor=donor.step, unread=unread, read=read, failed=failed, why_not=why_not
    )


def name_cause(finding: Finding, probed: Probed) -> Finding:
    """Return a finding with the cause that the experiment shows, where it shows one."""
    causes = _AT_ONCE if finding.at_once else _LATER
    unread = {part.role: part for part in reversed(probed.unread)}
    read = {part.role for part in probed.read} | {*finding.same}
    for role, cause in causes.items():
        if role not in unread or role in finding.same:
            continue
        places = ", ".join(part.words for part in probed.unread if part.role == role)
        if role == "weights" and "EMA" in read:
            cause = "the moving average of the weights (EMA) was restored in their place"
        words = (
            f"{finding.lead}, and none of the next steps changes when the {places} of checkpoint "
            f"{probed.step} are exchanged for those of step {probed.donor}: {cause}"
        )
        return replace(finding, words=words, more=[finding.words, *finding.more])
    words = ""
    if finding.at_once and finding.other_draws and "random numbers" in read:
        words = (
            f"{finding.lead}, though the random numbers are read from the checkpoint: another "
            "number of them is drawn: the network is in another mode, such as without dropout, or "
            "a step takes another number of batches (accumulation)"
        )
    elif finding.at_once and {"weights", "random numbers"} <= read:
        order = "order of the data" in read
        words = (
            f"{finding.lead}, though random numbers{' and the order of the data' * order} are read "
            "from the checkpoint: the weights are read and not used as they were saved (not all of "
            "them, rounded, or another copy of them), or the network is in another mode, such as "
            f"without dropout{'' if order else ', or the first data are others'}"
        )
    elif not finding.at_once and "optimizer" in read:
        settings = (
            "or the learning rate is another one (the scheduler was not restored), or another "
            "setting of the updates"
        )
        if finding.same_settings:
            settings = (
                "or updates were made with another learning rate or clipping, or a part of the "
                "first step's data was another one"
            )
        words = (
            f"{finding.lead}, though the optimizer's moments are read from the checkpoint: they "
            f"were not restored as they were saved, {settings}"
        )
    return replace(finding, words=words, more=[finding.words, *finding.more]) if words else finding


def _newest(control: Control, output: Path) -> Checkpoint | None:
    """Return the newest whole checkpoint."""
    listed = find_checkpoints(output, control.trainer.checkpoints)
    return next((each for each in reversed(listed) if control.is_whole(each)), None)


def _donor(control: Control, output: Path, newest: Checkpoint) -> Checkpoint | None:
    """Return a checkpoint of another step; a file that is written again has that of the end."""
    place = newest.path.relative_to(output)
    if newest.step < 0 and (control.output / place).exists():
        return Checkpoint(control.total, control.output / place)
    others = [each for each in control.checkpoints if each.step not in (newest.step, -1)]
    return others[-1] if others else None


def _resumed(
    control: Control, output: Path, kept: Path, timeout: float, newest: Checkpoint | None = None,
    donor: Path | None = None, part: Part | None = None,
) -> Sequence[Step]:  # fmt: skip
    """Return the first steps of a resumption, in the same place each time."""
    shutil.rmtree(output)
    shutil.copytree(kept, output, symlinks=True)
    if newest is not None and donor is not None and part is not None:
        exchange(newest.path, donor, part)
    log = output.with_name("probe-resumed.log")
    with Training(control.trainer, output, log, resume=True) as training:
        training.wait(timeout, lambda: len(training.steps()) >= _STEPS)
        training.interrupt(signal.SIGKILL)
        return training.end(timeout).steps[:_STEPS]
