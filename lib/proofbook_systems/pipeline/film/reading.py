"""Decode a film once: small pictures with their times, and its sound laid on the film's own clock.

Times are those at which a player shows a picture or lets a sample be heard: edit lists, delays of
encoders and gaps are all applied. Memory is bounded: of a picture a thumbnail is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from proofbook.errors import SubjectError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FilmSound", "Pictures", "ReadFilm", "read_film"]

_LONGEST_SIDE, _SMALLEST_SIDE = 80, 32
_BUDGET = 128 << 20
"""Bytes of thumbnails that are kept."""
_HIGHEST_RATE = 60
_MOST_WHOLE = 6
_SOON = 0.25


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """The pictures of a film, as shown: turned as the file says."""

    times: npt.NDArray[np.float64] = field(repr=False)
    """Seconds at which each is shown, rising."""
    end: float
    """Seconds at which the last is gone."""
    thumbs: npt.NDArray[np.uint8] = field(repr=False)
    """Shape (pictures, height, width, 3)."""
    whole: tuple[tuple[float, npt.NDArray[np.uint8]], ...] = field(repr=False)
    """A few that were coded by themselves, in full and grey, with their seconds."""
    width: int
    """Pixels as coded."""
    height: int
    rotation: int
    """Degrees by which a player turns them: 0, 90, 180, 270."""
    aspect: float
    """Width of a pixel in its heights."""
    codec: str
    profile: str
    pixels: str
    """As FFmpeg names it: ``yuv420p``."""
    is_interlaced: bool

    @property
    def step(self) -> float:
        """Seconds between two pictures, the median."""
        return float(np.median(np.diff(self.times))) if len(self.times) > 1 else self.end

    @property
    def rate(self) -> float:
        """Pictures a second, on average."""
        span = self.end - float(self.times[0])
        return len(self.times) / span if span > 0 else 0.0

    @property
    def shown(self) -> tuple[float, float]:
        """Width and height as shown."""
        width, height = self.width * self.aspect, float(self.height)
        return (height, width) if self.rotation % 180 else (width, height)


@dataclass(frozen=True, kw_only=True)
class FilmSound:
    """A film's sound; sample 0 is heard when the film starts."""

    samples: npt.NDArray[np.float32] = field(repr=False)
    """Shape (frames, channels)."""
    rate: int
    begins: float
    """Seconds at which the first sample is heard."""
    codec: str
    profile: str
    gap: float
    """Longest stretch for which the file has no sound within it, seconds."""

    @property
    def end(self) -> float:
        """Seconds at which the last sample has been heard."""
        return len(self.samples) / self.rate


@dataclass(frozen=True, kw_only=True)
class ReadFilm:
    """What was decoded of a file."""

    path: Path
    size: int
    container: str
    seconds: float
    """As the container has it."""
    pictures: Pictures | None
    sound: FilmSound | None
    has_sound_track: bool
    troubles: tuple[str, ...]
    """What could not be decoded, with its place."""


