"""Judge a row by what a user would hear: frames, the length that was claimed, and sound."""

from __future__ import annotations

from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.media import Clip, read_audio

__all__ = ["find_faults"]

_QUIETEST_DBFS = -50.0
_MOST_SILENCE = 0.9


def find_faults(path: Path, claimed: float | None, tolerance: float) -> tuple[list[str], float]:
    """Return what is wrong with a row's audio, and its duration in seconds.

    Args:
        path: The audio, as the server gave it.
        claimed: Seconds, as the server says; None where it says nothing.
        tolerance: Seconds by which the two may differ.
    """
    try:
        clip = read_audio(path)
    except SubjectError as error:
        return [f"the audio cannot be heard: {error}"], 0.0
    if not clip.measure.frames:
        return ["the audio has no frames"], 0.0
    return [*_sound_faults(clip), *_duration_faults(clip, claimed, tolerance)], clip.seconds


def _sound_faults(clip: Clip) -> list[str]:
    found, faults = clip.measure, []
    if found.non_finite:
        faults.append(f"{found.non_finite} samples of the audio are NaN or infinite")
    if found.rms_dbfs < _QUIETEST_DBFS:
        faults.append(f"the audio is silent ({found.rms_dbfs:.0f} dBFS)")
    elif found.silent_share > _MOST_SILENCE:
        faults.append(f"{found.silent_share:.0%} of the audio is silent")
    return faults


def _duration_faults(clip: Clip, claimed: float | None, tolerance: float) -> list[str]:
    if claimed is None or abs(clip.seconds - claimed) <= tolerance:
        return [] if claimed else ["the server claims no duration"]
    return [f"the audio lasts {clip.seconds:.2f} s, and the server claims {claimed:.2f} s"]
