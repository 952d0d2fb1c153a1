"""Look at a film's pictures against its time-line and images: one look, all that is seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from proofbook_systems.pipeline.artefacts import Selections, Timeline
from proofbook_systems.pipeline.film.changing import (
    Change,
    changes_off,
    find_changes,
    one_picture,
)
from proofbook_systems.pipeline.film.clearness import structures
from proofbook_systems.pipeline.film.dialogue import Dialogue
from proofbook_systems.pipeline.film.limits import FilmLimits
from proofbook_systems.pipeline.film.reading import Pictures
from proofbook_systems.pipeline.film.showing import (
    Gallery,
    Span,
    open_gallery,
    picture_at,
    wrong_images,
)
from proofbook_systems.pipeline.film.standing import flashes, moves, still_runs

__all__ = ["Look", "look"]

_TITLE = 0.25
_DIFFERENT = 6.0
_MOVING_STILL = 0.5
_EDGE = 0.2
_CLOCK = 0.005


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is seen."""

    has_title: bool
    """Whether other pictures stand before the dialogue, and it is they that make it late."""
    has_tail: bool
    """Whether other pictures stand behind it."""
    frozen: list[str]
    off: list[str]
    """Pictures that do not change with the dialogue."""
    wrong: list[str]
    """Lines whose picture is not the selected one."""
    coarse: list[str] = field(default_factory=list)
    """Lines whose picture shows less of the image's fine structure than is there."""
    compared: int = 0
    """Pictures in which that could be looked at."""
    flashes: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    untried: str = ""
    """Why images could not be looked for."""
    notes: tuple[str, ...] = ()


def look(
    film: Pictures,
    timeline: Timeline | None,
    selections: Selections | None,
    dialogue: Dialogue | None,
    lead: float,
    limits: FilmLimits,
) -> Look:
    """Look at all pictures.

    Args:
        lead: Seconds by which the dialogue is later than the time-line.
    """
    if timeline is None or selections is None or not selections.selections:
        what = "time-line" if timeline is None else "selection of images"
        frozen = list(_still(film, limits))
        return Look(
            has_title=False, has_tail=False, frozen=frozen, off=[], wrong=[],
            flashes=list(flashes(film)),
            untried=f"there is no {what}",
        )  # fmt: skip
    has_title = _TITLE < lead <= limits.lead and _differ(film, lead / 2, lead + 0.15)
    spans = _spans(film, timeline, dialogue, lead if has_title else 0.0)
    gallery = open_gallery(selections, film, spans)
    changes = find_changes(gallery, spans)
    wrong = dict(wrong_images(gallery, limits.likeness))
    clear = list(structures(gallery, wrong))
    allowed = one_picture(film) + _CLOCK
    good = [change for change in changes if _is_sure(change, wrong)]
    end = spans[-1].end
    return Look(
        has_title=has_title,
        has_tail=film.end > end + _TITLE and _differ(film, end - 0.15, (end + film.end) / 2),
        frozen=list(_frozen(film, gallery, spans)),
        off=list(changes_off(good, allowed, limits.longest_fade)),
        wrong=list(wrong.values()), changes=good, compared=len(clear),
        coarse=[
            f"line {number}: {value:.2f} of the fine structure of {name} is left (at least "
            f"{limits.structure})"
            for number, name, value in clear if value < limits.structure
        ],
        flashes=list(flashes(film, [change.start for change in changes])),
        notes=(f"images lie on the page by {gallery.usual.kind}",),
    )  # fmt: skip


def _is_sure(change: Change, wrong: dict[int, str]) -> bool:
    """Say whether a change can be told: both images are seen, be it not for all of their lines."""
    return change.number not in wrong or "of line" in wrong[change.number]


def _spans(
    film: Pictures, timeline: Timeline, dialogue: Dialogue | None, lead: float
) -> list[Span]:
    """Return when each line's picture is to be seen: with its sound where that is heard."""
    heard = dialogue.heard if dialogue is not None else {}
    starts = []
    for line in timeline.lines:
        start = line.start + lead
        if line.number in heard and abs(heard[line.number].at - start) < 0.5 * line.duration:
            start = heard[line.number].at
        starts.append(start)
    return [
        Span(
            number=line.number, start=start,
            end=min(start + line.duration, max(after, start + 0.05)),
            planned=(line.start + lead, line.start + lead + line.duration),
        )
        for line, start, after in zip(timeline.lines, starts, [*starts[1:], film.end], strict=True)
    ]  # fmt: skip


def _differ(film: Pictures, first: float, second: float) -> bool:
    difference = np.abs(picture_at(film, first) - picture_at(film, second))
    return float(difference.mean()) > _DIFFERENT


def _still(film: Pictures, limits: FilmLimits) -> Iterator[str]:
    for start, end in still_runs(film):
        if end - start > limits.longest_still:
            yield f"stands still from {start:.2f} s to {end:.2f} s"


def _frozen(film: Pictures, gallery: Gallery, spans: list[Span]) -> Iterator[str]:
    """Yield stretches without a change, over several images or in a film that moves elsewhere."""
    moving = moves(film)
    for start, end in still_runs(film):
        missed = [
            after.number
            for before, after in pairwise(spans)
            if start < after.start - _EDGE
            and end > after.start + _EDGE
            and before.number in gallery.paths
            and after.number in gallery.paths
            and not gallery.are_same(gallery.paths[before.number], gallery.paths[after.number])
        ]
        if len(missed) > 1:
            yield (
                f"the picture stands still from {start:.2f} s to {end:.2f} s, over "
                f"{len(missed)} changes of image, the first at line {missed[0]}"
            )
        elif moving and end - start > _MOVING_STILL and end < film.end - _EDGE:
            yield (
                f"the picture stands still from {start:.2f} s to {end:.2f} s, in a film that moves "
                "elsewhere"
            )
