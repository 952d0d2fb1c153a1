"""Whether captions stand when their words are said: all of them may be early or late alike.

Lines that are cut out of one sound at their captions' times fit it by construction. What is said
begins again after each pause, by itself: there captions must begin, too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.artefacts import Timeline
from proofbook_systems.pipeline.cutting import mono_sound
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["beginnings", "judge_captions", "shift_of"]

_HOP = 0.01
_PAUSE, _SPOKEN = 0.15, 0.08
"""Seconds without sound that make a pause, and of sound that end one."""
_BELOW, _ABOVE = 30.0, 8.0
"""Decibels below what is loud, and above what is quietest, that are taken for speech."""
_NEAR, _ALLOWED = 0.12, 0.25
"""Seconds within which a caption begins with a word; by which all may be off."""
_FARTHEST = 3.0
_MOST, _LEAST = 0.75, 0.5
_FEWEST = 4


def judge_captions(timeline: Timeline, sound: Path) -> Finding:
    """Compare when captions begin with when speech does after a pause; a common shift is named."""
    name = "captions-in-time"
    why = "words that are read before or after they are heard are not understood"
    starts = np.array([line.start for line in timeline.lines])
    try:
        shift = shift_of(starts, beginnings(*mono_sound(sound)))
    except SubjectError as error:
        return finding(name, [], why=why, untried=str(error))
    if shift is None:
        reason = f"{sound.name} has too few clear pauses, or captions begin at others"
        return finding(name, [], why=why, untried=reason)
    faults = [
        f"all captions stand {abs(shift):.2f} s {'later' if shift > 0 else 'earlier'} than their "
        f"words in {sound.name}"
    ]
    return finding(name, faults if abs(shift) > _ALLOWED else [], why=why)


def beginnings(samples: npt.NDArray[np.int16], rate: int) -> npt.NDArray[np.float64]:
    """Return the seconds at which there is speech after a pause, or after the start."""
    hop = max(1, round(_HOP * rate))
    count = len(samples) // hop
    blocks = samples[: count * hop].astype(np.float64).reshape(count, hop)
    level = 10 * np.log10((blocks**2).mean(axis=1) + 1e-3)
    if not count:
        return np.zeros(0)
    top, bottom = np.percentile(level, 95), np.percentile(level, 5)
    is_loud = level > max(top - _BELOW, min(bottom + _ABOVE, top - _ABOVE))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_loud.astype(int), [0]])))
    firsts, lasts = edges[::2], edges[1::2]
    found, ended = [], -np.inf
    for first, last in zip(firsts, lasts, strict=True):
        if (last - first) * _HOP < _SPOKEN:
            continue
        if (first - ended) * _HOP >= _PAUSE:
            found.append(first * _HOP)
        ended = last
    return np.array(found)


def shift_of(starts: npt.NDArray[np.float64], spoken: npt.NDArray[np.float64]) -> float | None:
    """Return seconds by which captions are later than speech; None where nothing fits together."""
    if min(len(starts), len(spoken)) < _FEWEST:
        return None
    tries = np.arange(-_FARTHEST, _FARTHEST + 1e-9, 0.02)
    away = np.abs(starts[None, :, None] - spoken[None, None, :] - tries[:, None, None])
    few = min(len(starts), len(spoken))
    share = np.minimum((away.min(axis=2) < _NEAR).sum(axis=1), few) / few
    if share[np.abs(tries) <= _ALLOWED].max() >= _MOST:
        return 0.0
    best = share.max()
    if best < _MOST or share[np.abs(tries) <= _NEAR].max() > _LEAST:
        return None
    return float(np.median(tries[share == best]))
