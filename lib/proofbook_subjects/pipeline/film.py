"""Encode a film: H.264 and AAC in an MP4 that starts at once and needs no edit list.

Without B-frames no picture is shown later than it is stored. The AAC encoder's first packet holds
only its own delay: it is left out, so that sound and picture both begin at 0. The sound is joined
as samples before its one encoding; each line is placed by its own start, so nothing adds up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.errors import MediaError
from proofbook_subjects.pipeline.sounds import FRAMES_A_SECOND, RATE, Samples

__all__ = ["Encoder", "Look"]

_BLOCK = 1024
_BT709 = 1
_LIMITED = 1


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a film is encoded."""

    width: int = 1080
    height: int = 1920
    rate: int = FRAMES_A_SECOND
    preset: str = "superfast"
    quality: int = 23
    """x264's constant rate factor."""
    sound_bits: int = 128_000
    container: dict[str, str] = field(
        default_factory=lambda: {"movflags": "+faststart", "use_editlist": "0"}
    )
    video: dict[str, str] = field(default_factory=lambda: {"x264-params": "subme=0"})
    """Further options of x264. Pictures stand still: a finer motion search gains nothing."""
    codec: str = "libx264"
    pixels: str = "yuv420p"
    pixel_aspect: tuple[int, int] = (1, 1)
    has_sound: bool = True
    keeps_delay: bool = False
    """Whether the AAC encoder's delay stays, to be hidden by an edit list."""
    is_turned: bool = False
    """Whether pictures are stored on their side."""


class Encoder:
    """Writes a film line by line; to be closed."""

    def __init__(self, path: Path, look: Look) -> None:
        import av

        self.look = look
        self._file = av.open(str(path), "w", format="mp4", options=look.container)
        self._pictures = self._add_pictures()
        self._sound: Any = None
        if look.has_sound:
            self._sound = self._file.add_stream("aac", rate=RATE, layout="stereo")
            self._sound.bit_rate = look.sound_bits
        self._shown = 0
        self._heard = self._sound_pts = 0
        self._rest: Samples | None = None

    def show(self, picture: Any, until: float) -> None:
        """Show a picture until a time in seconds, to the nearest frame."""
        import av
        import numpy as np

        wanted = round(until * self.look.rate)
        if wanted <= self._shown:
            return
        pixels = np.asarray(picture)
        if self.look.is_turned:
            pixels = np.ascontiguousarray(np.rot90(pixels))
        source = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame = source.reformat(format=self.look.pixels, dst_colorspace="ITU709")
        for number in range(self._shown, wanted):
            frame.pts, frame.time_base = number, Fraction(1, self.look.rate)
            self._file.mux(self._pictures.encode(frame))
        self._shown = wanted

    def play(self, samples: Samples, start: float) -> None:
        """Play samples from a time on; what is before it stays silent.

        Raises:
            MediaError: They would overlap what is already there.
        """
        import numpy as np

        at = round(start * RATE)
        if at < self._heard:
            raise MediaError(f"sound at {start:.3f} s overlaps what is before it")
        gap = np.zeros(at - self._heard, np.float32)
        kept = [gap, samples] if self._rest is None else [self._rest, gap, samples]
        self._heard = at + len(samples)
        joined = np.concatenate(kept)
        whole = len(joined) // _BLOCK * _BLOCK
        self._rest = joined[whole:]
        for block in _blocks(joined[:whole]):
            self._encode_sound(block)

    def close(self, total: float) -> None:
        """Fill the sound up to a time in seconds, and write the file's index."""
        import numpy as np

        missing = round(total * RATE) - self._heard
        if missing > 0:
            self.play(np.zeros(missing, np.float32), self._heard / RATE)
        if self._rest is not None and len(self._rest):
            self._encode_sound(self._rest)
        self._file.mux(self._pictures.encode())
        if self._sound is not None:
            self._mux_sound(self._sound.encode())
        self._file.close()

    def abandon(self) -> None:
        """Let go of the file, which is not finished."""
        self._file.close()

    def _add_pictures(self) -> Any:
        look = self.look
        stream: Any = self._file.add_stream(look.codec, rate=look.rate)
        sides = (look.width, look.height)
        stream.width, stream.height = reversed(sides) if look.is_turned else sides
        stream.pix_fmt = look.pixels
        stream.time_base = Fraction(1, look.rate)
        if look.codec == "libx264":
            stream.options = {
                "preset": look.preset, "crf": str(look.quality), "bf": "0",
                "g": str(2 * look.rate), **look.video,
            }  # fmt: skip
        context = stream.codec_context
        if look.pixel_aspect != (1, 1):
            context.sample_aspect_ratio = Fraction(*look.pixel_aspect)
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED
        return stream

    def _encode_sound(self, block: Samples) -> None:
        import av
        import numpy as np

        if self._sound is None:
            return
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(np.stack([block, block])), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
        frame.pts = self._sound_pts
        self._sound_pts += len(block)
        self._mux_sound(self._sound.encode(frame))

    def _mux_sound(self, packets: list[Any]) -> None:
        """Write the packets but the first, which holds only the encoder's delay."""
        for packet in packets:
            if self.look.keeps_delay or packet.pts is None or packet.pts >= 0:
                self._file.mux(packet)


def _blocks(samples: Samples) -> Iterator[Samples]:
    for start in range(0, len(samples), _BLOCK):
        yield samples[start : start + _BLOCK]
