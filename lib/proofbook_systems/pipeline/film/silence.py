"""Where a film is silent: in the middle of a line, or for longer than its pauses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from proofbook_systems.pipeline.film.dialogue import Dialogue
from proofbook_systems.pipeline.film.hearing import Heard
from proofbook_systems.pipeline.film.limits import FilmLimits
from proofbook_systems.pipeline.film.linefiles import LineSound
from proofbook_systems.pipeline.film.loudness import block_power, line_level
from proofbook_systems.pipeline.film.reading import FilmSound

__all__ = ["lines_dropped", "silent_stretches"]

_BLOCK, _FINE = 0.02, 0.01
_SILENT = -60.0
"""dBFS below which a moment is silent."""
_DROP, _AUDIBLE = 15.0, 20.0
"""Decibels by which a line drops; decibels below its level at which a moment of it is heard."""
_FADE, _SHORTEST = 6, 2
"""Moments of 10 ms at both ends that may be faded; that a dropout lasts."""


def lines_dropped(sound: FilmSound, dialogue: Dialogue) -> Iterator[str]:
    """Yield where a line breaks off that its file goes on with."""
    for line in dialogue.sounds:
        heard = dialogue.heard.get(line.line.number)
        if heard is None:
            continue
        runs = _runs(_drops(sound, line, heard))
        long = [(start, stop) for start, stop in runs if stop - start >= _SHORTEST]
        if long:
            first = heard.at + long[0][0] * _FINE
            seconds = max(stop - start for start, stop in long) * _FINE
            times = "" if len(long) == 1 else f", {len(long)} times, for up to {seconds:.2f} s"
            yield (
                f"line {line.line.number}: silent from {first:.2f} s to "
                f"{heard.at + long[0][1] * _FINE:.2f} s{times}, where its file is not"
            )


def _drops(sound: FilmSound, line: LineSound, heard: Heard) -> npt.NDArray[np.bool_]:
    """Return at which moments of a line the film has far less than its file."""
    wanted = block_power(line.mono, line.rate, _FINE)
    start = round(heard.at * sound.rate)
    size = max(1, round(_FINE * sound.rate))
    part = np.zeros((len(wanted) * size, sound.samples.shape[1]), np.float32)
    seen = sound.samples[max(0, start) : max(0, start + len(part))]
    part[max(0, -start) : max(0, -start) + len(seen)] = seen[: len(part)]
    power = np.max(
        [block_power(np.ascontiguousarray(row), sound.rate, _FINE) for row in part.T], axis=0
    )[: len(wanted)]
    below = 10 * np.log10(wanted + 1e-12) + heard.gain - 10 * np.log10(power + 1e-12)
    audible = wanted > 10 ** ((line_level(line) - _AUDIBLE) / 10)
    flags = np.asarray(audible & (below > _DROP))
    flags[:_FADE] = False
    if len(flags) > _FADE:
        flags[-_FADE:] = False
    return flags


def silent_stretches(
    sound: FilmSound,
    dialogue: Dialogue | None,
    limits: FilmLimits,
    *,
    end: float,
    edges: tuple[float, float] = (0.0, 0.0),
) -> Iterator[str]:
    """Yield where the film is silent for longer than its pauses.

    Args:
        sound: Of the film.
        dialogue: Gives the pauses that its time-line has.
        limits: Say by how much silence may be longer.
        end: Seconds at which its pictures end.
        edges: Seconds of titles before and behind the dialogue, which may be silent.
    """
    power = np.max(
        [block_power(np.ascontiguousarray(row), sound.rate) for row in sound.samples.T], axis=0
    )
    longest = _pauses(dialogue) + limits.longest_silence
    for start, stop in _runs(power < 10 ** (_SILENT / 10)):
        title = edges[0] if start == 0 else edges[1] if stop == len(power) else 0.0
        if (stop - start) * _BLOCK > longest + title:
            yield (
                f"silent from {start * _BLOCK:.2f} s to {stop * _BLOCK:.2f} s, for longer than "
                "any pause"
            )
    if end - sound.end > longest + edges[1]:
        yield f"its sound ends at {sound.end:.2f} s, the pictures at {end:.2f} s"


def _pauses(dialogue: Dialogue | None) -> float:
    """Return the longest pause of the time-line, the one before its first line included."""
    if dialogue is None or not dialogue.lines:
        return 0.0
    gaps = [line.start - before.end for before, line in pairwise(dialogue.lines)]
    return max([0.0, dialogue.lines[0].start, *gaps])


def _runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
