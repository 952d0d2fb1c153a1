"""When a film changes from one line's image to the next one's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from proofbook_systems.pipeline.film.placing import when
from proofbook_systems.pipeline.film.reading import Pictures
from proofbook_systems.pipeline.film.showing import Gallery, Span, pictures_in, shares

__all__ = ["Change", "changes_off", "find_changes", "one_picture"]

_GONE, _COME = 0.2, 0.8
_FITS = 0.8
"""Share of the pictures that must be on their side of a change."""
_CLOCK = 0.005
"""Seconds by which the moment of a sound may be wrong."""
_SLOWEST = 0.1
"""Seconds; where pictures are further apart, each stands for a whole image."""
_DRIFT, _FEWEST = 0.003, 4


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change of image, seconds of the film."""

    number: int
    """Of the line that begins."""
    start: float
    """When the first picture is shown in which the image before has begun to go."""
    end: float
    """When the first picture is shown in which the new image is all there."""
    early: float
    """From when on it may be: the end of the line before, as heard."""
    late: float
    """Until when: the beginning of the line, as heard."""
    planned: tuple[float, float]
    """The same by the time-line: pictures are not to blame where the sound has left it."""

    step: float
    """Seconds for which the last picture before it stands: rates may vary."""

    @property
    def middle(self) -> float:
        """Seconds at which as much of the new image is seen as of the one before."""
        return (self.start + self.end) / 2

    @property
    def off(self) -> float:
        """Seconds by which it is late; less than 0 where it is early."""
        return min((self._off(self.early, self.late), self._off(*self.planned)), key=abs)

    def _off(self, early: float, late: float) -> float:
        if self.start > late:
            return self.start - late
        return min(0.0, self.end - early)


def find_changes(gallery: Gallery, spans: Sequence[Span]) -> list[Change]:
    """Return the changes between lines that have different images, where they can be seen."""
    found = []
    for before, after in pairwise(spans):
        first, second = gallery.paths.get(before.number), gallery.paths.get(after.number)
        if first is None or second is None:
            continue
        if gallery.renders(first) is None or gallery.renders(second) is None:
            continue
        if not gallery.are_same(first, second):
            change = _find(gallery, before, after)
            if change is not None:
                found.append(change)
    return found


def _find(gallery: Gallery, before: Span, after: Span) -> Change | None:
    film = gallery.film
    start, end = pictures_in(film, before.start + 0.25 * (before.end - before.start), after.end)
    pictures = film.thumbs[start:end].astype(np.float32)
    share = shares(gallery, gallery.paths[before.number], gallery.paths[after.number], pictures)
    place = _step(share)
    if place is None:
        return None
    first = last = place
    while first > 0 and _GONE < share[first - 1] < _COME:
        first -= 1
    while last < len(share) - 1 and share[last] < _COME:
        last += 1
    times = film.times[start:end]
    return Change(
        number=after.number, start=float(times[first]), end=float(times[last]),
        early=before.end, late=after.start,
        planned=(min(before.planned[1], after.planned[0]), after.planned[0]),
        step=float(times[first] - times[first - 1]) if first else 0.0,
    )  # fmt: skip


def _step(share: npt.NDArray[np.float64]) -> int | None:
    """Return the first picture that shows the new image; None where there is no such moment."""
    if len(share) < 2:
        return None
    is_new = np.clip(share, 0, 1) > 0.5
    wrong_before = np.concatenate([[0], np.cumsum(is_new)])
    wrong_after = np.count_nonzero(~is_new) - np.concatenate([[0], np.cumsum(~is_new)])
    errors = wrong_before + wrong_after
    places = np.arange(1, len(share))
    place = int(places[np.argmin(errors[1:-1])])
    sides = is_new[:place], is_new[place:]
    if np.mean(~sides[0]) < _FITS or np.mean(sides[1]) < _FITS:
        return None
    return place


def one_picture(film: Pictures) -> float:
    """Return seconds that one picture stands; where rates vary, no more than at 24 a second."""
    return max(1 / 120, film.step if film.step < _SLOWEST else 1 / 23.9)


def changes_off(changes: Sequence[Change], allowed: float, longest: float) -> Iterator[str]:
    """Yield changes that are not within ``allowed`` seconds of the dialogue, or take too long."""
    late = [c for c in changes if abs(c.off) > max(allowed, min(c.step, _SLOWEST) + _CLOCK)]
    slope = _drift(changes) if late else None
    if slope is not None:
        yield (
            f"pictures drift against the dialogue by {1000 * slope:+.0f} ms a line: line "
            f"{late[0].number} is the first more than a picture off, at line "
            f"{changes[-1].number} it is {when(changes[-1].off)}"
        )
        return
    offs = [change.off for change in changes]
    if (
        len(changes) >= 3
        and late
        and max(offs) - min(offs) < 1.5 * allowed
        and len(late) > 0.7 * len(offs)
    ):
        yield (
            f"every picture comes {when(float(np.median(offs)))} than its line "
            f"(lines {changes[0].number} to {changes[-1].number})"
        )
        return
    for change in late:
        yield (
            f"line {change.number}: its picture comes {when(change.off)} than the line, at "
            f"{change.start:.2f} s"
        )
    for change in changes:
        if change.end - change.start > longest:
            yield (
                f"line {change.number}: the picture takes {change.end - change.start:.2f} s to "
                f"change, more than {longest} s"
            )


def _drift(changes: Sequence[Change]) -> float | None:
    """Return seconds a line by which changes run away from the dialogue; None where they do not."""
    if len(changes) < _FEWEST:
        return None
    numbers = np.array([change.number for change in changes], dtype=float)
    middle = np.array([min(c.middle - c.late, c.middle - c.planned[1], key=abs) for c in changes])
    slope, start = np.polyfit(numbers, middle, 1)
    rest = np.abs(middle - slope * numbers - start).max()
    span = abs(slope) * (numbers[-1] - numbers[0])
    return (
        float(slope)
        if abs(slope) > _DRIFT and rest < max(0.04, 0.2 * span) and span > rest * 2
        else None
    )
