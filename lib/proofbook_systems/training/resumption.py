"""At which step did a start go on? From the steps that it told, and what it says about it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from proofbook_systems.training.running import Ended
from proofbook_systems.training.steps import Numbering

__all__ = ["step_resumed_at"]

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
