"""A film, or a sound file that is to become one: its pictures where it has any, and its sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from proofbook.errors import SubjectError
from proofbook.media import (
    AudioFault,
    AudioLimits,
    ExpectedAudio,
    Media,
    VideoMeasure,
    audio,
    find_audio_faults,
    measure_video,
    read_audio,
    read_sound_track,
    video,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Film", "read_film"]

_SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".aif", ".aiff")


@dataclass(frozen=True, kw_only=True)
class Film:
    """What was read of a file."""

    path: Path
    pictures: VideoMeasure | None
    """None where it is a sound file."""
    samples: npt.NDArray[np.float32] | None = field(repr=False)
    """Shape (frames, channels); None where it has no sound."""
    rate: int

    @property
    def no_pictures(self) -> str:
        """Why nothing can be said of pictures; empty where it has some."""
        if self.pictures is not None:
            return ""
        return f"{self.path.name} is a sound file: it has no pictures to look at"

    @property
    def sound_seconds(self) -> float:
        """Length of the sound; 0 where there is none."""
        return 0.0 if self.samples is None else len(self.samples) / self.rate

    def find_faults(
        self, *, quietest: float, most_silence: float, limits: Mapping[str, float]
    ) -> list[AudioFault]:
        """Return what a listener would object to in the sound, the cause first.

        Args:
            quietest: dBFS that it must reach.
            most_silence: Share of it that may be silent.
            limits: Further limits by name.

        Raises:
            SubjectError: There is no such limit.
        """
        usual = AudioLimits(quietest=quietest, most_silence=most_silence).changed(limits)
        if self.samples is None:
            return []
        expected = ExpectedAudio(content="any")
        return find_audio_faults(self.samples, self.rate, limits=usual, expected=expected)

    def show(self, caption: str) -> Media:
        """Return it as evidence."""
        if self.pictures is None:
            return audio(self.path, caption=caption)
        return video(self.path, name="film", caption=caption)


def read_film(path: Path) -> Film:
    """Read a film, or a sound file, which is told by its suffix.

    Raises:
        SubjectError: It is neither, or broken.
    """
    if path.suffix.lower() in _SOUNDS:
        clip = read_audio(path)
        return Film(path=path, pictures=None, samples=clip.samples, rate=clip.rate)
    try:
        pictures = measure_video(path)
    except SubjectError as error:
        raise SubjectError(
            f"{error}; give a film, or a sound file ({', '.join(_SOUNDS)})"
        ) from error
    track = read_sound_track(path)
    samples, rate = track or (None, 0)
    return Film(path=path, pictures=pictures, samples=samples, rate=rate)
