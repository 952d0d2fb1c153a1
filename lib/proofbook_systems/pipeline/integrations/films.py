"""Films that nobody should post, and one that may be: made on the spot, as small as they can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["BadFilm", "make_bad_films"]

_LETTER = "This is a letter, and no film at all.\n"


@dataclass(frozen=True, kw_only=True)
class BadFilm:
    """A film that is to be refused."""

    name: str
    title: str
    path: Path
    names: tuple[str, ...]
    """Words, one of which names the cause."""


_SPOILT = ("not a", "no ", "not ", "invalid", "video", "film", "mp4", "moov", "trunc", "empty",
           "decod", "corrupt", "damage", "stream", "broken")  # fmt: skip


def make_bad_films(film: Path, folder: Path, *, longest: float) -> list[BadFilm]:
    """Make films that a platform refuses, from one that it takes.

    Args:
        film: The right one.
        folder: Where they go.
        longest: Seconds that a film may last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    makers: Mapping[str, Any] = {
        "text": lambda p: p.write_text(_LETTER * 200, encoding="utf-8"),
        "truncated": lambda p: p.write_bytes(film.read_bytes()[: film.stat().st_size * 6 // 10]),
        "empty": lambda p: p.touch(),
        "too-long": lambda p: _write(p, *_size_of(film), longest + 6.0),
        "wrong-size": lambda p: _write(p, 320, 240, 4.0),
        "missing": lambda p: p.unlink(missing_ok=True),
    }
    titles = {
        "text": "a text that is called .mp4", "truncated": "a film that breaks off",
        "empty": "a file without a byte", "too-long": f"a film of {longest + 6:g} s",
        "wrong-size": "a film of 320 x 240", "missing": "a film that is not there",
    }  # fmt: skip
    names = {
        "too-long": ("long", "duration", "second", " s", "limit"),
        "wrong-size": ("size", "resolution", "aspect", "320", "ratio", "width", "1080", "9:16"),
        "missing": ("not exist", "no such", "not found", "missing", "there is no"),
    }
    films = []
    for name, make in makers.items():
        path = folder / f"{name}.mp4"
        make(path)
        films.append(BadFilm(name=name, title=titles[name], path=path,
                             names=names.get(name, _SPOILT)))  # fmt: skip
    return films


def _size_of(film: Path) -> tuple[int, int]:
    """Return width and height, so that a film is refused for its length alone."""
    import av

    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height


def _write(path: Path, width: int, height: int, seconds: float) -> None:
    """Write a film of one picture a second, with a silent sound track."""
    import av
    import numpy as np

    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        pictures: Any = container.add_stream("h264", rate=1)
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv420p"
        pictures.options = {"preset": "ultrafast"}
        sound: Any = container.add_stream("aac", rate=8000)
        for number in range(round(seconds)):
            colour = np.full((height, width, 3), 40 + number * 13 % 160, dtype=np.uint8)
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(colour, format="rgb24")))
        container.mux(pictures.encode())
        for start in range(0, round(seconds * 8000), 1024):
            tone = 0.2 * np.sin(np.arange(start, start + 1024) / 4)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray([tone], dtype=np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = 8000, start
            container.mux(sound.encode(frame))
        container.mux(sound.encode())
