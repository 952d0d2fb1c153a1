"""Write a generated clip as a WAV file, exactly what the model emitted, and judge it as read back.

It is 32-bit float: sixteen bits would turn NaN into silence and cut what is too loud, and so hide
what a check looks for. The header holds no time stamp: the same clip gives the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from proofbook.files import atomic_write
from proofbook.media import (
    AudioFault,
    AudioLimits,
    AudioMeasure,
    Clip,
    ExpectedAudio,
    find_audio_faults,
)
from proofbook_systems.musicgen.generation import Generation, Model

__all__ = ["AddedLevel", "added_level", "find_faults", "numbered", "write_wav"]

_IEEE_FLOAT = 3


def write_wav(clip: Generation, path: Path) -> Path:
    """Write ``clip`` to ``path``, making its folder, and return ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames, channels = clip.samples.shape
    data = clip.samples.astype("<f4").tobytes()
    block = 4 * channels
    form = struct.pack(
        "<HHIIHHH", _IEEE_FLOAT, channels, clip.rate, clip.rate * block, block, 32, 0
    )
    chunks = _chunk(b"fmt ", form) + _chunk(b"fact", struct.pack("<I", frames))
    body = b"WAVE" + chunks + _chunk(b"data", data)
    atomic_write(path, _chunk(b"RIFF", body), sync=False)
    return path


def find_faults(
    heard: Clip,
    model: Model,
    seconds: float,
    tolerance: float,
    *,
    quietest: float,
    most_silence: float,
    limits: Mapping[str, float],
) -> list[AudioFault]:
    """Return what a listener would object to in a clip of ``model``, the cause first.

    Args:
        heard: The clip, read back.
        model: What it must be like: rate, channels, and for a stereo model two that differ.
        seconds: Length that was asked for.
        tolerance: Seconds by which it may differ.
        quietest: dBFS that it must reach.
        most_silence: Share of it that may be silent.
        limits: Further limits that are not the usual ones, by name.

    Raises:
        SubjectError: There is no such limit.
    """
    usual = AudioLimits(quietest=quietest, most_silence=most_silence)
    expected = ExpectedAudio(
        content="music", rate=model.rate, channels=model.channels, stereo=model.channels == 2,
        seconds=seconds, tolerance=tolerance,
    )  # fmt: skip
    return find_audio_faults(
        heard.samples, heard.rate, limits=usual.changed(limits), expected=expected
    )


class AddedLevel(NamedTuple):
    """What a clip has beyond another one of the same model."""

    offset: float
    """Full scale by which it is further off centre."""
    clipped: float
    """Share of its samples that lie at full scale, beyond the other's."""


def added_level(heard: AudioMeasure, whole: AudioMeasure) -> AddedLevel:
    """Return what ``heard`` has that the clip of the whole model has not.

    A model may be off centre by itself, and one that was never trained often is: that is not the
    doing of where its weights are kept.
    """
    shares = [m.clipped_samples / max(1, m.frames * m.channels) for m in (heard, whole)]
    return AddedLevel(heard.dc_offset - whole.dc_offset, max(0.0, shares[0] - shares[1]))


def numbered(name: str, number: int) -> str:
    """Return ``name`` for the first of several, and with its number for each further one."""
    return name if number == 1 else f"{name}-{number}"


def _chunk(name: bytes, payload: bytes) -> bytes:
    padding = b"\0" * (len(payload) % 2)
    return name + struct.pack("<I", len(payload)) + payload + padding
