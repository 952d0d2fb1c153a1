"""How a film is written: whether phones play it, at which size, and what its boxes say."""

from __future__ import annotations

from collections.abc import Iterator

from proofbook_systems.pipeline.film.boxes import Boxes, Track
from proofbook_systems.pipeline.film.limits import FilmLimits
from proofbook_systems.pipeline.film.reading import Pictures, ReadFilm

__all__ = [
    "broken",
    "edits_told",
    "lies_on_its_side",
    "not_for_phones",
    "wrong_edits",
    "wrong_shape",
]

_PLAYED = ("yuv420p", "yuvj420p", "nv12")
_CODECS = ("h264", "hevc")
_PRIMING, _REORDER = 0.07, 0.35
"""Seconds that an encoder puts before the first sound and the first picture."""
_NOTHING = 0.1
"""Seconds of nothing that joining files leaves: the delay of both encoders."""
_ASPECT = 0.01


def broken(film: ReadFilm, boxes: Boxes | None) -> Iterator[str]:
    """Yield what cannot be decoded, and bytes that are missing."""
    if boxes is not None and boxes.missing:
        yield (
            f"is truncated: {boxes.missing} bytes of what its boxes announce are missing; it was "
            "not written to its end"
        )
    yield from film.troubles
    if film.pictures is None:
        yield "has no pictures that can be decoded"


def wrong_shape(pictures: Pictures, limits: FilmLimits) -> Iterator[str]:
    """Yield what departs from the wanted size, as a player shows it."""
    width, height = pictures.shown
    coded = f"{pictures.width} × {pictures.height}"  # noqa: RUF001 - sign
    wanted = f"{limits.width} × {limits.height}"  # noqa: RUF001 - sign
    is_square = abs(pictures.aspect - 1) < _ASPECT
    if (round(width), round(height)) != (limits.width, limits.height):
        turned = (
            f": its rotation flag turns it by {pictures.rotation}°" if pictures.rotation else ""
        )
        pixels = "" if is_square else f": its pixels are not square, {pictures.aspect:.3f} : 1"
        shown = f"{width:.0f} × {height:.0f}"  # noqa: RUF001 - sign
        yield f"is shown at {shown}, not {wanted} (coded {coded}){turned}{pixels}"
    elif not is_square:
        yield f"its pixels are not square, {pictures.aspect:.3f} : 1 (coded {coded})"
    if pictures.rotation == 180:
        yield "its rotation flag turns it upside down (180°)"


def lies_on_its_side(pictures: Pictures, limits: FilmLimits) -> Iterator[str]:
    """Yield that a film is upright by a note alone."""
    if pictures.rotation in (90, 270) and not limits.turned:
        yield (
            f"is stored as {pictures.width} × {pictures.height}, on its side, with a note to "  # noqa: RUF001 - sign
            f"turn it by {pictures.rotation}°: what reads the size alone takes it for another. If "
            "it is meant so, and all that it is uploaded to heeds the note, give turned: true"
        )


def not_for_phones(film: ReadFilm, boxes: Boxes | None) -> Iterator[str]:
    """Yield what the decoders in phones and browsers do not play."""
    pictures = film.pictures
    if pictures is not None:
        if pictures.codec not in _CODECS:
            yield f"its pictures are {pictures.codec}; phones decode {', '.join(_CODECS)}"
        if pictures.pixels not in _PLAYED:
            yield (
                f"its pixels are {pictures.pixels} (profile {pictures.profile}); the decoders of "
                "phones play 8 bits, 4:2:0 (yuv420p)"
            )
        if pictures.is_interlaced:
            yield "its pictures are interlaced: every edge that moves is a comb"
    if boxes is None:
        yield f"its container is {film.container}, not MP4 or MOV"


def wrong_edits(boxes: Boxes, limits: FilmLimits) -> Iterator[str]:
    """Yield edit lists that move, cut or repeat what is played."""
    for track in boxes.tracks:
        for fault in _faults(track):
            yield f"the edit list of its {track.kind} {fault}"
        if limits.edit_lists == "none" and track.edits and not list(_faults(track)):
            yield f"its {track.kind} has an edit list; none is wanted"


def edits_told(boxes: Boxes) -> str:
    """Return a note on edit lists that are harmless; nothing where there are none."""
    kinds = [t.kind for t in boxes.tracks if t.edits and not list(_faults(t)) and _matters(t)]
    if not kinds:
        return ""
    return (
        f"edit lists of {' and '.join(kinds)} only drop what the encoder put before the start; "
        "Instagram's documentation asks for none"
    )


def _matters(track: Track) -> bool:
    return any(edit.media for edit in track.edits)


def _faults(track: Track) -> Iterator[str]:
    empty = [edit for edit in track.edits if edit.media is None]
    parts = [edit for edit in track.edits if edit.media is not None]
    lost = sum(edit.seconds for edit in empty)
    if lost > _NOTHING:
        yield f"begins with {1000 * lost:.0f} ms of nothing: players that ignore it start early"
    if len(parts) > 1:
        yield f"has {len(parts)} parts: players that ignore it show them all in their coded order"
    if parts and track.kind in ("audio", "video"):
        allowed = _PRIMING if track.kind == "audio" else _REORDER
        skipped = parts[0].media or 0.0
        if skipped > allowed:
            yield f"skips {1000 * skipped:.0f} ms: players that ignore it are late by that"
        played = sum(edit.seconds for edit in parts)
        rest = track.seconds - skipped - played
        if played > 0 and len(parts) == 1 and rest > max(0.1, allowed):
            yield f"leaves out the last {rest:.2f} s of its media"
    for edit in parts:
        if edit.speed not in (0.0, 1.0):
            yield f"plays at {edit.speed:g} times its speed"
