"""Findings by the question that they answer, each with what it means for whoever listens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from proofbook.media.audio_faults.findings import AudioFault

__all__ = ["GROUPS", "AudioCheck", "group_audio_faults"]

GROUPS: dict[str, tuple[tuple[str, ...], str]] = {
    "no-broken-samples": (
        ("not-finite",), "NaN or infinity is noise in some players and silence in others"),
    "sample-rate": (("rate",), "another rate than the model's plays at the wrong pitch"),
    "channels": (("channels",), "a mono file of a stereo model has lost half of what it made"),
    "audible": (
        ("silent",), "a sound that is mostly silence has stopped early or never begun"),
    "not-noise": (("noise", "tone", "hum"),
        "hiss or one tone is what a broken decoder emits, and hum what a bad cable adds"),
    "sides-in-order": (
        ("channel-level", "inverted", "dual-mono", "late-channel"),
        "a side that is lost, inverted, doubled or late is heard on every pair of headphones"),
    "no-repeats": (
        ("stuck", "looped", "reversed-frames"),
        "a frame that is stuck buzzes, a stretch that loops stutters, frames turned round rattle"),
    "whole": (
        ("early-end", "late-start", "dropout", "cut-off"), "a gap is heard as a fault of the file"),
    "duration": (("duration",), "the listener asked for this length"),
    "within-full-scale": (
        ("beyond-full-scale",), "a player cuts off what is beyond full scale"),
    "not-clipped": (("clipped", "wrapped"), "flat tops and overflow are heard as crackle"),
    "no-dc-offset": (("dc-offset",), "an offset clicks at both ends and wastes headroom"),
    "full-quality": (
        ("companded", "bit-depth", "images", "bandwidth"),
        "few bits hiss, and half of the band sounds like a telephone"),
    "no-clicks": (("click", "burst"), "a click is heard by everyone"),
}  # fmt: skip
"""Check to the findings that fail it, and why they matter."""


@dataclass(frozen=True, kw_only=True)
class AudioCheck:
    """One question about a sound, and what was found; empty where all is well."""

    name: str
    faults: list[str]
    """In words, with channel, place and size."""
    why: str


def group_audio_faults(
    faults: Iterable[AudioFault], *, without: Iterable[str] = ()
) -> list[AudioCheck]:
    """Return every question with what was found, those ``without`` left out."""
    found, unwanted = list(faults), set(without)
    return [
        AudioCheck(name=name, why=why, faults=[f.words for f in found if f.name in names])
        for name, (names, why) in GROUPS.items()
        if name not in unwanted
    ]
