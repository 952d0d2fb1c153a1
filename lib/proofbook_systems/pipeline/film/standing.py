"""Black pictures, pictures that flash up, and pictures that stand still for too long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from proofbook_systems.pipeline.film.reading import Pictures

__all__ = ["black_pictures", "flashes", "moves", "still_runs"]

_BLACK, _BRIGHTEST = 12.0, 40.0
"""Levels, of 255: mean, and nearly brightest, below which a picture is black."""
_SAME = 0.35
"""Levels of mean difference below which a picture has not changed."""
_SAME_AT_MOST = 6.0
_STEEP, _AT_ONCE = 8.0, 0.6
_FLASH = 6
_JUMP = 12.0
_SHORT = 0.25


def black_pictures(film: Pictures, longest: float, edge: float = 0.1) -> Iterator[str]:
    """Yield stretches of black: abrupt ones of any length, fades through it that take long."""
    light = film.thumbs.reshape(len(film.thumbs), -1).astype(np.float32).mean(axis=1)
    bright = np.percentile(film.thumbs.reshape(len(film.thumbs), -1), 99, axis=1)
    for start, end in _runs((light < _BLACK) & (bright < _BRIGHTEST)):
        first, last = film.times[start], _until(film, end)
        abrupt = _leaps(light[:start][::-1]) or _leaps(light[end:])
        at_edge = (start == 0 or end == len(light)) and last - first <= edge
        if last - first > longest or (abrupt and not at_edge):
            count = "1 picture" if end - start == 1 else f"{end - start} pictures"
            yield f"black from {first:.2f} s to {last:.2f} s ({count})"


def _leaps(light: npt.NDArray[np.floating]) -> bool:
    """Say whether the light is there at once, seen from a black picture on."""
    return light.size > 0 and bool(
        light[0] > _BLACK + _STEEP and light[0] > _AT_ONCE * light[:10].max()
    )


def flashes(film: Pictures, changes: Sequence[float] = ()) -> Iterator[str]:
    """Yield pictures that interrupt one that goes on after them.

    Args:
        changes: Seconds at which the film changes to another line's image: no flash begins there.
    """
    thumbs = film.thumbs
    steps = _differences(thumbs[1:], thumbs[:-1])
    jumps = np.flatnonzero(steps > _JUMP)
    for place, after in pairwise(jumps):
        length = int(after - place)
        seconds = film.times[after + 1] - film.times[place + 1]
        wanted = any(abs(film.times[place + 1] - change) < 1e-3 for change in changes)
        if length > _FLASH or seconds > _SHORT or wanted:
            continue
        back = float(_differences(thumbs[after + 1][None], thumbs[place][None])[0])
        if back < 0.25 * min(steps[place], steps[after]):
            count = "1 picture" if length == 1 else f"{length} pictures"
            yield f"another picture flashes up at {film.times[place + 1]:.2f} s, for {count}"


def still_runs(film: Pictures) -> list[tuple[float, float]]:
    """Return the stretches in which the picture does not change at all, in seconds."""
    same = _is_same(film)
    runs = [(film.times[start], _until(film, end + 1)) for start, end in _runs(same)]
    lone = np.diff(np.append(film.times, film.end))
    runs += [
        (time, time + length)
        for time, length in zip(film.times, lone, strict=True)
        if length > 4 * film.step
    ]
    return sorted((float(start), float(end)) for start, end in runs)


def moves(film: Pictures) -> bool:
    """Say whether the film moves nearly all the time, as zoomed images and filmed scenes do."""
    return len(film.times) > 10 and float(np.mean(_is_same(film))) < 0.2


def _is_same(film: Pictures) -> npt.NDArray[np.bool_]:
    """Return for each picture but the last whether the next is the same."""
    difference = _differences(film.thumbs[1:], film.thumbs[:-1])
    largest = np.array([
        _largest(a, b) if d < _SAME else 255.0
        for a, b, d in zip(film.thumbs[1:], film.thumbs[:-1], difference, strict=True)
    ])  # fmt: skip
    return np.asarray((difference < _SAME) & (largest < _SAME_AT_MOST))


def _largest(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> float:
    return float(np.abs(first.astype(np.int16) - second).max())


def _differences(
    first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float64]:
    """Return the mean difference of each pair, in levels; a few at a time, for memory's sake."""
    out = np.empty(len(first))
    for start in range(0, len(first), 64):
        part = first[start : start + 64].astype(np.int16) - second[start : start + 64]
        out[start : start + 64] = np.abs(part).reshape(len(part), -1).mean(axis=1)
    return out


def _until(film: Pictures, place: int) -> float:
    return float(film.times[place]) if place < len(film.times) else film.end


def _runs(flags: npt.NDArray[np.bool_]) -> Sequence[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
