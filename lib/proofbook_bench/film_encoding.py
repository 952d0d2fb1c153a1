"""Encode the same film by the small pipeline's encoder, and by a plain filter graph of PyAV.

Both get the same pictures and sounds, and the same options of x264 and AAC; the graph shows each
picture as FFmpeg's ``loop`` filter does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from proofbook_subjects.pipeline.film import Encoder, Look
from proofbook_subjects.pipeline.pictures import draw_shot, open_image
from proofbook_subjects.pipeline.project import prepare_project
from proofbook_subjects.pipeline.sounds import RATE

__all__ = ["Shot", "encode_by_graph", "encode_by_pipeline", "make_shots"]

_TEXT = "So that is what they all talk about: night trains, cheese, and the weather!"
_BLOCK = 1024


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One line of the film."""

    picture: Any
    samples: npt.NDArray[np.float32]
    start: float
    end: float
    """Seconds."""


def make_shots(folder: Path, seconds: float, each: float = 3.0) -> list[Shot]:
    """Return shots that last ``seconds`` in all, with the images of the small pipeline."""
    images = sorted(prepare_project(folder).rglob("*.png")) or sorted(folder.rglob("*.jpg"))
    look, random = Look(), np.random.default_rng(7)
    shots: list[Shot] = []
    at = 0.0
    while at < seconds - 1e-6:
        end = min(seconds, at + each)
        image = open_image(images[len(shots) % len(images)], look.width, look.height, "shot")
        noise = random.normal(0, 0.05, round((end - at) * RATE)).astype(np.float32)
        picture = draw_shot(image, ("Butcher", "Nutsy")[len(shots) % 2], _TEXT)
        shots.append(Shot(picture=picture, samples=noise, start=at, end=end))
        at = end
    return shots


def encode_by_pipeline(shots: list[Shot], path: Path) -> float:
    """Return the CPU seconds that the pipeline's encoder takes for each second of the film."""
    began = time.process_time()
    encoder = Encoder(path, Look())
    for shot in shots:
        encoder.show(shot.picture, shot.end)
        encoder.play(shot.samples, shot.start)
    encoder.close(shots[-1].end)
    return (time.process_time() - began) / shots[-1].end


def encode_by_graph(shots: list[Shot], path: Path) -> float:
    """Return the CPU seconds that a plain filter graph takes for each second of the film."""
    import av

    look, began = Look(), time.process_time()
    with av.open(str(path), "w", format="mp4", options=look.container) as file:
        pictures = file.add_stream("libx264", rate=look.rate)
        pictures.width, pictures.height, pictures.pix_fmt = look.width, look.height, look.pixels
        pictures.options = {"preset": look.preset, "crf": str(look.quality), "bf": "0", "g": "60",
                            **look.video}  # fmt: skip
        sound = file.add_stream("aac", rate=RATE, layout="stereo")
        sound.bit_rate = look.sound_bits
        shown = played = 0
        for shot in shots:
            count = round(shot.end * look.rate) - shown
            for frame in _loop(shot.picture, count, look):
                frame.pts, frame.time_base = shown, Fraction(1, look.rate)
                file.mux(pictures.encode(frame))
                shown += 1
            for block in _blocks(shot.samples):
                block.pts, block.time_base = played, Fraction(1, RATE)
                played += block.samples
                file.mux(sound.encode(block))
        file.mux(pictures.encode())
        file.mux(sound.encode())
    return (time.process_time() - began) / shots[-1].end


def _loop(picture: Any, count: int, look: Look) -> Iterator[Any]:
    """Yield a picture ``count`` times, as a graph of scale, format and loop gives it."""
    import av

    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=look.width, height=look.height, format=av.VideoFormat("rgb24"),
        time_base=Fraction(1, look.rate),
    )  # fmt: skip
    steps = [
        graph.add("scale", "out_color_matrix=bt709"), graph.add("format", look.pixels),
        graph.add("loop", f"loop={count - 1}:size=1"), graph.add("buffersink"),
    ]  # fmt: skip
    for before, after in zip([source, *steps], steps, strict=False):
        before.link_to(after)
    graph.configure()
    frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
    frame.pts, frame.time_base = 0, Fraction(1, look.rate)
    graph.push(frame)
    graph.push(None)
    for _ in range(count):
        yield graph.pull()


def _blocks(samples: npt.NDArray[np.float32]) -> Iterator[Any]:
    import av

    for start in range(0, len(samples), _BLOCK):
        part = samples[start : start + _BLOCK]
        both = np.ascontiguousarray(np.stack([part, part]))
        block = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
        block.sample_rate = RATE
        yield block
