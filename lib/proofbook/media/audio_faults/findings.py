"""What is found in a sound, the limits it is held to, and what is known of how it should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

from proofbook.errors import SubjectError

__all__ = ["AudioFault", "AudioLimits", "ExpectedAudio"]


@dataclass(frozen=True, kw_only=True)
class AudioFault:
    """One thing that is wrong with a sound."""

    name: str
    """``dropout``, ``clipped``, … as :data:`judging.ORDER` lists them."""
    words: str
    """A sentence for the person who reads a red row, with channel, place and size."""
    measured: float
    limit: float
    unit: str = ""
    channel: int | None = None
    """From 1; None where it is all of them, or the file."""
    at: float | None = None
    """Seconds from the start to the first place; None where it is the whole sound."""
    places: tuple[float, ...] = ()
    """Seconds of all places, where it is a matter of moments."""


@dataclass(frozen=True, kw_only=True)
class AudioLimits:
    """How much of each defect is let pass."""

    quietest: float = -50.0
    """dBFS that the RMS of the whole must reach."""
    most_silence: float = 0.9
    """Share of the sound that may be silent."""
    end_silence: float = 0.25
    """Share of the sound that may be silence at its start, or at its end, beyond one second."""
    channel_difference: float = 30.0
    """dB by which one channel may be quieter than the loudest."""
    clipped: float = 0.0002
    """Share of a channel's samples that may lie on flat tops."""
    beyond_full_scale: float = 0.001
    """Share of a channel's samples that may lie beyond full scale."""
    offset: float = 0.015
    """Full scale by which a channel may be off centre."""
    dropouts: float = 0
    """How many there may be."""
    clicks: float = 0
    """How many there may be on a channel."""
    click_height: float = 0
    """Full scale that a click must reach: lossy codecs make low ones of a note's attack."""
    bandwidth: float = 0.55
    """Share of what the sample rate could carry, up to which there must be sound."""
    bits: float = 11
    """Bits that the samples must have been made with."""
    noise: float = 0.4
    """Share of the sound that may be steady noise."""
    hum: float = -40.0
    """dB against its loud moments that steady lines of the mains may have."""
    channel_delay: float = 0.01
    """Seconds by which all of one channel may be behind the other."""
    tone: float = 0.95
    """Share of the sound that may be one tone or chord that never changes; 1 where one is asked."""

    def changed(self, changes: Mapping[str, float]) -> AudioLimits:
        """Return limits with some of them changed.

        Raises:
            SubjectError: There is no limit of that name, or its value is no number.
        """
        known = [field.name for field in fields(self)]
        for name, value in changes.items():
            if name not in known:
                raise SubjectError(
                    f"there is no audio limit {name!r}; there are {', '.join(known)}"
                )
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise SubjectError(f"audio limit {name} is {value!r}: give a number")
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class ExpectedAudio:
    """What is known of a sound before it is heard; None is anything."""

    content: Literal["music", "speech", "any"] = "any"
    rate: int | None = None
    """Hz."""
    channels: int | None = None
    stereo: bool = False
    """Whether two channels must differ: a stereo model that says the same twice is broken."""
    seconds: float | None = None
    tolerance: float = 0.1
    """Seconds."""
