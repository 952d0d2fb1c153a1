"""Cut the lines out of one sound that holds them all, so that each can be listened to alone."""

from __future__ import annotations

import math
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.artefacts import PlacedLine, Timeline

__all__ = ["cut_lines", "mono_sound", "sound_seconds", "whole_sound"]

_SHORT = 0.5
"""Seconds by which the sound may end before the last line does."""

_PADDING = 0.1
"""Seconds of padding that an encoder adds, and that is not heard."""


def cut_lines(timeline: Timeline, folder: Path) -> Timeline:
    """Return a time-line whose lines have sounds of their own, where they all are in one.

    A sound that is shorter than the time-line cannot hold all lines: it stays the fault that it is.

    Raises:
        SubjectError: The sound cannot be decoded.
    """
    files = {line.audio for line in timeline.lines}
    if len(timeline.lines) < 2 or len(files) != 1 or not (sound := files.pop()).is_file():
        return timeline
    samples, rate, seconds = _decode(sound)
    last = max((line.end for line in timeline.lines if math.isfinite(line.end)), default=0.0)
    if len(samples) / rate < last - _SHORT:
        return timeline
    folder.mkdir(parents=True, exist_ok=True)
    lines = tuple(_cut(line, samples, rate, folder) for line in timeline.lines)
    total = seconds if math.isnan(timeline.total) else timeline.total
    return replace(timeline, lines=lines, total=total, cut_from=sound)


def whole_sound(timeline: Timeline) -> Timeline:
    """Return the one sound that a time-line was cut from as a time-line of one line.

    Raises:
        SubjectError: It cannot be decoded.
    """
    assert timeline.cut_from is not None
    seconds = sound_seconds(timeline.cut_from)
    line = PlacedLine(
        number=1, character="", text=" ".join(x.text for x in timeline.lines), emotion="",
        audio=timeline.cut_from, start=0.0, duration=seconds, end=seconds,
    )  # fmt: skip
    return replace(timeline, lines=(line,), total=seconds, cut_from=None)


def mono_sound(path: Path) -> tuple[npt.NDArray[np.int16], int]:
    """Return a sound's samples, or a film's, all channels in one, and how many there are a second.

    Raises:
        SubjectError: It cannot be decoded.
    """
    samples, rate, _ = _decode(path)
    return samples, rate


def sound_seconds(path: Path) -> float:
    """Return how long a sound is.

    Raises:
        SubjectError: It cannot be decoded.
    """
    samples, rate, _ = _decode(path)
    return len(samples) / rate


def _cut(line: PlacedLine, samples: npt.NDArray[np.int16], rate: int, folder: Path) -> PlacedLine:
    path = folder / f"line {line.number}.wav"
    first, last = (max(0, round(at * rate)) for at in (line.start, line.end))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples[first:last].tobytes())
    return replace(line, audio=path)


def _decode(path: Path) -> tuple[npt.NDArray[np.int16], int, float]:
    """Return mono samples, their rate, and the seconds that programs are told, padding and all."""
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            rate = int(stream.rate)
            resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
            blocks, ticks = [], 0
            for packet in container.demux(stream):
                ticks += packet.duration or 0
                blocks += [
                    part.to_ndarray()[0]
                    for frame in packet.decode()
                    for part in resampler.resample(frame)
                ]
            told = float(ticks * (stream.time_base or 0))
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        raise SubjectError(f"sound {path} cannot be decoded: {error}") from error
    if not blocks:
        raise SubjectError(f"sound {path} holds nothing that can be decoded")
    samples = np.concatenate(blocks).astype(np.int16)
    real = len(samples) / rate
    return samples, rate, told if abs(told - real) < _PADDING else real
