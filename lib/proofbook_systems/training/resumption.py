"""At which step did a start go on, and of which step did it make a part of what it tells of it?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from proofbook_systems.training.running import Ended
from proofbook_systems.training.steps import Numbering

__all__ = ["partly_told", "step_resumed_at"]

_SAYS = re.compile(
    r"(?:resum\w*|restor\w*|continu\w*|load\w*)[^\n]{0,200}?(?:step|iter\w*|checkpoint|ckpt)"
    r"[-_ =:#/]*0*(\d+)",
    re.IGNORECASE,
)


def step_resumed_at(ended: Ended, numbering: Numbering, checkpoints: Sequence[int]) -> int | None:
    """Return how many steps were made before a start; None where it told no step.

    Args:
        ended: The start.
        numbering: How the trainer counts.
        checkpoints: Those that were on the disk: they tell the step where only some are told.
    """
    said = [int(step) for step in _SAYS.findall(ended.printed)]
    if not ended.steps:  # it was ended itself before it told one
        return next((step for step in reversed(said) if step in (0, *checkpoints)), None)
    first = ended.steps[0].number
    latest = max(0, first - numbering.first)
    earliest = numbering.made_before(first)
    possible = said + sorted(checkpoints)
    possible = [step for step in possible if earliest <= step <= latest]
    return possible[-1] if possible else latest if numbering.stride == 1 else earliest


def partly_told(ended: Ended, resumed_at: int | None, alone: Ended) -> int | None:
    """Return the step whose loss a resumption may tell of fewer steps; None where there is none.

    Who tells every tenth step may tell the mean loss of all since the last, and a start knows only
    those that it has made itself. A bar tells those that it was drawn at.

    Args:
        ended: The resumption.
        resumed_at: The steps that were made before it.
        alone: The same training left alone.
    """
    if resumed_at is None or not ended.steps or (alone.recognised and alone.recognised.is_bar):
        return None
    first = ended.steps[0].number
    if alone.recognised and alone.recognised.in_lines:
        return first
    told = [step.number for step in alone.steps]
    before = max((number for number in told if number < first), default=0)
    made = resumed_at + min(told[0], 1) if told else first  # the first step that it makes itself
    return first if first in told and before + 1 < made <= first else None
