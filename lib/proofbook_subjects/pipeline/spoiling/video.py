"""Faults of the video: of how it is encoded, of what is shown when, and of the finished file."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from proofbook_subjects.pipeline.cues import Cue
from proofbook_subjects.pipeline.faults import Faults
from proofbook_subjects.pipeline.film import Look
from proofbook_subjects.pipeline.timelines import Plan

__all__ = ["CUES", "FILES", "LOOKS", "fill_disk", "spoil_cues", "spoil_film", "spoil_look",
           "spoil_plan"]  # fmt: skip

_Cues = list[Cue]


def spoil_look(faults: Faults, look: Look) -> Look:
    """Return how a film is encoded, as the faults have it."""
    for kind in faults.of("video"):
        if kind in LOOKS:
            look = LOOKS[kind](look)
    return look


def spoil_plan(faults: Faults, plan: Plan) -> Plan:
    """Return a plan with its lines in another order, where a fault asks for it."""
    if not faults.has("video", "other_film"):
        return plan
    shots, at = [], 0.0
    for shot in reversed(plan.shots):
        shots.append(replace(shot, start=at))
        at += shot.duration
    return replace(plan, shots=tuple(shots))


def spoil_cues(faults: Faults, cues: Sequence[Cue]) -> _Cues:
    """Return what is shown until when, as the faults have it."""
    changed = list(cues)
    for kind, value in faults.of("video").items():
        if kind in CUES:
            changed = CUES[kind](changed, value)
    return changed


def fill_disk(faults: Faults, number: int, count: int) -> None:
    """Fail as a full disk does when half of the lines are filmed.

    Raises:
        OSError: A fault asks for it.
    """
    if faults.has("video", "disk_full") and number > count / 2:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def spoil_film(faults: Faults, path: Path) -> None:
    """Damage the finished file as the faults have it."""
    for kind in faults.of("video"):
        if kind in FILES:
            FILES[kind](path)


def _at(cues: _Cues, number: float) -> int:
    return min(max(int(number), 1), len(cues)) - 1


def _delayed(cues: _Cues, seconds: Callable[[int], float]) -> _Cues:
    """Move every change of picture, but not the end."""
    moved = [replace(cue, until=cue.until + seconds(n)) for n, cue in enumerate(cues[:-1], 1)]
    end = cues[-1].until
    return [replace(cue, until=min(cue.until, end)) for cue in moved] + cues[-1:]


def _one_late(cues: _Cues, number: float) -> _Cues:
    place = max(_at(cues, number), 1)
    before = replace(cues[place - 1], until=cues[place - 1].until + 0.5)
    return [*cues[: place - 1], before, *cues[place:]]


def _exchanged(cues: _Cues, number: float) -> _Cues:
    place = min(_at(cues, number), len(cues) - 2)
    one, two = cues[place : place + 2]
    swapped = [replace(one, image=two.image), replace(two, image=one.image)]
    return [*cues[:place], *swapped, *cues[place + 2 :]]


def _black(cues: _Cues, number: float) -> _Cues:
    place = _at(cues, number)
    return [*cues[:place], replace(cues[place], image=None, text=""), *cues[place + 1 :]]


def _frozen(cues: _Cues, _: float) -> _Cues:
    return [replace(cue, image=cues[0].image, text=cues[0].text) for cue in cues]


def _ended(cues: _Cues, seconds: float) -> _Cues:
    end = cues[-1].until - seconds
    return [replace(cue, until=min(cue.until, end)) for cue in cues]


def _longer(cues: _Cues, seconds: float) -> _Cues:
    last = cues[-1]
    return [*cues, replace(last, image=None, text="", until=last.until + seconds)]


_ROTATED = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 1080 * 65536, 0, 1 << 30)
"""The matrix of a track that is to be turned by 90 degrees."""
_MATRIX = 4 + 4 + 5 * 4 + 8 + 4 * 2
"""Bytes from a track header's type to its matrix."""


def _turn(path: Path) -> None:
    data = bytearray(path.read_bytes())
    place = data.find(b"tkhd") + _MATRIX
    data[place : place + len(_ROTATED)] = _ROTATED
    path.write_bytes(data)


def _cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


def _text(path: Path) -> None:
    path.write_text("This is no film.\n" * 100)


CUES: Mapping[str, Callable[[_Cues, float], _Cues]] = {
    "late_pictures": lambda cues, seconds: _delayed(cues, lambda _: seconds),
    "picture_drift": lambda cues, seconds: _delayed(cues, lambda n: n * seconds),
    "late_picture": _one_late,
    "swapped_pictures": _exchanged,
    "frozen": _frozen,
    "black_line": _black,
    "black_end": _longer,
    "cut_short": _ended,
}
LOOKS: Mapping[str, Callable[[Look], Look]] = {
    "no_sound": lambda look: replace(look, has_sound=False),
    "small": lambda look: replace(look, width=look.width // 4 * 2, height=look.height // 4 * 2),
    "landscape": lambda look: replace(look, width=look.height, height=look.width),
    "squeezed": lambda look: replace(look, pixel_aspect=(4, 3)),
    "turned": lambda look: replace(look, is_turned=True),
    "blocky": lambda look: replace(look, quality=51),
    "other_codec": lambda look: replace(look, codec="mpeg4"),
    "other_pixels": lambda look: replace(look, pixels="yuv444p"),
    "no_faststart": lambda look: replace(look, container={"use_editlist": "0"}),
    "edit_list": lambda look: replace(
        look, container={"movflags": "+faststart"}, video={"bf": "2"}, keeps_delay=True
    ),
}
FILES: Mapping[str, Callable[[Path], None]] = {"cut_off": _cut, "text": _text, "turned": _turn}
