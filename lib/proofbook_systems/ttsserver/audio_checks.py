"""Judge a row by what a user would hear: sound, of the length that was claimed."""

from __future__ import annotations

from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.media import Clip, find_silence, read_audio

__all__ = ["find_faults"]

_FASTEST = 60.0
"""Characters a second; quick speech has 20."""


def find_faults(
    path: Path,
    claimed: float | None,
    tolerance: float,
    *,
    quietest: float,
    most_silence: float,
    text: str = "",
) -> tuple[list[str], float]:
    """Return what is wrong with a row's audio, and its duration in seconds.

    Args:
        path: The audio, as the server gave it.
        claimed: Seconds, as the server says; None where it says nothing.
        tolerance: Seconds by which the two may differ.
        quietest: dBFS that it must reach.
        most_silence: Share of it that may be silent.
        text: What is said; more of it in a second than anyone can say is a fault.
    """
    try:
        clip = read_audio(path)
    except SubjectError as error:
        return [f"the audio cannot be decoded: {error}"], 0.0
    if not clip.measure.frames:
        return ["the server says 'completed', and the audio lasts 0.00 s"], 0.0
    broken = clip.measure.non_finite
    faults = [f"{broken} samples of the audio are NaN or infinite"] if broken else []
    silence = find_silence(clip.measure, quietest=quietest, most=most_silence)
    faults += [f"the audio {fault}" for fault in silence or _find_constancy(clip, quietest)]
    if clip.seconds < len(text) / _FASTEST:
        faults.append(f"the audio lasts {clip.seconds:.2f} s, too short for {len(text)} characters")
    return [*faults, *_duration_faults(clip, claimed, tolerance)], clip.seconds


def _find_constancy(clip: Clip, quietest: float) -> list[str]:
    """Find audio whose level is that of a constant: without its mean it is silent."""
    import numpy as np

    samples = np.nan_to_num(clip.samples)
    moving = float(np.abs(samples - samples.mean(axis=0)).max())
    if moving >= 10 ** (quietest / 20):
        return []
    return [f"is constant ({clip.measure.dc_offset:+.2f} of full scale): a DC offset, no sound"]


def _duration_faults(clip: Clip, claimed: float | None, tolerance: float) -> list[str]:
    if claimed is None or abs(clip.seconds - claimed) <= tolerance:
        return []
    return [f"the audio lasts {clip.seconds:.2f} s, and the server claims {claimed:.2f} s"]
