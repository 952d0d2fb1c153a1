"""Judge a film: read it once, hear it against its time-line, look at it, and say the cause first.

The order of the findings is that of causes: no finding is the consequence of a later one.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.artefacts import Selections, Timeline
from proofbook_systems.pipeline.film.boxes import read_boxes
from proofbook_systems.pipeline.film.file_claims import claim_coding, claim_file, claim_platform
from proofbook_systems.pipeline.film.known import Known, know
from proofbook_systems.pipeline.film.limits import FilmLimits
from proofbook_systems.pipeline.film.picture_claims import claim_length, claim_pictures
from proofbook_systems.pipeline.film.platforms import platform_of
from proofbook_systems.pipeline.film.reading import read_film
from proofbook_systems.pipeline.film.report import FilmReport
from proofbook_systems.pipeline.film.sound_claims import (
    claim_cleanness,
    claim_dialogue,
    claim_levels,
    claim_sound,
)
from proofbook_systems.pipeline.findings import finding

__all__ = ["judge_film"]

_CLAIMS = (
    claim_file, claim_sound, claim_dialogue, claim_length, claim_levels, claim_pictures,
    claim_cleanness, claim_coding, claim_platform,
)  # fmt: skip


def judge_film(
    path: Path, timeline: Timeline | None, selections: Selections | None, limits: FilmLimits
) -> FilmReport:
    """Return all that can be said of a film by itself, and against what it was made of.

    Without a time-line nothing is said of the dialogue's place, without selections nothing of the
    images; both are told as untried.

    Raises:
        SubjectError: The limits name a platform that is not known.
    """
    for name in limits.platforms:
        platform_of(name)
    try:
        film, boxes = read_film(path), read_boxes(path)
    except SubjectError as error:
        fault = f"{_unfinished(path)}{error}"
        why = "a film that no player opens is none"
        return FilmReport(findings=[finding("film-plays", [fault], why=why)])
    with threadpool_limits(1):  # what is computed is small: a second thread only spins
        known = know(film, boxes, timeline, selections, limits)
        findings = list(chain.from_iterable(claim(known) for claim in _CLAIMS))
        return FilmReport(
            findings=findings, numbers=_numbers(known), notes=tuple(known.notes),
            offsets=_offsets(known),
        )  # fmt: skip


def _unfinished(path: Path) -> str:
    """Say that a file ends before its boxes do, which is why no player opens it."""
    if not path.is_file() or not path.stat().st_size:
        return ""
    boxes = read_boxes(path)
    if boxes is None or ("moov" in boxes.names and not boxes.missing):
        return ""
    return "is truncated: it was not written to its end, its index is missing; "


def _offsets(known: Known) -> dict[int, tuple[float, float | None]]:
    dialogue = known.dialogue
    if dialogue is None:
        return {}
    changes = {c.number: c.middle for c in known.look.changes} if known.look else {}
    offsets: dict[int, tuple[float, float | None]] = {}
    for number in dialogue.heard:
        start = dialogue.line(number).start + known.lead
        picture = 1000 * (changes[number] - start) if number in changes else None
        offsets[number] = 1000 * (dialogue.heard[number].at - start), picture
    return offsets


def _numbers(known: Known) -> dict[str, float]:
    numbers: dict[str, float] = {}
    pictures, levels, dialogue = known.film.pictures, known.levels, known.dialogue
    if pictures is not None:
        numbers |= {"duration_s": pictures.end, "rate_fps": pictures.rate}
    numbers["size_mb"] = known.film.size / 1e6
    if levels is not None and levels.lufs is not None:
        numbers |= {"loudness_lufs": levels.lufs, "true_peak_dbtp": levels.true_peak}
    offsets = _offsets(known)
    if offsets:
        numbers["sync_ms"] = max(abs(sound) for sound, _ in offsets.values())
        numbers["sync_last_ms"] = offsets[max(offsets)][0]
    apart = [abs(picture - sound) for sound, picture in offsets.values() if picture is not None]
    if apart:
        numbers["pictures_apart_ms"] = max(apart)
    if dialogue is not None and dialogue.heard:
        gains = [heard.gain for heard in dialogue.heard.values()]
        numbers["dialogue_gain_db"] = float(np.median(gains))
    return numbers
