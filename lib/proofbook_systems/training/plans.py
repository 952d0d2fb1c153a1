"""When and how a training is to be interrupted, as a plan says it.

A plan is a list such as ``SIGINT after 7`` (once step 7 is told), ``SIGINT after 40 %`` (of the
steps), ``SIGKILL in 20`` (in the middle of writing checkpoint 20), ``SIGTERM at 3.5 s`` (after its
start).
"""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace

from proofbook.errors import SubjectError
from proofbook_systems.training.controls import Control

__all__ = ["Interruption", "read_plan"]

_FORM = re.compile(
    r"(SIGINT|SIGTERM|SIGKILL) (?:(after|in) (\d+)|(after|in) (\d+) ?%|at (\d+(?:\.\d+)?) s)"
)
_EARLIER = 0.7


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """One planned interruption."""

    signum: signal.Signals
    step: int = 0
    percent: int | None = None
    """Of all steps, where no step is named."""
    writing: bool = False
    """While that checkpoint is being written, and not after that step."""
    seconds: float | None = None
    """After the start, whatever step that is."""
    saved: bool = False
    """And once a whole checkpoint is on the disk: what has none has nothing to resume from."""

    @property
    def words(self) -> str:
        """As it is written in a plan."""
        if self.seconds is not None:
            return f"{self.signum.name} at {self.seconds:g} s"
        where = f"{self.percent} %" if self.percent is not None else str(self.step)
        return f"{self.signum.name} {'in' if self.writing else 'after'} {where}"

    def placed(self, control: Control) -> Interruption:
        """Return it with a step, by the steps and the checkpoints of an uninterrupted training."""
        if self.percent is None:
            return self
        step = max(1, round(control.total * self.percent / 100))
        ranges = control.save_ranges if control.counts_steps or not control.tells_late else []
        waits = bool(control.saves)  # else nothing is recognised that could be waited for
        due = [
            each for each in ranges
            if each.latest > 0 and (each.earliest if waits else each.latest) < control.total - 1
        ]  # fmt: skip
        if self.writing and due:
            moments = [each.moment(control.numbering.stride) for each in due]
            step = min(moments, key=lambda each: abs(each - step))
        elif due:
            # A save that was seen late was made some time after the earliest step.
            is_vague = waits and due[0].is_vague(control.numbering.stride)
            first = due[0].earliest if is_vague else due[0].latest
            step = _told_before(max(step, first + 1), first, control)
        return replace(
            self, step=step, percent=None, saved=bool(due) and waits and not self.writing
        )

    def earlier(self, signalled: int) -> Interruption:
        """Return it at an earlier moment, as it came too late: after step ``signalled``."""
        if self.seconds is not None:
            return replace(self, seconds=round(self.seconds * _EARLIER, 3))
        if self.writing:
            return self
        step = max(1, self.step - max(1, signalled - self.step))
        return replace(self, step=step, saved=False)


def _told_before(step: int, first: int, control: Control) -> int:
    """Return the last step that is told up to ``step``, and not before the first checkpoint.

    Where only some steps are told, the wait for one in between ends at the next, or at the end.
    """
    if control.numbering.stride <= 1:
        return step
    told = [number for number in control.steps if first <= number <= step]
    return max(told, default=step)


def read_plan(plan: Sequence[str]) -> list[Interruption]:
    """Read a plan.

    Raises:
        SubjectError: An entry is not of that form.
    """
    interruptions = []
    for entry in plan:
        match = _FORM.fullmatch(entry.strip())
        if match is None:
            raise SubjectError(
                f"interruption {entry!r} is not of the form 'SIGINT after 7', 'SIGINT after 40 %', "
                "'SIGKILL in 20' or 'SIGTERM at 3.5 s'"
            )
        interruptions.append(
            Interruption(
                signum=signal.Signals[match[1]], writing="in" in (match[2], match[4]),
                step=int(match[3] or 0), percent=int(match[5]) if match[5] else None,
                seconds=float(match[6]) if match[6] else None,
            )
        )  # fmt: skip
    return interruptions
