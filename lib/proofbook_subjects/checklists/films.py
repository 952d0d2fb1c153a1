"""A small film and the caption of its post, written on the spot."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

__all__ = ["write_caption", "write_film"]

_WORDS = "Butcher opens a shop. What could go wrong? #mouse #butcher #reels\n"
_RATE, _FPS = 44_100, 10


def write_caption(path: Path) -> Path:
    """Write a caption with three hashtags, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_WORDS, encoding="utf-8")
    return path


def write_film(
    path: Path,
    *,
    seconds: float = 2.0,
    width: int = 1080,
    height: int = 1920,
    sound: bool = True,
    moving: bool = True,
    level: float = 0.2,
    sound_seconds: float | None = None,
) -> Path:
    """Write a film of a bar that wanders over a coloured ground, with a melody; return its path."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        pictures: Any = container.add_stream("h264", rate=_FPS)
        pictures.width, pictures.height, pictures.pix_fmt = width, height, "yuv420p"
        pictures.options = {"preset": "ultrafast"}
        tone: Any = container.add_stream("aac", rate=_RATE) if sound else None
        for number in range(round(seconds * _FPS)):
            container.mux(pictures.encode(_draw(number if moving else 0, width, height)))
        container.mux(pictures.encode())
        if tone is not None:
            _add_melody(container, tone, sound_seconds or seconds, level)
    return path


def _draw(number: int, width: int, height: int) -> Any:
    import av
    import numpy as np

    picture = np.full((height, width, 3), (60, 110, 160), dtype=np.uint8)
    top = number * height // 25 % max(1, height - height // 8)
    picture[top : top + height // 8] = (230, 190, 90)
    return av.VideoFrame.from_ndarray(picture, format="rgb24")


def _add_melody(container: Any, stream: Any, seconds: float, level: float) -> None:
    import av
    import numpy as np

    samples = _play(seconds, level)
    for start in range(0, len(samples), 1024):
        part = np.stack([samples[start : start + 1024]] * 2)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(part), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = _RATE, start, Fraction(1, _RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _play(seconds: float, level: float) -> Any:
    """Return four plucked notes a second, over and over, with breath in them."""
    import numpy as np

    times = np.arange(round(seconds * _RATE)) / _RATE
    since = times % 0.25
    hertz = np.array([330.0, 392.0, 494.0, 392.0, 440.0])[(times / 0.25).astype(int) % 5]
    notes = sum(np.sin(2 * np.pi * k * hertz * since) / k for k in range(1, 9))
    shape = np.minimum(1, since / 0.005) * np.minimum(1, (0.25 - since) / 0.01) * np.exp(-4 * since)
    breath = 0.02 * np.random.default_rng(7).normal(0, 1, len(times))
    return (1.8 * level * (0.7 * notes + breath) * shape).astype(np.float32)
