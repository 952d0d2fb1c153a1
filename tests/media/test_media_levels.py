"""Levels of sounds whose true values are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofbook.errors import SubjectError
from proofbook.media import find_silence, measure_audio
from proofbook.media.levels import CLIP_RUN

RATE = 48_000


def sine(amplitude: float, seconds: float = 1.0, hertz: float = 997.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


@settings(max_examples=25, deadline=None)
@given(amplitude=st.floats(0.001, 1.0))
def test_a_sine_has_its_known_peak_rms_and_loudness(amplitude: float) -> None:
    found = measure_audio(sine(amplitude), RATE)
    decibels = 20 * math.log10(amplitude)
    assert found.peak_dbfs == pytest.approx(decibels, abs=0.05)
    assert found.rms_dbfs == pytest.approx(decibels - 3.01, abs=0.02)
    # BS.1770: a 997 Hz full-scale sine in one channel reads -3.01 LUFS
    assert found.loudness_lufs == pytest.approx(decibels - 3.01, abs=0.1)


@settings(max_examples=25, deadline=None)
@given(offset=st.floats(-0.5, 0.5), channels=st.integers(1, 3), where=st.integers(0, 2))
def test_dc_offset_is_that_of_the_worst_channel(offset: float, channels: int, where: int) -> None:
    samples = np.tile(sine(0.3)[:, None], (1, channels))
    samples[:, where % channels] += offset
    assert measure_audio(samples, RATE).dc_offset == pytest.approx(offset, abs=1e-3)


@settings(max_examples=40, deadline=None)
@given(run=st.integers(1, 12), sign=st.sampled_from([-1.0, 1.0]), start=st.integers(0, 900))
def test_only_runs_at_full_scale_count_as_clipping(run: int, sign: float, start: int) -> None:
    samples = np.zeros((1000, 2))
    samples[start : start + run, 1] = sign
    found = measure_audio(samples, RATE)
    expected = (run, 1) if run >= CLIP_RUN else (0, 0)
    assert (found.clipped_samples, found.clipped_runs) == expected


def test_a_run_that_changes_sign_or_channel_is_no_clipping() -> None:
    samples = np.zeros((1000, 2))
    samples[10:14, 0] = [1, 1, -1, -1]
    samples[-2:, 0] = 1
    samples[:2, 1] = 1
    assert measure_audio(samples, RATE).clipped_samples == 0


def test_an_overdriven_sine_is_clipped_and_a_full_scale_sine_is_not() -> None:
    assert measure_audio(np.clip(sine(2.0), -1, 1), RATE).clipped_runs > 1000
    assert measure_audio(sine(1.0), RATE).clipped_samples == 0


def test_silence_has_no_level_and_no_loudness() -> None:
    found = measure_audio(np.zeros((RATE, 2)), RATE)
    assert (found.peak_dbfs, found.rms_dbfs) == (-math.inf, -math.inf)
    assert found.loudness_lufs is None
    assert "silent" in found.loudness_note
    assert found.silent_share == 1.0


def test_near_silence_has_no_loudness_either() -> None:
    found = measure_audio(sine(1e-5), RATE)
    assert (found.loudness_lufs, found.silent_share) == (None, 1.0)


@settings(max_examples=20, deadline=None)
@given(quiet=st.integers(0, 50))
def test_the_silent_share_counts_blocks(quiet: int) -> None:
    samples = sine(0.5)
    samples[: quiet * RATE // 50] = 0
    assert measure_audio(samples, RATE).silent_share == pytest.approx(quiet / 50, abs=0.021)


@settings(max_examples=20, deadline=None)
@given(bad=st.lists(st.sampled_from([math.nan, math.inf, -math.inf]), min_size=1, max_size=9))
def test_broken_samples_are_counted_and_do_not_hide_the_rest(bad: list[float]) -> None:
    samples = sine(0.5)
    samples[100 : 100 + len(bad)] = bad
    found = measure_audio(samples, RATE)
    assert found.non_finite == len(bad)
    assert found.peak_dbfs == pytest.approx(-6.02, abs=0.05)
    assert found.loudness_lufs is None
    assert "NaN or infinite" in found.loudness_note


def test_a_sound_under_400_ms_has_no_loudness_and_says_so() -> None:
    found = measure_audio(sine(0.5, seconds=0.39), RATE)
    assert found.loudness_lufs is None
    assert found.loudness_note == "not defined under 0.4 s"


def test_six_channels_have_no_loudness_and_say_so() -> None:
    found = measure_audio(np.tile(sine(0.5)[:, None], (1, 6)), RATE)
    assert found.loudness_note == "not defined for 6 channels"


def test_a_sound_of_no_frames_is_measured_as_silence() -> None:
    found = measure_audio(np.zeros((0, 1)), RATE)
    assert (found.seconds, found.silent_share, found.clipped_samples) == (0.0, 1.0, 0)
    assert (found.peak_dbfs, found.rms_dbfs, found.dc_offset) == (-math.inf, -math.inf, 0.0)


def test_32_bit_samples_measure_as_64_bit_ones() -> None:
    wide, narrow = sine(0.4), sine(0.4).astype(np.float32)
    found, expected = measure_audio(narrow, RATE), measure_audio(wide, RATE)
    assert found.rms_dbfs == pytest.approx(expected.rms_dbfs, abs=1e-4)
    assert found.loudness_lufs == pytest.approx(expected.loudness_lufs, abs=1e-3)


@pytest.mark.parametrize(
    "samples", [np.zeros(10, dtype=np.int16), np.zeros((2, 3, 4)), np.zeros((4, 0))]
)
def test_what_is_no_block_of_samples_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(SubjectError, match="samples"):
        measure_audio(samples, RATE)


@pytest.mark.parametrize(
    ("samples", "limits", "fault"),
    [
        (np.full(8000, 0.1), {}, []),
        (np.zeros(8000), {}, ["is silent (-inf dBFS)"]),
        (np.full(8000, 0.001), {}, ["is silent (-60 dBFS)"]),
        (np.full(8000, 0.001), {"quietest": -61}, []),
        (np.full(8000, 0.1), {"quietest": -19}, ["is silent (-20 dBFS)"]),
        (np.r_[np.full(1920, 0.5), np.zeros(6080)], {}, []),
        (
            np.r_[np.full(1920, 0.5), np.zeros(6080)],
            {"most": 0.5},
            ["is silent for 76% of its length"],
        ),
        (np.zeros(0), {}, ["has no sound"]),
    ],
)
def test_what_cannot_be_heard_is_told(samples: Any, limits: dict[str, float], fault: list[str]):
    assert find_silence(measure_audio(samples, 8000), **limits) == fault


def test_a_missing_track_cannot_be_heard():
    assert find_silence(None) == ["has no sound"]
