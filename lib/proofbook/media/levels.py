"""Measure sound: level, loudness, offset, clipping, silence and broken samples.

Pure: samples in, numbers out. Knows nothing about files.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proofbook.errors import SubjectError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples = npt.NDArray[np.floating[Any]]

__all__ = [
    "CLIP_RUN",
    "FULL_SCALE",
    "SILENCE_DBFS",
    "AudioMeasure",
    "as_frames",
    "decibels",
    "find_silence",
    "measure_audio",
]

FULL_SCALE = 1.0 - 2.0**-15
"""The largest positive 16-bit sample; whatever reaches it is at full scale in any format."""
CLIP_RUN = 3
"""Consecutive samples at full scale that count as clipping; a lone peak does not."""
SILENCE_DBFS = -60.0
"""A block whose RMS is below this is silent."""
_SILENCE_BLOCK = 0.02
_SHORTEST_LOUDNESS = 0.4
_MOST_LOUDNESS_CHANNELS = 5
_ABSOLUTE_GATE_LUFS = -70.0


@dataclass(frozen=True, kw_only=True)
class AudioMeasure:
    """What was measured of a sound; samples that are not finite are counted, then taken as 0."""

    frames: int
    seconds: float
    rate: int
    """Hz."""
    channels: int
    peak_dbfs: float
    """Of the largest sample; -inf for silence."""
    rms_dbfs: float
    """Over all channels, where a full-scale square wave is 0; -inf for silence."""
    loudness_lufs: float | None
    """Integrated, gated, ITU-R BS.1770-4; None where it is not defined."""
    loudness_note: str
    """Why there is no loudness."""
    dc_offset: float
    """Mean of the channel that is furthest off, in full scale."""
    clipped_samples: int
    """Samples in runs of at least ``CLIP_RUN`` at full scale."""
    clipped_runs: int
    non_finite: int
    """Samples that are NaN or infinite."""
    silent_share: float
    """Share of 20 ms blocks whose RMS is below ``SILENCE_DBFS``, 0 to 1."""


def measure_audio(samples: Samples, rate: int) -> AudioMeasure:
    """Measure samples of shape (frames, channels) or (frames,), full scale being -1 to 1.

    Raises:
        SubjectError: The samples are not floating point, or have another shape.
    """
    import numpy as np

    frames = as_frames(samples)
    finite = np.isfinite(frames)
    non_finite = int(finite.size - np.count_nonzero(finite))
    sound = np.where(finite, frames, 0) if non_finite else frames
    frames, channels = sound.shape
    clipped_samples, clipped_runs = _count_clipping(sound)
    loudness, note = _measure_loudness(sound, rate, non_finite)
    return AudioMeasure(
        frames=frames,
        seconds=frames / rate,
        rate=rate,
        channels=channels,
        peak_dbfs=decibels(float(np.max(np.abs(sound), initial=0.0))),
        rms_dbfs=decibels(_root_mean_square(sound)),
        loudness_lufs=loudness,
        loudness_note=note,
        dc_offset=_find_offset(sound),
        clipped_samples=clipped_samples,
        clipped_runs=clipped_runs,
        non_finite=non_finite,
        silent_share=_share_silence(sound, rate),
    )


def find_silence(
    measure: AudioMeasure | None, *, quietest: float = -50.0, most: float = 0.9
) -> list[str]:
    """Return why a sound cannot be heard, as a predicate; empty where it can.

    Args:
        measure: Of the sound; None where there is none.
        quietest: dBFS that its RMS must reach.
        most: Share of it that may be silent, 0 to 1.
    """
    if measure is None or not measure.frames:
        return ["has no sound"]
    if measure.rms_dbfs < quietest:
        return [f"is silent ({measure.rms_dbfs:.0f} dBFS)"]
    share = measure.silent_share
    return [f"is silent for {share:.0%} of its length"] if share > most else []


def as_frames(samples: Samples) -> Samples:
    """Return samples as (frames, channels).

    Raises:
        SubjectError: They are not floating point, or have another shape.
    """
    import numpy as np

    array = np.asarray(samples)
    if not np.issubdtype(array.dtype, np.floating):
        raise SubjectError(f"samples are {array.dtype}: give floating point from -1 to 1")
    if array.ndim == 1:
        return array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise SubjectError(f"samples have shape {array.shape}: give (frames, channels)")
    return array


def decibels(amplitude: float) -> float:
    """Return an amplitude as dB relative to full scale; -inf for nothing."""
    import math

    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf


def _root_mean_square(sound: Samples) -> float:
    import numpy as np

    if sound.size == 0:
        return 0.0
    return float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))


def _find_offset(sound: Samples) -> float:
    import numpy as np

    if sound.size == 0:
        return 0.0
    means = np.atleast_1d(np.mean(sound, axis=0, dtype=np.float64))
    return float(means[np.argmax(np.abs(means))])


def _count_clipping(sound: Samples) -> tuple[int, int]:
    """Count samples in, and number of, runs of one sign at full scale."""
    import numpy as np

    lengths = []
    for sign in (1, -1):
        at_limit = np.pad(sound * sign >= FULL_SCALE, ((1, 1), (0, 0))).T.ravel().astype(np.int8)
        edges = np.diff(at_limit)
        runs = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
        lengths.append(runs[runs >= CLIP_RUN])
    long = np.concatenate(lengths)
    return int(long.sum()), int(long.size)


def _share_silence(sound: Samples, rate: int) -> float:
    import numpy as np

    frames = sound.shape[0]
    if frames == 0:
        return 1.0
    starts = np.arange(0, frames, max(1, round(rate * _SILENCE_BLOCK)))
    power = np.mean(np.square(sound, dtype=np.float64), axis=1)
    blocks = np.add.reduceat(power, starts) / np.diff(np.append(starts, frames))
    return float(np.mean(blocks < 10 ** (SILENCE_DBFS / 10)))


def _measure_loudness(sound: Samples, rate: int, non_finite: int) -> tuple[float | None, str]:
    if non_finite:
        return None, f"not defined: {non_finite} samples are NaN or infinite"
    frames, channels = sound.shape
    if frames < _SHORTEST_LOUDNESS * rate:
        return None, f"not defined under {_SHORTEST_LOUDNESS} s"
    if channels > _MOST_LOUDNESS_CHANNELS:
        return None, f"not defined for {channels} channels"
    import numpy as np
    import pyloudnorm

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        loudness = float(pyloudnorm.Meter(rate).integrated_loudness(sound))
    if not loudness >= _ABSOLUTE_GATE_LUFS:
        return None, f"silent: nothing above {_ABSOLUTE_GATE_LUFS:.0f} LUFS"
    return loudness, ""
