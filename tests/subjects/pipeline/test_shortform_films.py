"""The small pipeline's encoder: where sound and picture lie at the end of a long film."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from proofbook_subjects.pipeline.film import Encoder, Look
from proofbook_subjects.pipeline.sounds import RATE

LINES, SECONDS = 100, 0.7345
SMALL = Look(width=64, height=112)
COLOURS = ((200, 30, 30), (30, 30, 200))


def click(at: int = 0) -> Any:
    """Return a line's sound, with one click in it."""
    samples = np.zeros(round(SECONDS * RATE), np.float32)
    samples[at : at + 60] = 0.8
    return samples


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 100 lines, each no multiple of a frame long, with a click and a colour."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    encoder = Encoder(path, SMALL)
    for number in range(LINES):
        picture = Image.new("RGB", (64, 112), COLOURS[number % 2])
        encoder.show(picture, (number + 1) * SECONDS)
        encoder.play(click(2000), number * SECONDS)
    encoder.close(LINES * SECONDS)
    return path


@pytest.mark.exhaustive
def test_no_line_drifts(film: Path):
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(film)) as container:
        parts = [p for f in container.decode(audio=0) for p in resampler.resample(f)]
    sound = np.concatenate([part.to_ndarray()[0] for part in parts])
    late = []
    for number in range(LINES):
        start = round(number * SECONDS * RATE)
        loud = np.flatnonzero(np.abs(sound[start : start + round(SECONDS * RATE)]) > 0.4)
        late.append(int(loud[0]) - 2000)
    assert max(map(abs, late)) < 0.001 * RATE, late


@pytest.mark.exhaustive
def test_every_picture_changes_at_the_nearest_frame(film: Path):
    with av.open(str(film)) as container:
        reds = [
            bool(f.to_ndarray(format="rgb24")[50, 30, 0] > 100) for f in container.decode(video=0)
        ]
    changes = [n for n in range(1, len(reds)) if reds[n] != reds[n - 1]]
    assert changes == [round(number * SECONDS * 30) for number in range(1, LINES)]
    assert len(reds) == round(LINES * SECONDS * 30)


def boxes(data: bytes, start: int = 0, end: int | None = None) -> list[str]:
    """Return the types of all boxes, in their order."""
    found, end = [], len(data) if end is None else end
    while start < end:
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        found.append(kind.decode("latin-1"))
        if kind in (b"moov", b"trak", b"edts"):
            found += boxes(data, start + 8, start + size)
        start += size
    return found


def test_the_index_comes_first_and_there_is_no_edit_list(film: Path):
    found = boxes(film.read_bytes())
    assert found.index("moov") < found.index("mdat")
    assert "elst" not in found


def test_the_film_is_what_phones_play(film: Path):
    with av.open(str(film)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (audio.codec_context.name, audio.codec_context.sample_rate) == ("aac", RATE)
        assert (video.start_time, audio.start_time) == (0, 0)
        assert float(video.duration * video.time_base) == pytest.approx(LINES * SECONDS, abs=1 / 30)
