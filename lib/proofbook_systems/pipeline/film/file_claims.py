"""What is claimed of the file: it plays to its end, has its shape, and is taken by a platform."""

from __future__ import annotations

from collections.abc import Iterator

from proofbook_systems.pipeline.film import coding
from proofbook_systems.pipeline.film.known import Known
from proofbook_systems.pipeline.film.platforms import over_limits, platform_of
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["claim_coding", "claim_file", "claim_platform"]


def claim_file(known: Known) -> Iterator[Finding]:
    """Yield what everything else rests on."""
    film, boxes = known.film, known.boxes
    yield finding("film-plays", coding.broken(film, boxes), why="viewers see a film that stops")
    yield finding(
        "size", coding.wrong_shape(film.pictures, known.limits) if film.pictures else [],
        why="the platform cuts or frames what has another shape",
        untried="" if film.pictures else "the film has no pictures",
    )  # fmt: skip
    yield finding(
        "edit-lists", coding.wrong_edits(boxes, known.limits) if boxes else [],
        why="players and platforms that ignore edit lists shift sound against pictures",
        untried=known.no_boxes,
    )  # fmt: skip


def claim_coding(known: Known) -> Iterator[Finding]:
    """Yield whether phones play it, and at once."""
    boxes, pictures = known.boxes, known.film.pictures
    yield finding(
        "stored-upright", coding.lies_on_its_side(pictures, known.limits) if pictures else [],
        why="uploads and editors that read the stored size cut it, or show it lying",
        untried="" if pictures else "the film has no pictures",
    )  # fmt: skip
    yield finding(
        "plays-on-phones", coding.not_for_phones(known.film, boxes),
        why="most viewers watch on a phone",
    )  # fmt: skip
    faults = ["its index (moov) lies behind its data (mdat): write it with faststart"]
    is_late = boxes is not None and not boxes.starts_at_once
    yield finding(
        "starts-at-once", faults if is_late else [], untried=known.no_boxes,
        why="a player must load the whole file before the first picture",
    )  # fmt: skip
    if boxes is not None and (note := coding.edits_told(boxes)):
        known.notes.append(note)


def claim_platform(known: Known) -> Iterator[Finding]:
    """Yield whether each platform takes it; whose limits, and of when, is noted."""
    for name in known.limits.platforms:
        platform = platform_of(name)
        known.notes.append(f"held to {platform.title}, as of {platform.date} ({platform.source})")
        yield finding(
            f"limits-of-{name}", over_limits(known.film, platform),
            why=f"{platform.title}: what is over the limits is refused or cut",
        )  # fmt: skip
