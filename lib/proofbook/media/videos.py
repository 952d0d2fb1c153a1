"""Films: decode, measure, and draw a contact sheet. Knows nothing about where a film comes from.

Decoding is PyAV's, which brings its own FFmpeg.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.errors import SubjectError
from proofbook.media.levels import AudioMeasure, measure_audio
from proofbook.media.media import Media, existing_file, number, suffix_of
from proofbook.records import Fact, Label

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image

__all__ = ["VideoMeasure", "measure_video", "read_sound_track", "video"]

_BLACK = 0.04
"""Mean luminance below which a picture is black."""
_SAME = 0.002
"""Mean difference of luminance below which two pictures are the same."""
_SMALL = 64
_SHEET, _COLUMNS, _TILE = 12, 6, 150


@dataclass(frozen=True, kw_only=True)
class VideoMeasure:
    """What was measured of a film."""

    seconds: float
    """Of the pictures, by their time stamps."""
    width: int
    height: int
    rate: float
    """Pictures a second, on average."""
    frames: int
    codec: str
    size: int
    """Bytes of the file."""
    black_share: float
    """Share of pictures that are black, 0 to 1."""
    frozen_seconds: float
    """Longest time for which the picture does not change."""
    sound: AudioMeasure | None
    """None where there is no sound track."""

    @property
    def sound_seconds(self) -> float:
        """Duration of the sound track; 0 where there is none."""
        return self.sound.seconds if self.sound else 0.0


def measure_video(path: str | Path) -> VideoMeasure:
    """Decode and measure a film.

    Raises:
        SubjectError: The file is missing, empty, broken, or no film.
    """
    return _read(existing_file(path, "video"))[0]


def read_sound_track(path: str | Path) -> tuple[npt.NDArray[np.float32], int] | None:
    """Return the samples of a film's sound, shape (frames, channels), and their rate in Hz.

    None where the film has no sound.

    Raises:
        SubjectError: The file is missing, empty, broken, or no film.
    """
    import av

    file = existing_file(path, "video")
    try:
        return _decode_sound(file)
    except (av.error.FFmpegError, ValueError, EOFError) as error:
        raise SubjectError(f"{file}: its sound cannot be read: {error}") from error


def video(path: str | Path, *, name: str = "", caption: str = "", **labels: Label) -> Media:
    """Return a film as evidence, with what was measured and a contact sheet.

    Raises:
        SubjectError: The file is missing, empty, broken, or no film.
    """
    file = existing_file(path, "video")
    measure, pictures = _read(file)
    return Media(
        kind="video",
        source=file,
        suffix=suffix_of(file, ".mp4"),
        name=name or file.stem,
        caption=caption,
        labels=labels,
        facts=_state_facts(measure),
        views={"contact-sheet": _draw_sheet(pictures)},
    )


def _read(path: Path) -> tuple[VideoMeasure, list[Image]]:
    import av

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise SubjectError(f"{path}: no pictures in it")
            return _measure(path, container)
    except (av.error.FFmpegError, ValueError, EOFError) as error:
        raise SubjectError(f"{path}: not a film that can be read: {error}") from error


def _measure(path: Path, container: Any) -> tuple[VideoMeasure, list[Image]]:
    import numpy as np

    stream = container.streams.video[0]
    wanted = _wanted(stream, container)
    times: list[float] = []
    black, frozen, longest = 0, 0.0, 0.0
    before: npt.NDArray[np.float64] | None = None
    pictures: list[Image] = []
    width = height = 0
    for frame in container.decode(stream):
        times.append(float(frame.time or 0))
        width, height = frame.width, frame.height
        small = frame.reformat(_SMALL, _SMALL, "gray").to_ndarray().astype(np.float64) / 255
        black += bool(small.mean() < _BLACK)
        same = before is not None and float(np.abs(small - before).mean()) < _SAME
        frozen = frozen + times[-1] - times[-2] if same else 0.0
        longest, before = max(longest, frozen), small
        if len(pictures) < _SHEET and len(times) - 1 >= wanted * len(pictures):
            pictures.append(frame.to_image())
    if not times:
        raise SubjectError(f"{path}: no picture in it can be decoded")
    seconds = times[-1] - times[0] + (times[-1] - times[0]) / max(1, len(times) - 1)
    measure = VideoMeasure(
        seconds=seconds, width=width, height=height, frames=len(times),
        rate=len(times) / seconds if seconds else 0.0, codec=stream.codec_context.name,
        size=path.stat().st_size, black_share=black / len(times), frozen_seconds=longest,
        sound=_measure_sound(path),
    )  # fmt: skip
    return measure, pictures


def _wanted(stream: Any, container: Any) -> float:
    """Return how many pictures lie between two of the contact sheet."""
    known = stream.frames or float(stream.average_rate or 25) * (container.duration or 0) / 1e6
    return max(1.0, known / _SHEET)


def _measure_sound(path: Path) -> AudioMeasure | None:
    track = _decode_sound(path)
    return None if track is None else measure_audio(*track)


def _decode_sound(path: Path) -> tuple[npt.NDArray[np.float32], int] | None:
    import av
    import numpy as np

    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
        blocks = [
            part.to_ndarray().T
            for frame in container.decode(stream)
            for part in resampler.resample(frame)
        ]
        if not blocks:
            return None
        return np.concatenate(blocks).astype(np.float32), stream.rate


def _draw_sheet(pictures: list[Image]) -> bytes:
    from PIL import Image

    tall = max(picture.height / picture.width for picture in pictures)
    rows = -(-len(pictures) // _COLUMNS)
    height = round(_TILE * tall)
    columns = min(_COLUMNS, len(pictures))
    sheet = Image.new("RGB", (columns * (_TILE + 4), rows * (height + 4)), (24, 24, 26))
    for place, picture in enumerate(pictures):
        tile = picture.resize((_TILE, round(_TILE * picture.height / picture.width)))
        sheet.paste(
            tile, (place % _COLUMNS * (_TILE + 4) + 2, place // _COLUMNS * (height + 4) + 2)
        )
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    return buffer.getvalue()


def _state_facts(measure: VideoMeasure) -> tuple[Fact, ...]:
    facts = [
        number("duration", measure.seconds, "s", digits=3),
        Fact(name="size", value=f"{measure.width} × {measure.height}", unit="px"),  # noqa: RUF001 - sign
        number("rate", measure.rate, "fps"),
        Fact(name="codec", value=measure.codec),
        number("file", measure.size / 1e6, "MB"),
        number("black", 100 * measure.black_share, "%", digits=1),
        number("longest still", measure.frozen_seconds, "s"),
        number("sound", measure.sound_seconds, "s", digits=3),
    ]
    if measure.sound is not None:
        facts.append(number("RMS", measure.sound.rms_dbfs, "dBFS"))
        if measure.sound.loudness_lufs is not None:
            facts.append(number("loudness", measure.sound.loudness_lufs, "LUFS", digits=1))
    return tuple(facts)
