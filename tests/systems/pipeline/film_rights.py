"""Films that are right, however unusual: what no finding may blame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
from film_making import Array, Episode, Recipe
from film_plants import Bytes, filtered, turned
from PIL import Image

from proofbook_systems.pipeline.artefacts import Timeline


@dataclass(frozen=True)
class Right:
    """One film, and what its episode is made like."""

    recipe: Callable[[Episode], Recipe] = field(default=lambda e: Recipe())
    episode: dict[str, Any] = field(default_factory=dict)
    change: Callable[[Episode], Episode] = field(default=lambda e: e)
    """What its time-line says otherwise."""
    spoil: Bytes | None = None
    suffix: str = ".mp4"
    limits: dict[str, Any] = field(default_factory=dict)


def _right(**changes: Any) -> Right:
    parts = {
        name: changes.pop(name) for name in ("episode", "suffix", "limits", "spoil", "change")
        if name in changes
    }  # fmt: skip
    return Right(lambda e: Recipe(**changes), **parts)


def music(level: float) -> Callable[[Array, int], Array]:
    """Return a bed of chords at a level in dBFS."""

    def run(mix: Array, rate: int) -> Array:
        return mix + 10 ** (level / 20) * chords(len(mix), rate)[:, None]

    return run


def chords(count: int, rate: int) -> Array:
    draw = np.random.default_rng(7)
    t = np.arange(count) / rate
    out = np.zeros(count)
    for bar in range(int(count / rate / 0.6) + 1):
        local = t - bar * 0.6
        shape = np.where(local >= 0, np.exp(-3 * np.maximum(local, 0)), 0)
        for hertz in 110 * 2 ** (draw.choice([0, 3, 7, 12, 15, 19, 24], 4) / 12):
            for partial in range(1, 8):
                out += shape * np.sin(2 * np.pi * hertz * partial * local) / partial
    return out / (np.sqrt(np.mean(out**2)) + 1e-9)


def ducked(mix: Array, rate: int) -> Array:
    """Lay music under it that gives way to the dialogue."""
    level = np.abs(mix[:, 0])
    smooth = np.convolve(level, np.ones(rate // 5) / (rate // 5), "same")
    bed = 0.1 * chords(len(mix), rate) * np.where(smooth > 0.02, 0.2, 1.0)
    return mix + bed[:, None]


def grain(number: int, time: float, picture: Array) -> Array:
    noise = np.random.default_rng(number).normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def watermark(number: int, time: float, picture: Array) -> Array:
    out = picture.copy()
    x = 5 + number % 80
    out[8:18, x : x + 22] = 255
    return out


def covered(number: int, time: float, picture: Array) -> Array:
    out = picture.copy()
    out[100:, ::2] = 255
    return out


def shaken(number: int, time: float, picture: Array) -> Array:
    return np.roll(picture, (number // 3 % 3 - 1, number // 2 % 3 - 1), axis=(0, 1))


def faded_ends(episode: Episode) -> Recipe:
    end = episode.timeline.total

    def run(number: int, time: float, picture: Array) -> Array:
        share = min(1.0, time / 0.4, max(0.0, (end - time) / 0.4))
        return (picture * share).astype(np.uint8)

    return Recipe(frames=run)


def dipped(episode: Episode) -> Recipe:
    """Fade through black at every change."""
    starts = np.array([line.start for line in episode.timeline.lines[1:]])

    def run(number: int, time: float, picture: Array) -> Array:
        near = float(np.abs(starts - time).min())
        return (picture * min(1.0, near / 0.12)).astype(np.uint8)

    return Recipe(frames=run)


def _panned(episode: Episode) -> Recipe:
    def run(mix: Array, rate: int) -> Array:
        out = np.zeros_like(mix)
        for line, sound in zip(episode.timeline.lines, episode.voices, strict=True):
            start = round(line.start * rate)
            sides = (1.0, 0.5) if line.number % 2 else (0.5, 1.0)
            part = out[start : start + len(sound)]
            part += sound[: len(part), None] * np.array(sides)
        return out

    return Recipe(sound=run)


def _levelled(episode: Episode) -> Recipe:
    """Bring each line to one level, as pipelines do whose voices are of different loudness."""
    return Recipe(gains={2: -5.0, 4: -5.0, 6: -5.0})


def one_image(episode: Episode) -> Episode:
    first = episode.selections.selections[0].image
    chosen = tuple(replace(each, image=first) for each in episode.selections.selections)
    return replace(episode, selections=replace(episode.selections, selections=chosen))


def dark(image: Image.Image) -> Image.Image:
    return Image.fromarray((np.asarray(image) * 0.22).astype(np.uint8))


def pale(image: Image.Image) -> Image.Image:
    return Image.fromarray((200 + np.asarray(image) * 0.2).astype(np.uint8))


def grey(image: Image.Image) -> Image.Image:
    return image.convert("L")


def clear(image: Image.Image) -> Image.Image:
    out = image.convert("RGBA")
    out.putalpha(255)
    return out


def _late_start(timeline: Timeline) -> Timeline:
    lines = tuple(replace(x, start=x.start + 0.5, end=x.end + 0.5) for x in timeline.lines)
    return replace(timeline, lines=lines, total=timeline.total + 0.5)


def late_start(episode: Episode) -> Episode:
    """Leave half a second before the first line, in the time-line itself."""
    return replace(episode, timeline=_late_start(episode.timeline))


def holding(episode: Episode) -> Recipe:
    """Store one picture an image: the rate varies, and each stands for a second or so."""
    starts = {int(np.ceil(line.start * 30 - 1e-6)) for line in episode.timeline.lines}
    last = round(episode.timeline.total * 30) - 1
    return Recipe(skip=lambda number, time: number not in starts and number != last)


def uneven(number: int, time: float) -> bool:
    return bool(np.random.default_rng(number).random() < 0.3)


FILM = {"tune": "film", "preset": "fast", "bf": "3"}

RIGHTS: dict[str, Right] = {
    "plain": _right(),
    "23.976": _right(rate=Fraction(24000, 1001)),
    "24": _right(rate=Fraction(24)),
    "25": _right(rate=Fraction(25)),
    "29.97": _right(rate=Fraction(30000, 1001)),
    "60": _right(rate=Fraction(60)),
    "one-picture-an-image": Right(holding),
    "uneven-rate": _right(skip=uneven),
    "b-frames": _right(options=FILM),
    "no-edit-lists": _right(
        options=FILM, container={"movflags": "+faststart", "use_editlist": "0"}),
    "fragments": _right(container={"movflags": "+frag_keyframe+empty_moov+default_base_moof"}),
    "mov": _right(suffix=".mov"),
    "hevc": _right(codec="libx265", options={"preset": "ultrafast", "x265-params": "log-level=0"}),
    "full-range": _right(pixels="yuvj420p"),
    "low-bit-rate": _right(options={"crf": "38", "tune": "film", "preset": "veryfast"}),
    "mono": _right(channels=1),
    "48-kHz": _right(sound_rate=48000),
    "22-kHz": _right(sound_rate=22050, channels=1),
    "mp3-lines": _right(episode={"suffix": ".mp3", "rate": 44100}),
    "mp3-lines-22-kHz": _right(episode={"suffix": ".mp3", "rate": 22050}),
    "8-kHz-lines": _right(episode={"rate": 8000}),
    "48-kHz-flac-lines": _right(episode={"suffix": ".flac", "rate": 48000}),
    "ogg-lines": _right(episode={"suffix": ".ogg", "rate": 24000}),
    "music-bed": _right(sound=music(-34)),
    "loud-music-bed": _right(sound=music(-24)),
    "ducked-music": _right(sound=ducked),
    "cross-fades": _right(fade=0.3),
    "long-cross-fades": _right(fade=0.6),
    "slow-zooms": _right(zoom=0.06),
    "zooms-fades-words": _right(zoom=0.06, fade=0.25, subtitles=True, options=FILM),
    "subtitles": _right(subtitles=True),
    "letter-box": _right(layout="fit", episode={"image_size": (384, 216)}),
    "blurred-bars": _right(layout="blur", episode={"image_size": (300, 300)}),
    "cropped-landscape": _right(layout="fill", episode={"image_size": (480, 320)}),
    "stretched": _right(layout="stretch", episode={"image_size": (300, 300)}),
    "card": _right(layout="card"),
    "title": _right(lead=1.0),
    "end-title": _right(tail=0.8),
    "titles-and-music": _right(lead=0.7, tail=0.7, sound=music(-30)),
    "brought-down": _right(gains={0: -4.0}, limits={"loudness": (-26.0,)}),
    "brought-up": _right(gains={0: 8.0}),
    "mono-at-equal-power": _right(gains={0: -3.01}),
    "mono-onto-two-by-a-graph": _right(
        sound=filtered("pan=mono|c0=c0,aformat=channel_layouts=stereo")),
    "loudnorm": _right(sound=filtered("loudnorm=I=-16:TP=-1.5:LRA=11")),
    "compressed": _right(sound=filtered("acompressor=threshold=0.1:ratio=4:makeup=2")),
    "limited": _right(sound=filtered("volume=10dB,alimiter=limit=0.9:level=false")),
    "voices-brought-together": Right(_levelled, episode={"louder": 5.0}),
    "voices-to-the-sides": Right(_panned),
    "pauses": _right(episode={"pause": 0.35}),
    "pauses-changed-early": _right(
        episode={"pause": 0.35}, picture_shift=dict.fromkeys(range(2, 7), -0.3)),
    "time-line-starts-late": _right(change=late_start),
    "fade-in-and-out": Right(faded_ends),
    "fades-through-black": Right(dipped),
    "one-image": _right(change=one_image),
    "one-line": _right(episode={"count": 1, "seconds": 3.2}),
    "two-lines": _right(episode={"count": 2, "seconds": 1.6}),
    "dark-images": _right(episode={"paint": dark}),
    "pale-images": _right(episode={"paint": pale}),
    "grey-images": _right(episode={"paint": grey}),
    "clear-images": _right(episode={"paint": clear}),
    "moving-watermark": _right(frames=watermark),
    "grain": _right(frames=grain),
    "shaken": _right(frames=shaken),
    "coded-on-its-side": _right(
        size=(192, 108), frames=lambda n, t, p: p, layout="side", spoil=turned(90),
        limits={"turned": True}),
    "enlarged-pixels": _right(episode={"image_size": (54, 96)}),
    "shrunk-without-smoothing": _right(layout="nearest", episode={"image_size": (432, 768)}),
    "subtitles-over-half-the-picture": _right(frames=covered),
    "pictures-rounded-down": _right(picture_shift=dict.fromkeys(range(2, 7), -1 / 31)),
    "lines-overlap-in-the-time-line": _right(episode={"pause": -0.15}),
    "the-same-words-twice": _right(episode={"same": (2, 6)}),
}  # fmt: skip
