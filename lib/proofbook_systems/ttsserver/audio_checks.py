"""Judge a row by what a user would hear: whole, clean speech, of the length that was claimed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.media import AudioLimits, Clip, ExpectedAudio, find_audio_faults, read_audio
from proofbook_systems.ttsserver.syllables import count_syllables

__all__ = ["find_faults"]

_MOST_SYLLABLES = 18.0
"""A second: the fastest synthetic voices reach that, people 9."""


def find_faults(
    path: Path,
    claimed: float | None,
    tolerance: float,
    *,
    quietest: float,
    most_silence: float,
    text: str = "",
    limits: Mapping[str, float] | None = None,
) -> tuple[list[str], float]:
    """Return what is wrong with a row's audio, the cause first, and its duration in seconds.

    Args:
        path: The audio, as the server gave it.
        claimed: Seconds, as the server says; None where it says nothing.
        tolerance: Seconds by which the two may differ.
        quietest: dBFS that it must reach.
        most_silence: Share of it that may be silent.
        text: What is said in it, where that is known.
        limits: Further limits that are not the usual ones, by name.

    Raises:
        SubjectError: There is no such limit.
    """
    usual = AudioLimits(quietest=quietest, most_silence=most_silence).changed(limits or {})
    try:
        clip = read_audio(path)
    except SubjectError as error:
        return [f"the audio cannot be decoded: {error}"], 0.0
    if not clip.measure.frames:
        return ["the server says 'completed', and the audio lasts 0.00 s"], 0.0
    expected = ExpectedAudio(content="speech")
    found = find_audio_faults(clip.samples, clip.rate, limits=usual, expected=expected)
    faults = [f"the audio {fault.words}" for fault in found]
    return [*faults, *_duration_faults(clip, claimed, tolerance, text)], clip.seconds


def _duration_faults(clip: Clip, claimed: float | None, tolerance: float, text: str) -> list[str]:
    faults = []
    if count_syllables(text).fewest > _MOST_SYLLABLES * clip.seconds:
        faults.append(
            f"the audio ends early: it lasts {clip.seconds:.2f} s, too short for {len(text)} "
            "characters"
        )
    if claimed is not None and abs(clip.seconds - claimed) > tolerance:
        faults.append(
            f"the audio lasts {clip.seconds:.2f} s, and the server claims {claimed:.2f} s"
        )
    return faults
