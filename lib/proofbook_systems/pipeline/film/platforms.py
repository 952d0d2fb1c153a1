"""What platforms take, as data: each with its source and the date of what it says.

A limit that a source does not name is None, and is not held to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.film.reading import ReadFilm

__all__ = ["PLATFORMS", "Platform", "over_limits", "platform_of"]

MB = 1_000_000


class Between(NamedTuple):
    """The least and the most, both included."""

    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Platform:
    """One platform's limits at one time."""

    title: str
    source: str
    date: str
    """Of what the source says, year and month."""
    seconds: Between
    size: float
    """Bytes."""
    ratio: Between | None = None
    """Width by height."""
    is_shorter: bool = False
    """Whether the longest duration itself is too long."""
    rates: Between | None = None
    """Pictures a second."""
    width: Between | None = None
    """Pixels."""
    height: Between | None = None
    codecs: tuple[str, ...] = ("h264", "hevc")
    """Empty takes any."""
    sound_codecs: tuple[str, ...] = ("aac",)
    sound_rate: int | None = None
    """Hz at most."""
    channels: int = 2
    bits: float | None = None
    """A second, at most, pictures and sound together."""


_TALL = Between(0.5624, 0.5626)

PLATFORMS: Mapping[str, Platform] = {
    "instagram-reels-2024": Platform(
        title="the guide's Reels limits (Instagram, 90 s)",
        source="the testing guide's posting checklist: under 90 s, 9:16, under 100 MB",
        date="2024", seconds=Between(0, 90), is_shorter=True, size=100 * MB, ratio=_TALL,
    ),
    "instagram-reels": Platform(
        title="Instagram Reels by the Graph API",
        source="developers.facebook.com: Instagram Platform, IG User Media, reel specifications",
        date="2025-10", seconds=Between(3, 900), size=300 * MB, ratio=Between(0.01, 10),
        rates=Between(23, 60), width=Between(1, 1920), sound_rate=48_000, bits=25.2e6,
    ),
    "tiktok": Platform(
        title="TikTok by the Content Posting API",
        source="developers.tiktok.com/doc/content-posting-api-media-transfer-guide",
        date="2025-10", seconds=Between(0, 600), size=4_000 * MB,
        rates=Between(23, 60), width=Between(360, 4096), height=Between(360, 4096),
        codecs=("h264", "hevc", "vp8", "vp9"), sound_codecs=(),
    ),
    "youtube-shorts": Platform(
        title="YouTube Shorts",
        source="support.google.com/youtube/answer/15424877: square or taller, up to three minutes",
        date="2024-10", seconds=Between(1, 180), size=256_000 * MB, ratio=Between(0, 1),
        codecs=(), sound_codecs=(),
    ),
}  # fmt: skip
"""Today's and the testing guide's."""


def platform_of(name: str) -> Platform:
    """Return a platform by name.

    Raises:
        SubjectError: There is none of that name.
    """
    if name not in PLATFORMS:
        raise SubjectError(f"there are no limits of a platform {name!r}: {', '.join(PLATFORMS)}")
    return PLATFORMS[name]


def over_limits(film: ReadFilm, platform: Platform) -> Iterator[str]:
    """Yield what the platform would refuse or cut."""
    yield from _length_and_size(film, platform)
    if film.pictures is not None:
        yield from _pictures(film, platform)
    sound = film.sound
    if sound is None:
        return
    if platform.sound_codecs and _plain(sound.codec) not in platform.sound_codecs:
        yield f"its sound is {sound.codec}; taken: {', '.join(platform.sound_codecs)}"
    if platform.sound_rate is not None and sound.rate > platform.sound_rate:
        yield f"its sound has {sound.rate} Hz; at most {platform.sound_rate}"
    if sound.samples.shape[1] > platform.channels:
        yield f"its sound has {sound.samples.shape[1]} channels; at most {platform.channels}"


def _length_and_size(film: ReadFilm, platform: Platform) -> Iterator[str]:
    seconds = film.pictures.end if film.pictures is not None else film.seconds
    least, most = platform.seconds
    if seconds < least:
        yield f"is {seconds:.2f} s long; at least {least:g} s"
    if seconds > most or (platform.is_shorter and seconds >= most):
        bound = "less than" if platform.is_shorter else "at most"
        yield f"is {seconds:.2f} s long; {bound} {most:g} s"
    if film.size > platform.size:
        yield f"has {film.size / MB:.1f} MB; at most {platform.size / MB:g}"
    if platform.bits is not None and seconds > 0 and 8 * film.size / seconds > platform.bits:
        yield (f"has {8 * film.size / seconds / 1e6:.1f} Mbit/s; at most {platform.bits / 1e6:g}")


def _pictures(film: ReadFilm, platform: Platform) -> Iterator[str]:
    assert film.pictures is not None
    width, height = film.pictures.shown
    ratio = platform.ratio
    if ratio and not ratio.least <= width / height <= ratio.most:
        yield (
            f"is {width:.0f} × {height:.0f}, {width / height:.3f}; taken: "  # noqa: RUF001 - sign
            f"{ratio.least:g} to {ratio.most:g}"
        )
    for name, size, limit in (
        ("width", width, platform.width), ("height", height, platform.height),
    ):  # fmt: skip
        if limit is not None and not limit.least <= size <= limit.most:
            yield f"its {name} is {size:.0f} px; {limit.least:g} to {limit.most:g}"
    if platform.codecs and _plain(film.pictures.codec) not in platform.codecs:
        yield f"its pictures are {film.pictures.codec}; taken: {', '.join(platform.codecs)}"
    rate = film.pictures.rate
    if platform.rates and not platform.rates.least - 0.05 <= rate <= platform.rates.most + 0.05:
        yield (
            f"has {rate:.2f} pictures a second; {platform.rates.least:g} to {platform.rates.most:g}"
        )


def _plain(codec: str) -> str:
    """Return the name of what is decoded, without that of the library that does."""
    names = {"libdav1d": "av1", "mp3float": "mp3", "libopus": "opus", "libvorbis": "vorbis"}
    return names.get(codec, codec)
