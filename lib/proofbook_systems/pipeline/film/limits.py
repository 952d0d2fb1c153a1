"""What a film is held to. Every number can be set; platforms' own are in ``platforms``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["FilmLimits"]


@dataclass(frozen=True, kw_only=True)
class FilmLimits:
    """How much of what is let pass."""

    width: int = 1080
    height: int = 1920
    sync: float = 0.033
    """Seconds by which a line may be off its place in the time-line."""
    lead: float = 10.0
    """Seconds of a title of its own, before the dialogue or behind it, that are let pass."""
    longest_fade: float = 1.5
    """Seconds that a cross-fade may take."""
    likeness: float = 0.6
    """Correlation, 0 to 1, from which on a picture shows an image."""
    structure: float = 0.8
    """Correlation of fine structure below which a picture is coarser than its image."""
    longest_still: float = 10.0
    """Seconds for which a picture may stand where no time-line says for how long."""
    longest_black: float = 1.0
    """Seconds that a fade through black may take; an abrupt black picture is never let pass."""
    longest_silence: float = 1.0
    """Seconds of silence, beyond what the time-line leaves between two lines."""
    attenuation: float = 1.0
    """Decibels by which dialogue may be lower in the film than in its file."""
    loudness: tuple[float, ...] = (-14.0, -16.0)
    """LUFS to which films are brought: their dialogue may then be lower than its files."""
    loudness_range: tuple[float, float] = (-32.0, -8.0)
    """LUFS between which a film must lie."""
    true_peak: float = 0.5
    """dBTP up to which it may reach; codecs overshoot."""
    edit_lists: Literal["harmless", "none"] = "harmless"
    """Harmless ones only drop what an encoder put before the first picture or sound."""
    turned: bool = False
    """Whether it may be stored on its side, with a note that turns it."""
    platforms: tuple[str, ...] = ("instagram-reels-2024",)
    """Whose limits hold: keys of ``platforms.PLATFORMS``; empty for none."""
