"""What a platform takes, as data; and what is wrong with a film and its caption by it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from proofbook.media import VideoMeasure, find_silence
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["LIMITS", "Limits", "judge_caption", "judge_film"]

_MENTION = re.compile(r"(?<![\w@])@[A-Za-z0-9_.]+")
_HASHTAG = re.compile(r"(?<![\w&])#\w+")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one platform takes."""

    source: str
    """Who says so, and as of when."""
    shortest: float
    """Seconds."""
    longest: float
    """Seconds."""
    largest: float
    """MB."""
    caption_length: int
    hashtags: int
    mentions: int
    rates: tuple[float, float] = (0.0, 1000.0)
    """Pictures a second, at least and at most."""
    codecs: tuple[str, ...] = ()


LIMITS: Mapping[str, Limits] = {
    "checklist": Limits(
        source="the team's checklist", shortest=0.0, longest=90.0, largest=100.0,
        caption_length=2200, hashtags=30, mentions=1000,
    ),
    "instagram": Limits(
        source="Instagram's reference of POST /<user>/media for reels, as read in 2026",
        shortest=3.0, longest=900.0, largest=300.0, caption_length=2200, hashtags=30, mentions=20,
        rates=(23.0, 60.0), codecs=("h264", "hevc"),
    ),
}  # fmt: skip


def judge_film(
    film: VideoMeasure, limits: Limits, width: int, height: int, quietest: float,
    most_silence: float,
) -> list[Finding]:  # fmt: skip
    """Judge a film by a platform's limits.

    Args:
        film: As it was measured.
        limits: The platform's.
        width: Pixels that it must have.
        height: Pixels that it must have.
        quietest: dBFS that its sound must reach.
        most_silence: Share of its sound that may be silent, 0 to 1.
    """
    longer = film.seconds > limits.longest or film.seconds < limits.shortest
    wanted = f"{limits.shortest:g} to {limits.longest:g} s are taken ({limits.source})"
    size, shape = film.size / 1e6, f"{film.width}x{film.height}"
    sound = list(find_silence(film.sound, quietest=quietest, most=most_silence))
    slow = not limits.rates[0] <= film.rate <= limits.rates[1]
    low, high = limits.rates
    other = bool(limits.codecs) and film.codec not in limits.codecs
    return [
        finding("duration", [f"it lasts {film.seconds:.1f} s; {wanted}"] if longer else [],
                why="a longer film is no reel, a shorter one is refused"),
        finding("resolution", [f"it is {shape}; {width}x{height} is wanted"]
                if shape != f"{width}x{height}" else [], why="another size is scaled or cut"),
        finding("file-size", [f"it has {size:.1f} MB; {limits.largest:g} MB are taken"]
                if size > limits.largest else [], why="a larger file is refused"),
        finding("sound-is-there", ["it has no sound track"] if film.sound is None else [],
                why="viewers skip a reel without sound"),
        finding("audible", sound if film.sound is not None else [],
                why="an inaudible track is treated as missing audio",
                untried="" if film.sound is not None else "there is no sound track"),
        finding("frame-rate", [f"{film.rate:.1f} pictures a second; {low:g} to {high:g} are taken"]
                if slow else [], why="the platform refuses it"),
        finding("codec", [f"it is {film.codec}; {', '.join(limits.codecs)} are taken"]
                if other else [], why="the platform refuses it",
                untried="" if limits.codecs else f"{limits.source} names no codec"),
    ]  # fmt: skip


def judge_caption(text: str, limits: Limits) -> list[Finding]:
    """Judge a caption by a platform's limits."""
    length, tags, named = len(text), _HASHTAG.findall(text), _MENTION.findall(text)
    odd = sorted({f"U+{ord(c):04X}" for c in text if ord(c) < 32 and c not in "\n\r\t"})
    repeated = sorted({tag for tag in tags if [t.lower() for t in tags].count(tag.lower()) > 1})
    return [
        finding("caption-length", _length(text, length, limits),
                why="a longer caption is refused, and a post without one is not found"),
        finding("hashtags", [f"{len(tags)} hashtags; {limits.hashtags} are taken"]
                if len(tags) > limits.hashtags else [], why="more of them are refused"),
        finding("mentions", [f"{len(named)} mentions; {limits.mentions} are taken"]
                if len(named) > limits.mentions else [], why="more of them are refused"),
        finding("caption-readable", [f"it holds {', '.join(odd)}"] if odd else
                [f"{', '.join(repeated)} is there more than once"] if repeated else _unfilled(text),
                why="everybody sees it"),
    ]  # fmt: skip


def _length(text: str, length: int, limits: Limits) -> list[str]:
    if not text.strip():
        return ["there is no caption"]
    if length > limits.caption_length:
        return [f"{length} characters; {limits.caption_length} are taken"]
    return []


def _unfilled(text: str) -> list[str]:
    """Return the placeholders that nobody filled."""
    found = re.findall(r"\{\{?\s*[a-z_]+\s*\}?\}|\$\{\w+\}|<[a-z_]+>|\bTODO\b|\bNone\b", text)
    return [f"{found[0]} was not filled in"] if found else []
