"""Small films of talking pictures, right ones and ones with a planted fault.

Everything is seeded and made on the spot: voices of harmonics and formants, faces of ellipses. A
``Recipe`` says how a film departs from the plain one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from PIL import Image, ImageDraw
from scipy.signal import butter, resample_poly, sosfilt

from proofbook_systems.pipeline.artefacts import PlacedLine, Selection, Selections, Timeline

Array = np.ndarray
SIZE = 108, 192
SPEAKERS = (("Butcher", 105.0), ("Nutsy", 190.0))
EMOTIONS = ("happy", "angry", "sad", "surprised")


def voice(seed: int, seconds: float, rate: int, pitch: float) -> Array:
    """Return something like speech: voiced syllables with formants, and hisses between them."""
    draw = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    out = np.zeros(len(t))
    start = 0.03
    while start < seconds - 0.12:
        length = draw.uniform(0.09, 0.22)
        part = slice(round(start * rate), round(min(seconds - 0.07, start + length) * rate))
        local = t[part] - start
        melody = pitch * (1 + 0.15 * draw.normal()) * (1 + 0.3 * draw.normal() * local)
        phase = 2 * np.pi * np.cumsum(melody) / rate
        source = sum(np.sin(k * phase) / k for k in range(1, 24))
        sound = 0.15 * source
        for centre in (draw.uniform(300, 800), draw.uniform(900, 2300), draw.uniform(2400, 3400)):
            low, high = 0.9 * centre, min(1.1 * centre, 0.45 * rate)
            band = butter(1, (low, high), "bandpass", fs=rate, output="sos")
            sound = sound + sosfilt(band, source)
        out[part] += sound * np.sin(np.pi * np.linspace(0, 1, len(local))) ** 0.7
        hiss = slice(part.stop, part.stop + round(0.03 * rate))
        noise = draw.normal(size=len(t[hiss]))
        out[hiss] += 0.25 * np.diff(noise, prepend=0) * np.hanning(max(1, len(noise)))
        start += length + draw.uniform(0.03, 0.09)
    return 0.35 * out / np.abs(out).max()


def face(who: int, emotion: int, size: tuple[int, int] = (216, 384)) -> Image.Image:
    """Draw a character: the scene is its own, eyes and mouth are the emotion's."""
    draw = np.random.default_rng(100 + who)
    width, height = size
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    colours = draw.uniform(40, 220, (3, 3))
    field_ = colours[0] + across[..., None] * colours[1] / 2 - down[..., None] * colours[2] / 2
    picture = Image.fromarray(np.clip(field_, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(14):
        x, y, r = draw.uniform(0, width), draw.uniform(0, height), draw.uniform(8, 40)
        pen.rectangle((x - r, y - r / 2, x + r, y + r / 2), fill=tuple(draw.integers(0, 255, 3)))
    middle, top = width / 2, 0.42 * height
    pen.ellipse((middle - 62, top - 75, middle + 62, top + 75), fill=(224, 180 - 40 * who, 140))
    mouth = {0: (18, 10), 1: (34, 6), 2: (12, 22), 3: (24, 30)}[emotion % 4]
    brow = (-12, 0, 12, 20)[emotion % 4]
    for side in (-1, 1):
        x = middle + side * 26
        pen.ellipse((x - 11, top - 30, x + 11, top - 12), fill="white")
        pen.ellipse((x - 4, top - 26, x + 4, top - 18), fill="black")
        pen.line(
            (x - 14, top - 40 + side * brow / 2, x + 14, top - 40 - side * brow / 2), "black", 5
        )
    pen.ellipse((middle - mouth[0], top + 30 - mouth[1], middle + mouth[0], top + 30 + mouth[1]),
                fill=(120, 20, 30))  # fmt: skip
    return picture


@dataclass(frozen=True)
class Episode:
    """What a film is made of."""

    folder: Path
    timeline: Timeline
    selections: Selections
    voices: tuple[Array, ...]
    """At 44,100 Hz."""


def make_episode(
    folder: Path,
    *,
    count: int = 6,
    seconds: float = 0.9,
    pause: float = 0.0,
    rate: int = 22050,
    suffix: str = ".wav",
    image_size: tuple[int, int] = (216, 384),
    emotions: tuple[int, ...] = (0, 0, 1, 2, 3, 1),
    loud: float = 0.0,
    louder: float = 0.0,
    same: tuple[int, int] = (0, 0),
    paint: Callable[[Image.Image], Image.Image] | None = None,
) -> Episode:
    """Write lines and images, and say where they belong.

    Args:
        folder: Of the files.
        count: Of lines.
        seconds: About how long each is.
        pause: Seconds between two; less than 0 lets them overlap.
        rate: Hz of the lines' files.
        suffix: Of the lines' files.
        image_size: Pixels.
        emotions: Of the lines, in turn.
        loud: Decibels by which all voices are louder.
        louder: Decibels by which the second voice is.
        same: Two lines that say the same.
        paint: What is done to the images.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines, chosen, voices, at = [], [], [], 0.0
    for number in range(1, count + 1):
        who = (number - 1) % 2
        name, pitch = SPEAKERS[who]
        emotion = emotions[(number - 1) % len(emotions)]
        length = seconds * (0.85 + 0.06 * (((same[0] if number == same[1] else number) * 5) % 7))
        sound = voice(same[0] if number == same[1] else number, length, rate, pitch)
        sound = sound * 10 ** ((loud + (louder if who else 0.0)) / 20)
        place = folder / f"{number:03d}_{name.lower()}_{EMOTIONS[emotion]}{suffix}"
        soundfile.write(place, sound, rate)
        image = folder / f"{name.lower()}_{EMOTIONS[emotion]}.png"
        if not image.exists():
            drawn = face(who, emotion, image_size)
            (paint(drawn) if paint else drawn).save(image)
        exact = len(sound) / rate
        line = {"number": number, "character": name, "emotion": EMOTIONS[emotion]}
        lines.append(PlacedLine(**line, text=f"Line {number}", audio=place, start=at,
                                duration=exact, end=at + exact))  # fmt: skip
        chosen.append(Selection(**line, image=image, is_found=True))
        voices.append(resample_poly(sound, 44100, rate))
        at += exact + pause
    total = lines[-1].end
    timeline = Timeline(path=folder / "timeline.json", episode="e", total=total, lines=tuple(lines))
    selections = Selections(path=folder / "selections.json", selections=tuple(chosen))
    return Episode(folder, timeline, selections, tuple(voices))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a film is made of an episode; the defaults make a plain one."""

    size: tuple[int, int] = SIZE
    rate: Fraction = Fraction(30)
    layout: str = "fill"
    zoom: float = 0.0
    """Growth a second."""
    fade: float = 0.0
    subtitles: bool = False
    picture_shift: Mapping[int, float] = field(default_factory=dict)
    """Seconds by which a line's picture comes late."""
    images: Mapping[int, Path] = field(default_factory=dict)
    sound_shift: Mapping[int, float] = field(default_factory=dict)
    order: tuple[int, ...] = ()
    """Which line's sound is laid at which line's place; 0 is none. Empty is their order."""
    gains: Mapping[int, float] = field(default_factory=dict)
    """Decibels; 0 is for all."""
    lead: float = 0.0
    tail: float = 0.0
    seconds: float | None = None
    frames: Callable[[int, float, Array], Array] | None = None
    """What is done to each picture: its number, its time, and the picture."""
    skip: Callable[[int, float], bool] | None = None
    """Which pictures are left out: the ones before stand longer."""
    sound: Callable[[Array, int], Array] | None = None
    """What is done to the whole sound, shape (frames, channels)."""
    voices: Callable[[int, Array], Array] | None = None
    """What is done to each line's sound."""
    channels: int = 2
    sound_rate: int = 44100
    sound_codec: str = "aac"
    sound_start: float = 0.0
    picture_start: float = 0.0
    with_sound: bool = True
    codec: str = "libx264"
    pixels: str = "yuv420p"
    options: Mapping[str, str] = field(default_factory=dict)
    container: Mapping[str, str] = field(default_factory=lambda: {"movflags": "+faststart"})
    aspect: Fraction | None = None


def make_film(episode: Episode, path: Path, recipe: Recipe) -> Path:
    """Write a film."""
    with av.open(str(path), "w", options=dict(recipe.container)) as out:
        video = out.add_stream(recipe.codec, rate=recipe.rate)
        video.width, video.height = recipe.size
        video.pix_fmt = recipe.pixels
        video.options = {"preset": "ultrafast", "crf": "20", "tune": "zerolatency"} | dict(
            recipe.options
        )
        if recipe.codec != "libx264":
            video.options = dict(recipe.options)
        if recipe.aspect:
            video.sample_aspect_ratio = recipe.aspect
        audio = None
        if recipe.with_sound:
            audio = out.add_stream(recipe.sound_codec, rate=recipe.sound_rate)
            audio.layout = "stereo" if recipe.channels == 2 else "mono"
        _write_pictures(episode, recipe, out, video)
        if audio is not None:
            _write_sound(episode, recipe, out, audio)
    return path


def total(episode: Episode, recipe: Recipe) -> float:
    """Return how long the film is to be."""
    return recipe.lead + (recipe.seconds or episode.timeline.total) + recipe.tail


def _write_pictures(episode: Episode, recipe: Recipe, out: Any, video: Any) -> None:
    show = _Show(episode, recipe)
    count = round(total(episode, recipe) * recipe.rate)
    video.codec_context.time_base = 1 / recipe.rate
    for number in range(count):
        time = float(number / recipe.rate)
        if recipe.skip and recipe.skip(number, time):
            continue
        picture = show.at(time)
        if recipe.frames:
            picture = recipe.frames(number, time, picture)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
        shift = round(recipe.picture_start * recipe.rate)
        frame.pts, frame.time_base = number + shift, 1 / recipe.rate
        for packet in video.encode(frame):
            out.mux(packet)
    for packet in video.encode():
        out.mux(packet)


class _Show:
    """Which picture is to be seen when."""

    def __init__(self, episode: Episode, recipe: Recipe) -> None:
        self.recipe = recipe
        self.lines = episode.timeline.lines
        self.starts = [
            recipe.lead + line.start + recipe.picture_shift.get(line.number, 0.0)
            for line in self.lines
        ]
        self.starts[0] = recipe.lead + min(0.0, self.starts[0] - recipe.lead)
        self.end = recipe.lead + (recipe.seconds or episode.timeline.total)
        self.images = [
            Image.open(recipe.images.get(s.number, s.image)).convert("RGB")
            for s in episode.selections.selections
        ]
        self.cache: dict[tuple[int, int], Array] = {}

    def at(self, time: float) -> Array:
        if time < self.recipe.lead - 1e-9 or time >= self.end + 1e-9:
            return self.title("lead" if time < self.recipe.lead else "tail")
        index = max((i for i, s in enumerate(self.starts) if s <= time + 1e-6), default=0)
        picture = self.still(index, time - self.starts[index])
        fade = self.recipe.fade
        if fade and index + 1 < len(self.starts) and self.starts[index + 1] - time < fade / 2:
            share = 0.5 - (self.starts[index + 1] - time) / fade
            picture = _mix(picture, self.still(index + 1, 0.0), share)
        elif fade and index and time - self.starts[index] < fade / 2:
            share = 0.5 - (time - self.starts[index]) / fade
            before = self.still(index - 1, self.starts[index] - self.starts[index - 1])
            picture = _mix(picture, before, share)
        if self.recipe.subtitles and self.recipe.layout != "side":
            picture = _write_words(picture, f"some words {int(time * 3)} of line {index + 1}")
        return picture

    def still(self, index: int, age: float) -> Array:
        step = round(age * 30) if self.recipe.zoom else 0
        if (index, step) not in self.cache:
            zoom = 1 + self.recipe.zoom * age if self.recipe.zoom else 1.0
            self.cache[index, step] = fit(
                self.images[index], self.recipe.size, self.recipe.layout, zoom
            )
        return self.cache[index, step]

    def title(self, text: str) -> Array:
        page = Image.new("RGB", self.recipe.size, (30, 60, 90))
        pen = ImageDraw.Draw(page)
        for row in range(6):
            pen.text((10, 20 + 24 * row), f"{text} {row} title", fill="white")
        return np.asarray(page)


def fit(image: Image.Image, size: tuple[int, int], layout: str, zoom: float = 1.0) -> Array:
    """Lay an image onto a page: ``fill``, ``fit``, ``blur``, ``stretch``, ``card``."""
    width, height = size
    if layout == "side":
        return np.rot90(fit(image, (height, width), "fill", zoom))
    if layout == "stretch":
        return np.asarray(image.resize(size))
    if layout == "nearest":
        return np.asarray(image.resize(size, Image.Resampling.NEAREST))
    ratios = width / image.width, height / image.height
    scale = {"fill": max(ratios), "card": 0.6 * min(ratios)}.get(layout, min(ratios)) * zoom
    page = Image.new("RGB", size)
    if layout == "blur":
        page = image.resize((6, 10)).resize(size, Image.Resampling.BICUBIC)
    if layout == "card":
        page = Image.fromarray(np.linspace(60, 160, width * height).reshape(height, width)
                               .astype(np.uint8)).convert("RGB")  # fmt: skip
    scaled = image.resize((round(image.width * scale), round(image.height * scale)))
    page.paste(scaled, ((width - scaled.width) // 2, (height - scaled.height) // 2))
    return np.asarray(page)


def _mix(first: Array, second: Array, share: float) -> Array:
    return (first * (1 - share) + second * share).astype(np.uint8)


def _write_words(picture: Array, words: str) -> Array:
    page = Image.fromarray(picture)
    pen = ImageDraw.Draw(page)
    width, height = page.size
    pen.text((width * 0.1, height * 0.8), words, fill="yellow", stroke_fill="black",
             stroke_width=1)  # fmt: skip
    return np.asarray(page)


def sound_of(episode: Episode, recipe: Recipe) -> Array:
    """Return the film's sound at 44,100 Hz, shape (frames, channels)."""
    rate = 44100
    mix = np.zeros((round(total(episode, recipe) * rate), recipe.channels))
    lines = episode.timeline.lines
    order = recipe.order or tuple(range(1, len(lines) + 1))
    for line, which in zip(lines, order, strict=False):
        if not which:
            continue
        sound = episode.voices[which - 1]
        if recipe.voices:
            sound = recipe.voices(which, sound)
        sound = sound * 10 ** ((recipe.gains.get(0, 0.0) + recipe.gains.get(which, 0.0)) / 20)
        start = round((recipe.lead + line.start + recipe.sound_shift.get(line.number, 0.0)) * rate)
        part = mix[max(0, start) : start + len(sound)]
        part += sound[max(0, -start) :][: len(part), None]
    return recipe.sound(mix, rate) if recipe.sound else mix


def _write_sound(episode: Episode, recipe: Recipe, out: Any, stream: Any) -> None:
    mix = sound_of(episode, recipe)
    if recipe.sound_rate != 44100:
        mix = resample_poly(mix, recipe.sound_rate, 44100, axis=0)
    if not len(mix):
        return
    samples = np.ascontiguousarray(mix.T.astype(np.float32))
    frame = av.AudioFrame.from_ndarray(
        samples, "fltp", "stereo" if recipe.channels == 2 else "mono"
    )
    frame.sample_rate = recipe.sound_rate
    frame.time_base = Fraction(1, recipe.sound_rate)
    frame.pts = round(recipe.sound_start * recipe.sound_rate)
    for packet in stream.encode(frame):
        out.mux(packet)
    for packet in stream.encode():
        out.mux(packet)
