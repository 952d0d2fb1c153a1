"""Samples at 16 kHz, mono, as the models take them; and how a control spoils them."""

from __future__ import annotations

from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from proofbook.errors import SubjectError
from proofbook.media import read_audio, read_sound_track
from proofbook_systems.pipeline.content.sounds import Question

if TYPE_CHECKING:
    import numpy.typing as npt

    Samples = npt.NDArray[np.float32]

__all__ = ["RATE", "asked_samples", "read_samples", "speech_bounds"]

RATE = 16_000
_AUDIBLE = 0.02
"""Share of the peak from which on a sample counts as speech: -34 dB."""


def asked_samples(question: Question) -> Samples:
    """Return the sound that is asked about.

    Raises:
        SubjectError: It cannot be decoded.
    """
    samples = read_samples(question.path)
    if question.cut_start or question.cut_end:
        samples = _cut(samples, question.cut_start, question.cut_end)
    if question.noise is not None:
        samples = _add_noise(samples, question.noise)
    if question.then is not None:
        samples = np.concatenate([samples, read_samples(question.then)])
    return np.zeros_like(samples) if question.is_silenced else samples


def read_samples(path: Path) -> Samples:
    """Decode a sound, or a film's sound.

    Raises:
        SubjectError: There is none, or it is broken.
    """
    samples, rate = _decode(path)
    mono: Samples = samples.mean(axis=1)
    if rate == RATE or not len(mono):
        return mono
    from scipy.signal import resample_poly

    shared = gcd(RATE, rate)
    return np.asarray(resample_poly(mono, RATE // shared, rate // shared), dtype=np.float32)


def speech_bounds(samples: Samples) -> tuple[int, int]:
    """Return where speech begins and ends; all of a sound in which nothing is audible."""
    level = np.abs(samples)
    audible = np.flatnonzero(level > max(_AUDIBLE * float(level.max(initial=0.0)), 1e-5))
    return (int(audible[0]), int(audible[-1]) + 1) if len(audible) else (0, len(samples))


def _decode(path: Path) -> tuple[Samples, int]:
    try:
        clip = read_audio(path)
    except SubjectError as error:
        # libsndfile reads no AAC; FFmpeg does.
        if error.__cause__ is None or (track := read_sound_track(path)) is None:
            raise
        return track
    return clip.samples, clip.rate


def _cut(samples: Samples, start: float, end: float) -> Samples:
    first, last = speech_bounds(samples)
    begin = first + round(start * RATE) if start else 0
    stop = last - round(end * RATE) if end else len(samples)
    return samples[begin : max(begin, stop)]


def _add_noise(samples: Samples, louder: float) -> Samples:
    level = float(np.sqrt((samples.astype(np.float64) ** 2).mean())) if len(samples) else 0.0
    noise = np.random.default_rng(0).standard_normal(len(samples))
    return np.clip(samples + noise * level * 10 ** (-louder / 20), -1.0, 1.0).astype(np.float32)
