"""The boxes of an MP4 or MOV file: where its index lies, its edit lists, and whether it is whole.

Read by hand, for decoders hide all of it. Sources: ISO/IEC 14496-12, sections 4.2, 8.2 to 8.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

__all__ = ["Boxes", "Edit", "Track", "read_boxes"]

_LARGEST_INDEX = 64 << 20
"""Bytes of an index that is read; one of an hour has 2 MB."""


class Edit(NamedTuple):
    """One entry of an edit list."""

    seconds: float
    """For which it is played; 0 is to the end."""
    media: float | None
    """Seconds of the track where it begins; None shows nothing for its length."""
    speed: float


@dataclass(frozen=True, kw_only=True)
class Track:
    """What one track's boxes say."""

    kind: str
    """``video``, ``audio``, or the four letters of its handler."""
    seconds: float
    """Length of the media, edits not applied."""
    edits: tuple[Edit, ...]


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """What the boxes of a file say."""

    names: tuple[str, ...]
    """Of the outermost, in order."""
    tracks: tuple[Track, ...]
    missing: int
    """Bytes that the boxes announce and the file does not have."""
    is_fragmented: bool

    @property
    def starts_at_once(self) -> bool:
        """Whether the index lies before the data, so that a player need not load all of it."""
        names = [name for name in self.names if name in ("moov", "mdat")]
        return self.is_fragmented or names[:1] == ["moov"]


class _Box(NamedTuple):
    name: bytes
    start: int
    end: int


def read_boxes(path: Path) -> Boxes | None:
    """Return what the boxes say; None where it is no file of that family."""
    size = path.stat().st_size
    with path.open("rb") as file:
        outer = list(_boxes(file, 0, size))
        if not outer or outer[0].name not in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
            return None
        moov = next((box for box in outer if box.name == b"moov"), None)
        index = b""
        if moov is not None and moov.end - moov.start <= _LARGEST_INDEX:
            file.seek(moov.start)
            index = file.read(min(moov.end, size) - moov.start)
    return Boxes(
        names=tuple(box.name.decode("latin-1") for box in outer),
        tracks=tuple(_tracks(index)),
        missing=max(0, outer[-1].end - size),
        is_fragmented=any(box.name == b"moof" for box in outer),
    )


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    """Yield the boxes between two places; the last may reach beyond the end."""
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        length, body = int.from_bytes(head[:4], "big"), start + 8
        if length == 1:
            length, body = int.from_bytes(head[8:16], "big"), start + 16
        if length == 0:
            length = end - start
        if length < body - start:
            return
        yield _Box(head[4:8], body, start + length)
        start += length


def _children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 0
    while start + 8 <= len(data):
        length = int.from_bytes(data[start : start + 4], "big") or len(data) - start
        if length < 8:
            return
        yield data[start + 4 : start + 8], data[start + 8 : start + length]
        start += length


def _find(data: bytes, *names: bytes) -> bytes:
    """Return the content of a box by the names on the way to it; nothing where it is not there."""
    for wanted in names:
        data = next((content for name, content in _children(data) if name == wanted), b"")
    return data


def _tracks(moov: bytes) -> Iterator[Track]:
    movie_scale = _clock(_find(moov, b"mvhd"))[0]
    for name, trak in _children(moov):
        if name != b"trak":
            continue
        scale, duration = _clock(_find(trak, b"mdia", b"mdhd"))
        handler = _find(trak, b"mdia", b"hdlr")[8:12].decode("latin-1")
        elst = _find(trak, b"edts", b"elst")
        yield Track(
            kind={"vide": "video", "soun": "audio"}.get(handler, handler),
            seconds=duration / scale,
            edits=tuple(_edits(elst, movie_scale, scale)),
        )


def _clock(header: bytes) -> tuple[int, int]:
    """Return ticks a second and duration of ``mvhd`` or ``mdhd``, which begin alike."""
    if header[:1] == b"\1":
        return _integer(header, 20, 4) or 1, _integer(header, 24, 8)
    return _integer(header, 12, 4) or 1, _integer(header, 16, 4)


def _integer(data: bytes, start: int, length: int, *, signed: bool = False) -> int:
    return int.from_bytes(data[start : start + length], "big", signed=signed)


def _edits(elst: bytes, movie_scale: int, scale: int) -> Iterator[Edit]:
    wide = elst[:1] == b"\1"
    word, step = (8, 20) if wide else (4, 12)
    for entry in range(_integer(elst, 4, 4)):
        start = 8 + entry * step
        if start + step > len(elst):
            return
        media = _integer(elst, start + word, word, signed=True)
        yield Edit(
            seconds=_integer(elst, start, word) / movie_scale,
            media=None if media < 0 else media / scale,
            speed=_integer(elst, start + 2 * word, 4, signed=True) / 65536,
        )
