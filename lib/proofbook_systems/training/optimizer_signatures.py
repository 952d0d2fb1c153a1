"""What it looks like where a new optimizer goes on, and what else was restored.

Knows an optimizer by its step counters: it counts from where the training was resumed.
"""

from __future__ import annotations

from typing import Any

from proofbook_systems.training.evidence import Evidence
from proofbook_systems.training.roles import role_of

__all__ = ["new_optimizer"]


def new_optimizer(evidence: Evidence) -> str | None:
    """Recognise another learning rate that comes of an optimizer that was not restored.

    A scheduler that is restored multiplies the rate that it finds in the optimizer's groups: that
    of a new optimizer is the one that a training begins with.
    """
    number = evidence.departs("lr")
    counted = _begun_again(evidence)
    if number is None or counted is None or not _has_counted(evidence):
        return None
    ours, theirs = counted
    return (
        f"{evidence.start()}: the optimizer's step counters in checkpoint {evidence.at} say "
        f"{ours:g} and not {theirs:g}, and the learning rate at step {number} is "
        f"{evidence.told[number].lr}, and {evidence.control.steps[number].lr} uninterrupted, while "
        "the scheduler has counted on: the optimizer was not restored, neither its moments nor the "
        "rate in its groups"
    )


def _begun_again(evidence: Evidence) -> tuple[float, float] | None:
    """Return what step counters have counted since a resumption, and without one."""
    for key in evidence.states.get("step counters", ()):
        ours, theirs = _number(evidence.ours.get(key)), _number(evidence.theirs.get(key))
        if ours is None or theirs is None:
            continue
        if evidence.step_of(key) - ours == evidence.resumed_at and ours < theirs:
            return ours, theirs
    return None


def _has_counted(evidence: Evidence) -> bool:
    """Say whether a scheduler is in the next checkpoint, with the counts of an undisturbed one."""
    counts = [
        name for name, value in evidence.ours.items()
        if isinstance(value, int) and not isinstance(value, bool)
        and role_of(*name.split(":", 1)) == "scheduler"
    ]  # fmt: skip
    return bool(counts) and all(evidence.ours[n] == evidence.theirs.get(n) for n in counts)


def _number(value: Any) -> float | None:
    if hasattr(value, "reshape") and len(value.reshape(-1)) == 1:
        return float(value.reshape(-1)[0])
    return float(value) if isinstance(value, int | float) else None
