"""Sound files: decode, measure, draw. Knows nothing about where a clip comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.errors import SubjectError
from proofbook.media.levels import AudioMeasure, measure_audio
from proofbook.media.media import Media, existing_file, number, suffix_of
from proofbook.records import Fact, Label

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Clip", "audio", "read_audio"]

_STREAMED = 0x7FFF_0000
"""A RIFF size from here on means "unknown", as programs that write to a pipe put it."""

_MP3_HEAD = 1 << 16
"""Bytes within which an MP3 has its header, behind its tags."""
_MP3_SLACK = 4 * 1152
"""Frames by which an MP3's header may exceed what is decoded: the encoder's delay and padding."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A decoded sound."""

    path: Path
    samples: npt.NDArray[np.float32] = field(repr=False)
    """Shape (frames, channels); full scale is -1 to 1."""
    rate: int
    """Hz."""
    subtype: str
    """How samples are stored: ``PCM_16``, ``FLOAT``."""
    measure: AudioMeasure

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.measure.seconds

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.measure.channels


def read_audio(path: str | Path) -> Clip:
    """Decode and measure a sound file (WAV, FLAC, Ogg, MP3 and what else libsndfile reads).

    Raises:
        SubjectError: The file is missing, empty, truncated, or no sound.
    """
    import soundfile

    place = existing_file(path, "audio")
    try:
        with soundfile.SoundFile(place) as file:
            announced, rate, subtype = file.frames, file.samplerate, file.subtype
            samples = file.read(dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError, OSError) as error:
        raise SubjectError(f"{place}: not a sound file that can be read: {error}") from error
    if subtype.startswith("MPEG_LAYER"):
        announced = _mp3_frames(place, announced)
    _refuse_truncated(place, announced, len(samples))
    measure = measure_audio(samples, rate)
    return Clip(path=place, samples=samples, rate=rate, subtype=subtype, measure=measure)


def audio(path: str | Path, *, caption: str = "", **labels: Label) -> Media:
    """Return a sound file as evidence, with its levels, a waveform and a spectrogram.

    Raises:
        SubjectError: The file is missing, empty, truncated, or no sound.
    """
    from proofbook.media.drawing import draw_spectrogram, draw_waveform

    clip = read_audio(path)
    return Media(
        kind="audio",
        source=clip.path,
        suffix=suffix_of(clip.path, ".wav"),
        name=clip.path.stem,
        caption=caption,
        labels=labels,
        facts=_state_facts(clip),
        views={
            "waveform": draw_waveform(clip.samples, clip.rate),
            "spectrogram": draw_spectrogram(clip.samples, clip.rate),
        },
    )


def _state_facts(clip: Clip) -> tuple[Fact, ...]:
    measure = clip.measure
    loudness = (
        Fact(name="loudness", value=measure.loudness_note)
        if measure.loudness_lufs is None
        else number("loudness", measure.loudness_lufs, "LUFS", digits=1)
    )
    facts: list[Any] = [
        number("duration", measure.seconds, "s", digits=3),
        number("sample rate", measure.rate, "Hz", digits=0),
        number("channels", measure.channels, digits=0),
        Fact(name="format", value=clip.subtype),
        number("peak", measure.peak_dbfs, "dBFS"),
        number("RMS", measure.rms_dbfs, "dBFS"),
        loudness,
        number("DC offset", measure.dc_offset, "FS", digits=5),
        number("clipped", measure.clipped_samples, "samples", digits=0),
        number("silent", 100 * measure.silent_share, "%", digits=1),
    ]
    if measure.non_finite:
        facts.append(number("NaN or infinite", measure.non_finite, "samples", digits=0))
    return tuple(facts)


def _mp3_frames(path: Path, announced: int) -> int:
    """Return the least frames of an MP3 that is whole.

    Without the header that encoders write at the end, as into a pipe they cannot, its length is an
    estimate, of which nothing follows.
    """
    with path.open("rb") as file:
        head = file.read(_MP3_HEAD)
    return announced - _MP3_SLACK if any(mark in head for mark in (b"Xing", b"Info")) else 0


def _refuse_truncated(path: Path, announced: int, decoded: int) -> None:
    """Compare with what the header announces; libsndfile shortens a cut RIFF file in silence."""
    if decoded < announced:
        raise SubjectError(f"{path}: truncated: {decoded} of {announced} frames can be decoded")
    with path.open("rb") as file:
        head = file.read(8)
    if head[:4] == b"RIFF":
        promised, size = int.from_bytes(head[4:8], "little") + 8, path.stat().st_size
        if size < promised and promised < _STREAMED:
            raise SubjectError(
                f"{path}: truncated: {size} of {promised} bytes; write the file again"
            )
