"""Pictures of sound: their scales are fixed, so that two of them can be compared."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image

from proofbook.media.drawing import (
    FLOOR_DBFS,
    draw_spectrogram,
    draw_waveform,
    measure_spectrogram,
    trace_envelope,
)

RATE = 32_000


def sine(amplitude: float, hertz: float = 1000.0, seconds: float = 2.0) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * hertz * times))[:, None]


@pytest.mark.parametrize("amplitude", [1.0, 0.1, 0.001])
def test_a_sine_peaks_at_its_level_and_frequency(amplitude: float) -> None:
    found = measure_spectrogram(sine(amplitude), RATE)
    middle = found.levels[:, found.levels.shape[1] // 2]
    assert middle.max() == pytest.approx(20 * np.log10(amplitude), abs=1.5)
    assert found.frequencies[middle.argmax()] == pytest.approx(1000, rel=0.07)


def test_silence_lies_at_the_floor_everywhere() -> None:
    assert np.all(measure_spectrogram(np.zeros((RATE, 2)), RATE).levels == FLOOR_DBFS)


def test_a_louder_clip_is_a_brighter_picture() -> None:
    def brightness(amplitude: float) -> float:
        png = draw_spectrogram(sine(amplitude), RATE)
        return float(np.asarray(Image.open(io.BytesIO(png)).convert("L")).mean())

    assert brightness(0.9) > brightness(0.05) > brightness(0.0)


def test_a_long_clip_is_drawn_with_bounded_work() -> None:
    assert measure_spectrogram(sine(0.5, seconds=60), RATE).levels.shape == (96, 420)


def test_the_envelope_keeps_a_single_click() -> None:
    samples = np.zeros((RATE * 10, 1))
    samples[123_456] = 0.8
    low, high = trace_envelope(samples, 900)
    assert (high.max(), np.count_nonzero(high), low.min()) == (0.8, 1, 0.0)


@pytest.mark.parametrize("frames", [0, 1, 7, 5000])
@pytest.mark.parametrize("draw", [draw_waveform, draw_spectrogram])
def test_any_length_can_be_drawn_at_the_same_size(draw: object, frames: int) -> None:
    png = draw(np.full((frames, 1), 0.25), RATE)  # type: ignore[operator]
    assert Image.open(io.BytesIO(png)).size == (900, 160)


@pytest.mark.filterwarnings("error")
def test_nan_and_overload_are_drawn_without_a_warning() -> None:
    samples = sine(4.0)
    samples[::7] = np.nan
    low, high = trace_envelope(samples, 900)
    assert (low.min(), high.max()) == (-1.0, 1.0)
    assert draw_spectrogram(samples, RATE)


def test_noise_the_hardest_picture_stays_small() -> None:
    noise = np.random.default_rng(7).normal(0, 0.2, (RATE * 8, 2))
    assert len(draw_waveform(noise, RATE)) < 60_000
    assert len(draw_spectrogram(noise, RATE)) < 60_000


def test_drawing_leaves_pyplot_alone() -> None:
    import subprocess

    program = (
        "import sys, numpy; from proofbook.media.drawing import draw_waveform, draw_spectrogram\n"
        "draw_waveform(numpy.zeros((9, 1)), 8000); draw_spectrogram(numpy.zeros((9, 1)), 8000)\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