def read_film(path: Path) -> ReadFilm:
    """Decode a film.

    Raises:
        SubjectError: It is not there, empty, or nothing in it can be read.
    """
    import av

    if not path.is_file():
        raise SubjectError(f"{path}: there is no such film")
    if not path.stat().st_size:
        raise SubjectError(f"{path}: is empty, 0 bytes: the encoder wrote nothing")
    try:
        with av.open(str(path)) as container:
            return _Reading(path, container).read()
    except (av.error.FFmpegError, ValueError, EOFError) as error:
        raise SubjectError(f"{path}: no player can open it: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    words = str(error)
    return words.split("]", 1)[-1].split(":", 1)[0].strip() or words


class _Reading:
    """One pass over a container."""

    def __init__(self, path: Path, container: Any) -> None:
        from av.video.reformatter import VideoReformatter

        self.path, self.container = path, container
        videos = [s for s in container.streams.video if not _is_cover(s)]
        self.video = videos[0] if videos else None
        self.audio = container.streams.audio[0] if container.streams.audio else None
        self.times: list[tuple[float, float]] = []
        self.thumbs: list[npt.NDArray[np.uint8]] = []
        self.whole: list[tuple[float, npt.NDArray[np.uint8]]] = []
        self.blocks: list[tuple[float | None, npt.NDArray[np.float32]]] = []
        self.troubles: list[str] = []
        self.rotation, self.is_interlaced = 0, False
        self.resampler: Any = None
        self.scaler = VideoReformatter()  # a frame's own would be set up for every frame

    def read(self) -> ReadFilm:
        if self.video is None and self.audio is None:
            raise SubjectError(f"{self.path}: neither pictures nor sound in it")
        if self.video is not None:
            self.video.thread_type = "AUTO"
        for frame in self._frames():
            if hasattr(frame, "planes") and hasattr(frame, "interlaced_frame"):
                self._keep_picture(frame)
            else:
                self._keep_sound(frame)
        return ReadFilm(
            path=self.path, size=self.path.stat().st_size, container=self.container.format.name,
            seconds=(self.container.duration or 0) / 1e6, pictures=self._pictures(),
            sound=self._sound(), has_sound_track=self.audio is not None,
            troubles=tuple(self.troubles),
        )  # fmt: skip

    def _frames(self) -> Iterator[Any]:
        """Yield frames; what breaks is told, and the rest of the file is read on."""
        import av

        streams = [stream for stream in (self.video, self.audio) if stream is not None]
        packets, packet = iter(self.container.demux(*streams)), None
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                yield from packet.decode()
            except av.error.EOFError:
                continue
            except av.error.FFmpegError as error:
                kind = "sound" if packet is not None and packet.stream is self.audio else "picture"
                place = f" after {self._latest(kind):.2f} s"
                self.troubles.append(f"its {kind}s cannot be decoded{place}: {_reason(error)}")
                if len(self.troubles) > 20:
                    return

    def _latest(self, kind: str) -> float:
        if kind == "picture":
            return self.times[-1][0] if self.times else 0.0
        return self.blocks[-1][0] or 0.0 if self.blocks else 0.0

    def _keep_picture(self, frame: Any) -> None:
        if not self.thumbs:
            self.rotation = round(-frame.rotation) % 360
            self.is_interlaced = bool(frame.interlaced_frame)
        width, height = self._thumb_size(frame)
        small = self.scaler.reformat(
            frame, width=width, height=height, format="rgb24", interpolation="AREA"
        ).to_ndarray()
        turned = np.rot90(small, -self.rotation // 90) if self.rotation else small
        self.thumbs.append(np.ascontiguousarray(turned))
        self._keep_whole(frame)
        step = float(frame.duration * frame.time_base) if frame.duration else 0.0
        self.times.append((float(frame.time or 0.0), step))

    def _keep_whole(self, frame: Any) -> None:
        """Keep a picture in full now and then: of those that no other is needed to decode."""
        seconds = (self.container.duration or 60_000_000) / 1e6
        last = self.whole[-1][0] if self.whole else -seconds
        time = float(frame.time or 0.0)
        is_due = time - last > seconds / (2 * _MOST_WHOLE) and len(self.whole) < _MOST_WHOLE
        if frame.key_frame and is_due:
            turned = np.rot90(frame.to_ndarray(format="gray"), -self.rotation // 90)
            self.whole.append((time, np.ascontiguousarray(turned)))

    def _thumb_size(self, frame: Any) -> tuple[int, int]:
        assert self.video is not None
        shown = frame.width * _aspect(self.video), frame.height
        seconds = (self.container.duration or 60_000_000) / 1e6
        pictures = self.video.frames or seconds * min(
            _HIGHEST_RATE, float(self.video.average_rate or 30)
        )
        area = _BUDGET / max(1, pictures) / 3
        slim = min(shown) / max(shown)
        side = min(_LONGEST_SIDE, max(_SMALLEST_SIDE, int((area / slim) ** 0.5)))
        scale = side / max(shown)
        return max(8, round(shown[0] * scale)), max(8, round(shown[1] * scale))

    def _keep_sound(self, frame: Any) -> None:
        import av

        if self.resampler is None:
            self.resampler = av.AudioResampler(
                format="fltp", layout=frame.layout, rate=frame.sample_rate
            )
        start = None if frame.pts is None else float(frame.time)
        for part in self.resampler.resample(frame):
            self.blocks.append((start, part.to_ndarray().T.astype(np.float32)))
            start = None

    def _pictures(self) -> Pictures | None:
        if self.video is None or not self.thumbs:
            return None
        order = np.argsort([time for time, _ in self.times], kind="stable")
        times = np.array([self.times[place][0] for place in order]) - self._origin()
        last = self.times[order[-1]][1]
        usual = float(np.median(np.diff(times))) if len(times) > 1 else last
        if not last or usual < last < 2 * usual:  # some stretch it to the end of the sound
            last = usual
        codec = self.video.codec_context
        return Pictures(
            times=times, end=float(times[-1]) + last,
            thumbs=np.stack([self.thumbs[place] for place in order]),
            whole=tuple((time - self._origin(), picture) for time, picture in self.whole),
            width=codec.width, height=codec.height, rotation=self.rotation,
            aspect=_aspect(self.video), codec=codec.name, profile=str(codec.profile or ""),
            pixels=str(codec.pix_fmt or ""), is_interlaced=self.is_interlaced,
        )  # fmt: skip

    def _origin(self) -> float:
        """Return when the film begins: with its first picture, where that is soon.

        Without edit lists all is late by what the encoder of pictures holds back.
        """
        first = min((time for time, _ in self.times), default=0.0)
        return first if first < _SOON else 0.0

    def _sound(self) -> FilmSound | None:
        if self.audio is None or not self.blocks:
            return None
        origin = self._origin()
        blocks = [
            (None if start is None else start - origin, block) for start, block in self.blocks
        ]
        rate = int(self.audio.rate)
        placed, gap = _lay(blocks, rate)
        codec = self.audio.codec_context
        return FilmSound(
            samples=placed, rate=rate, begins=blocks[0][0] or 0.0, codec=codec.name,
            profile=str(codec.profile or ""), gap=gap,
        )  # fmt: skip


def _lay(
    blocks: list[tuple[float | None, npt.NDArray[np.float32]]], rate: int
) -> tuple[npt.NDArray[np.float32], float]:
    """Lay blocks where they are heard; return the track from 0 s on, and the longest hole in it."""
    places: list[tuple[int, npt.NDArray[np.float32]]] = []
    at, gap = round((blocks[0][0] or 0.0) * rate), 0
    slack = max(1, rate // 500)
    for start, samples in blocks:
        wanted = at if start is None else round(start * rate)
        if abs(wanted - at) > slack:
            gap = max(gap, wanted - at)
            at = wanted
        places.append((at, samples))
        at += len(samples)
    track = np.zeros((max(0, at), blocks[0][1].shape[1]), np.float32)
    for place, samples in places:
        cut = samples[max(0, -place) :]
        start = max(0, place)
        room = len(track) - start
        track[start : start + len(cut)] = cut[: max(0, room)]
    return track, gap / rate


def _aspect(stream: Any) -> float:
    ratio = stream.sample_aspect_ratio
    return float(ratio) if ratio else 1.0


def _is_cover(stream: Any) -> bool:
    """Say whether a stream is a picture of the file, not its pictures."""
    import av

    return bool(stream.disposition & av.stream.Disposition.attached_pic)
