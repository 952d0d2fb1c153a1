"""How fast a training goes once it is under way, and how evenly."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from proofbook_systems.training.numbering import last_step, numbering_of
from proofbook_systems.training.running import Ended, MemorySample
from proofbook_systems.training.save_order import Save, counts_steps, told_in_time

__all__ = ["Pace", "find_pace", "pace_of", "why_no_pace"]

_WARM_UP = 0.3
"""Part of the steps that is left out."""
_FEWEST = 3
_APART = 0.1
"""Seconds by which a write may be noted after it."""


class Pace(NamedTuple):
    """Seconds of a step, and the cores that it takes."""

    seconds: float
    """The median over parts of the training."""
    slowest: float
    """In the slowest part."""
    cores: float
    """That its processes kept busy, or were ready for while other programs had them."""


def pace_of(ended: Ended) -> Pace | None:
    """Return how a training went; None where neither its steps nor its saves tell.

    Steps that are told when it ends tell nothing. Then the times between two saves do, where
    checkpoints are called by steps.
    """
    return find_pace(ended.memory, writes=ended.writes) or _between_saves(ended)


def why_no_pace(ended: Ended) -> str:
    """Say why there is no pace, and what to do."""
    live = [sample.step for sample in ended.memory]
    if not live or told_in_time(ended.saves, live, last_step(ended.steps)):
        return "too few steps were seen; ask for more"
    seen = len(_counted(ended))
    return (
        f"its steps are told when it ends, and {seen} saves that are called by steps were seen, of "
        f"{_FEWEST} that would tell its pace: have it print each step when it is made, or save "
        "more often"
    )


def _counted(ended: Ended) -> list[Save]:
    """Return the saves that are called by steps."""
    last, live = last_step(ended.steps), [sample.step for sample in ended.memory]
    late = not told_in_time(ended.saves, live, last)
    by_steps = counts_steps(
        ended.saves, late=late, total=last, stride=numbering_of(ended.steps).stride,
        seconds=ended.seconds,
    )  # fmt: skip
    return [save for save in ended.saves if by_steps and save.number > 0]


def _between_saves(ended: Ended) -> Pace | None:
    """Return the pace between each save's end and the next one's beginning."""
    saves = _counted(ended)
    parts = [
        (a.seconds, b.begun, b.number - a.number)
        for a, b in itertools.pairwise(saves)
        if b.number > a.number
    ]
    if len(parts) < _FEWEST - 1:
        return None
    paces = [(end - begin) / steps for begin, end, steps in parts]
    seconds = sum(end - begin for begin, end, _ in parts)
    used = sum(_used(ended.memory, end) - _used(ended.memory, begin) for begin, end, _ in parts)
    return Pace(median(paces), max(paces), max(0.0, used) / seconds)


def _used(samples: Sequence[MemorySample], seconds: float) -> float:
    """Return the seconds that a training has computed, or was ready to, by then."""
    until = [sample for sample in samples if sample.seconds <= seconds]
    return until[-1].cpu + until[-1].queued if until else 0.0


def find_pace(
    samples: Sequence[MemorySample], parts: int = 8, *, writes: Sequence[float] = ()
) -> Pace | None:
    """Return how a training goes, without its beginning; None where there are too few samples.

    Args:
        samples: Readings of the training.
        parts: Into how many it is divided.
        writes: Seconds at which it wrote files: saving and validation are no part of its pace.
    """
    last = max((sample.step for sample in samples), default=0)
    late = [sample for sample in samples if max(1, last * _WARM_UP) <= sample.step]
    changes = [b for a, b in itertools.pairwise(late) if b.step > a.step]
    pairs = [
        (a, b) for a, b in itertools.pairwise(changes)
        if not any(a.seconds - _APART < at <= b.seconds for at in writes)
    ]  # fmt: skip
    if len(pairs) < _FEWEST - 1:
        return None
    each = max(1, len(pairs) // parts)
    groups = [pairs[start : start + each] for start in range(0, len(pairs) - each + 1, each)]
    paces = [_seconds(group) / sum(b.step - a.step for a, b in group) for group in groups]
    used = sum(b.cpu - a.cpu + max(0.0, b.queued - a.queued) for a, b in pairs)
    cores = max(0.0, used) / _seconds(pairs)
    return Pace(median(paces), max(paces), cores)


def _seconds(pairs: Sequence[tuple[MemorySample, MemorySample]]) -> float:
    return sum(b.seconds - a.seconds for a, b in pairs)
