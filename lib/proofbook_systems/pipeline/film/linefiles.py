"""The sound files of a time-line's lines, decoded by FFmpeg as pipelines' own tools do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from proofbook_systems.pipeline.artefacts import PlacedLine, Timeline

__all__ = ["LineSound", "read_line_sounds"]


@dataclass(frozen=True, kw_only=True)
class LineSound:
    """One line's file."""

    line: PlacedLine
    samples: npt.NDArray[np.float32] = field(repr=False)
    """Shape (frames, channels); empty where it cannot be read."""
    rate: int
    trouble: str = ""
    """Why it cannot be read."""

    @property
    def mono(self) -> npt.NDArray[np.float32]:
        """The mean of its channels."""
        return np.asarray(self.samples.mean(axis=1), dtype=np.float32)

    @property
    def seconds(self) -> float:
        """Its real length."""
        return len(self.samples) / self.rate


def read_line_sounds(timeline: Timeline) -> list[LineSound]:
    """Decode each line's file; one that cannot be read has its trouble told."""
    return [_read(line) for line in timeline.lines]


def _read(line: PlacedLine) -> LineSound:
    import av

    nothing = np.zeros((0, 1), np.float32)
    if not line.audio.is_file():
        return LineSound(line=line, samples=nothing, rate=1, trouble="is not there")
    if not line.audio.stat().st_size:
        return LineSound(line=line, samples=nothing, rate=1, trouble="is empty, 0 bytes")
    try:
        samples, rate = _decode(line.audio)
    except (av.error.FFmpegError, ValueError, EOFError, IndexError) as error:
        words = str(error).split("]", 1)[-1].split(":", 1)[0].strip()
        return LineSound(line=line, samples=nothing, rate=1, trouble=f"is no sound: {words}")
    trouble = "" if len(samples) else "holds no sound"
    return LineSound(line=line, samples=samples, rate=rate, trouble=trouble)


def _decode(path: Path) -> tuple[npt.NDArray[np.float32], int]:
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
        blocks = [
            part.to_ndarray().T
            for frame in container.decode(stream)
            for part in resampler.resample(frame)
        ]
        rate = int(stream.rate)
    if not blocks:
        return np.zeros((0, 1), np.float32), rate
    return np.concatenate(blocks).astype(np.float32), rate
