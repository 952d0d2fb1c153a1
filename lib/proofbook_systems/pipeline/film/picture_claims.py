"""What is claimed of a film's pictures: their length, their images, and when they change."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from proofbook_systems.pipeline.film import standing
from proofbook_systems.pipeline.film.known import Known
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["claim_length", "claim_pictures"]

_AFTER = 0.1
"""Seconds that sound may go on after the last picture: a block of the codec, and some."""


def claim_length(known: Known) -> Iterator[Finding]:
    """Yield whether the film lasts as long as its time-line."""
    yield finding(
        "duration", _wrong_length(known),
        untried="" if known.timeline is not None else "there is no time-line",
        why="pictures or words are cut off, or stand beyond the end",
    )  # fmt: skip
    yield finding(
        "sound-and-pictures-together", _apart(known), why="one of them goes on without the other"
    )


def _wrong_length(known: Known) -> Iterator[str]:
    pictures = known.film.pictures
    if pictures is None or known.timeline is None or known.tail:
        return
    seconds = pictures.end - known.lead
    off = seconds - known.planned - _common_offset(known)
    if abs(off) > known.one_picture + 0.004:
        yield (
            f"its pictures last {seconds:.3f} s, the time-line {known.planned:.3f} s: "
            f"{abs(off):.3f} s too {'long' if off > 0 else 'short'}"
        )


def _common_offset(known: Known) -> float:
    """Return seconds by which all lines are late alike, if they may be: an encoder's delay."""
    if known.dialogue is None or not known.dialogue.heard:
        return 0.0
    offsets = [known.dialogue.offset(number) - known.lead for number in known.dialogue.heard]
    usual = median(offsets)
    return usual if abs(usual) <= known.limits.sync else 0.0


def _apart(known: Known) -> Iterator[str]:
    pictures, sound = known.film.pictures, known.film.sound
    if pictures is None:
        return
    if sound is not None and sound.end - pictures.end > known.one_picture + _AFTER:
        yield f"its sound goes on for {sound.end - pictures.end:.2f} s after the last picture"
    if pictures.times[0] > known.limits.sync:
        yield f"its first picture is shown at {pictures.times[0]:.2f} s"


def claim_pictures(known: Known) -> Iterator[Finding]:
    """Yield whether the right picture is shown at the right time."""
    pictures, seen = known.film.pictures, known.look
    if pictures is None or seen is None:
        return
    yield finding(
        "not-black", standing.black_pictures(pictures, known.limits.longest_black),
        why="a black picture is an image that is missing",
    )  # fmt: skip
    yield finding("not-frozen", seen.frozen, why="a picture that stands is taken for a stall")
    yield finding(
        "pictures-in-time", seen.off, untried=seen.untried,
        why="a picture that changes off the dialogue shows the wrong character speaking",
    )  # fmt: skip
    yield finding(
        "pictures-match", seen.wrong, untried=seen.untried,
        why="another character or emotion than the line's is seen",
    )  # fmt: skip
    if seen.compared:
        yield finding(
            "pictures-clear", seen.coarse,
            why="blocks and smeared edges of a coarse encoding are seen by everyone",
        )  # fmt: skip
    else:
        known.notes.append("how fine the pictures are was not compared: none stands still as it is")
    yield finding("no-flashes", seen.flashes, why="a flash is seen by everyone")
