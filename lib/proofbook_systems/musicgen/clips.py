"""Write a generated clip as a WAV file: 32-bit float, exactly what the model emitted.

Sixteen bits would turn NaN into silence and cut what is too loud, and so hide what a check looks
for. The header holds no time stamp: the same clip gives the same bytes.
"""

from __future__ import annotations

import struct
from pathlib import Path

from proofbook.files import atomic_write
from proofbook_systems.musicgen.generation import Generation

__all__ = ["numbered", "write_wav"]

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


def numbered(name: str, number: int) -> str:
    """Return ``name`` for the first of several, and with its number for each further one."""
    return name if number == 1 else f"{name}-{number}"


def _chunk(name: bytes, payload: bytes) -> bytes:
    padding = b"\0" * (len(payload) % 2)
    return name + struct.pack("<I", len(payload)) + payload + padding
