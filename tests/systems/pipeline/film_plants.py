"""Faults planted in films, each with the finding that must name it first, and its words.

A plant is a recipe, or a recipe and what is done to the bytes of the file that comes of it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
from film_making import Array, Episode, Recipe, face, voice
from scipy.signal import resample_poly

Bytes = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Plant:
    """One fault."""

    finding: str
    """That must be the first to have a fault."""
    words: str
    """A pattern that its first fault must match."""
    recipe: Callable[[Episode], Recipe] = field(default=lambda e: Recipe())
    spoil: Bytes | None = None
    suffix: str = ".mp4"
    limits: dict[str, Any] = field(default_factory=dict)


def _plant(finding: str, words: str, spoil: Bytes | None = None, /, **changes: Any) -> Plant:
    suffix, limits = changes.pop("suffix", ".mp4"), changes.pop("limits", {})
    return Plant(finding, words, lambda e: Recipe(**changes), spoil, suffix, limits)


def each(step: float) -> dict[int, float]:
    """Return a shift that grows with every line."""
    return {number: step * (number - 1) for number in range(1, 7)}


def filtered(words: str) -> Callable[[Array, int], Array]:
    """Return a filter of FFmpeg's, by its words."""

    def run(samples: Array, rate: int) -> Array:
        graph = av.filter.Graph()
        layout = "stereo" if samples.shape[1] == 2 else "mono"
        source = graph.add_abuffer(
            sample_rate=rate, format="fltp", layout=layout, time_base=Fraction(1, rate)
        )
        links = [source]
        for part in words.split(","):
            name, _, arguments = part.partition("=")
            links.append(graph.add(name, arguments))
        links.append(graph.add("aformat", f"sample_fmts=fltp:sample_rates={rate}"))
        links.append(graph.add("abuffersink"))
        graph.link_nodes(*links).configure()
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T.astype(np.float32)), "fltp", layout
        )
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        graph.push(frame)
        graph.push(None)
        blocks = []
        while True:
            try:
                blocks.append(graph.pull().to_ndarray().T)
            except (av.error.EOFError, av.error.BlockingIOError):
                return np.concatenate(blocks).astype(np.float64)

    return run


def tempo(speed: float) -> Callable[[int, Array], Array]:
    change = filtered(f"atempo={speed}")
    return lambda number, sound: change(sound[:, None], 44100)[:, 0]


def tape(up: int, down: int, *lines: int) -> Callable[[int, Array], Array]:
    def run(number: int, sound: Array) -> Array:
        return resample_poly(sound, up, down) if not lines or number in lines else sound

    return run


def during(start: float, end: float, change: Callable[[Array], Array]) -> Callable[..., Array]:
    def run(number: int, time: float, picture: Array) -> Array:
        return change(picture) if start - 1e-6 <= time < end - 1e-6 else picture

    return run


def frozen(start: float, end: float) -> Callable[..., Array]:
    kept: list[Array] = []

    def run(number: int, time: float, picture: Array) -> Array:
        if start <= time < end:
            kept.append(picture)
            return kept[0]
        return picture

    return run


def black(picture: Array) -> Array:
    return np.zeros_like(picture)


def silent(start: float, end: float) -> Callable[[Array, int], Array]:
    def run(samples: Array, rate: int) -> Array:
        out = samples.copy()
        out[round(start * rate) : round(end * rate)] = 0
        return out

    return run


def smeared(number: int, time: float, picture: Array) -> Array:
    """Leave what a coarse encoding leaves: cells of one colour."""
    height, width = picture.shape[:2]
    cells = picture[: height // 6 * 6, : width // 6 * 6].reshape(height // 6, 6, width // 6, 6, 3)
    out = picture.copy()
    flat = cells.mean(axis=(1, 3)).repeat(6, axis=0).repeat(6, axis=1)
    out[: flat.shape[0], : flat.shape[1]] = flat
    return out


def put(text: str) -> bytes:
    return text.encode("latin-1")


def box_at(data: bytes, name: str, after: int = 0) -> int:
    """Return where a box's content begins."""
    return data.index(put(name), after) + 4


def turned(degrees: int) -> Bytes:
    """Set the matrix of the first track, which is the pictures'."""
    matrix = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]

    def run(data: bytes) -> bytes:
        at = box_at(data, "tkhd") + 40
        a, b, c, d = (value << 16 for value in matrix)
        return data[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + data[at + 36 :]

    return run


def edit(kind: str, *, media: int | None = None, seconds: float | None = None) -> Bytes:
    """Change the first entry of a track's edit list."""

    def run(data: bytes) -> bytes:
        track = box_at(data, "tkhd")
        if kind == "audio":
            track = box_at(data, "tkhd", track)
        at = box_at(data, "elst", track) + 8
        length, start = struct.unpack(">ii", data[at : at + 8])
        length = length if seconds is None else round(seconds * 1000)
        start = start if media is None else media
        return data[:at] + struct.pack(">ii", length, start) + data[at + 8 :]

    return run


def cut(share: float) -> Bytes:
    return lambda data: data[: round(len(data) * share)]


def garbled(data: bytes) -> bytes:
    """Overwrite a stretch of the data, as a bad disk or a second writer does."""
    at = data.index(b"mdat") + len(data) // 3
    noise = np.random.default_rng(0).integers(0, 256, len(data) // 4, dtype=np.uint8).tobytes()
    return data[:at] + noise + data[at + len(noise) :]


def _other_emotion(episode: Episode) -> Recipe:
    path = episode.folder / "nutsy_furious.png"
    if not path.exists():
        face(1, 3).save(path)
    return Recipe(images={2: path})


def _placeholder(episode: Episode) -> Recipe:
    path = episode.folder.parent / "placeholder.png"
    from PIL import Image

    Image.fromarray(np.full((384, 216, 3), 128, np.uint8)).save(path)
    return Recipe(images={3: path})


def _image_of(line: int, *shown: int) -> Callable[[Episode], Recipe]:
    def make(episode: Episode) -> Recipe:
        image = episode.selections.selections[line - 1].image
        return Recipe(images=dict.fromkeys(shown, image))

    return make


def _swapped(first: int, second: int) -> Callable[[Episode], Recipe]:
    def make(episode: Episode) -> Recipe:
        images = [each.image for each in episode.selections.selections]
        return Recipe(images={first: images[second - 1], second: images[first - 1]})

    return make


def _closed_up(episode: Episode) -> Recipe:
    lost = episode.timeline.lines[3].duration
    shifts = dict.fromkeys((5, 6), -lost)
    return Recipe(
        order=(1, 2, 3, 0, 5, 6), sound_shift=shifts, picture_shift=shifts | {4: 0.0},
        seconds=episode.timeline.total - lost,
    )  # fmt: skip


def _doubled(episode: Episode) -> Recipe:
    def more(mix: Array, rate: int) -> Array:
        sound = episode.voices[1]
        start = round(episode.timeline.lines[4].start * rate)
        mix[start : start + len(sound)] += sound[:, None]
        return mix

    return Recipe(sound=more)


def _quiet_voice(decibels: float) -> Recipe:
    return Recipe(gains={2: decibels, 4: decibels, 6: decibels})


def _wrong_sound(mix: Array, rate: int) -> Array:
    other = voice(99, len(mix) / rate, rate, 140)
    return np.repeat(other[: len(mix), None], mix.shape[1], axis=1)


def _sides(left: float, right: float) -> Callable[[Array, int], Array]:
    return lambda mix, rate: mix * np.array([left, right])


def _clicks(mix: Array, rate: int) -> Array:
    for place in range(rate // 2, len(mix), rate // 2):
        mix[place] += 0.8
    return mix


def _dropouts(mix: Array, rate: int) -> Array:
    for line in range(8):
        at = round((0.31 + 0.5 * line) * rate)
        mix[at : at + rate // 25] = 0
    return mix


def _shifted(seconds: float) -> Callable[[Array, int], Array]:
    return lambda mix, rate: np.roll(mix, round(seconds * rate), axis=0)


PLANTS: dict[str, Plant] = {
    # pictures off the dialogue
    "picture-2-frames-late": _plant(
        "pictures-in-time", "line 4: .* later", picture_shift={4: 2 / 30}),
    "picture-2-frames-early": _plant(
        "pictures-in-time", "line 3: .* earlier", picture_shift={3: -2 / 30}),
    "picture-300-ms-late": _plant(
        "pictures-in-time", "line 5: .*3.. ms later", picture_shift={5: 0.3}),
    "pictures-all-late": _plant(
        "pictures-in-time", "every picture", picture_shift=dict.fromkeys(range(1, 7), 0.1)),
    "pictures-drift-17-ms": _plant("pictures-in-time", "drift", picture_shift=each(0.017)),
    "pictures-drift-35-ms": _plant(
        "pictures-in-time", "drift.* .3[456]", picture_shift=each(0.035)),
    "fade-takes-long": _plant("pictures-in-time", "takes", fade=0.6, limits={"longest_fade": 0.3}),
    # the wrong pictures
    "images-swapped": Plant("pictures-match", "line 2: shows butcher_angry", _swapped(2, 3)),
    "emotions-swapped": Plant("pictures-match", "line 1: shows .* of line 3", _swapped(1, 3)),
    "image-of-another-emotion": Plant("pictures-match", "line 2: .*furious", _other_emotion),
    "image-stays": Plant("pictures-match", "line 4: shows .*line 3", _image_of(3, 4)),
    "image-is-a-placeholder": Plant("pictures-match", "line 3: shows neither", _placeholder),
    "one-image-throughout": Plant("not-frozen", "over .* changes", _image_of(1, 2, 3, 4, 5, 6)),
    "frozen-from-the-middle": _plant("not-frozen", "over 4 changes", frames=frozen(1.3, 9)),
    "frozen-in-a-moving-film": _plant(
        "not-frozen", "moves elsewhere", frames=frozen(1.5, 2.05), zoom=0.08),
    # black, flashes
    "black-pictures": _plant("not-black", "3 pictures", frames=during(1.7, 1.8, black)),
    "one-black-picture": _plant("not-black", "1 picture", frames=during(1.7, 1.73, black)),
    "black-at-the-start": _plant("not-black", "from 0.00", frames=during(0, 0.5, black)),
    "all-black": _plant("not-black", "from 0.00", frames=during(0, 9, black)),
    "flash": _plant("no-flashes", "2 pictures", frames=during(1.7, 1.766, lambda p: 255 - p)),
    # dialogue off its place
    "sound-drifts-17-ms": _plant("dialogue-in-time", r"drifts by \+17 ms", sound_shift=each(0.017)),
    "sound-drifts-35-ms": _plant("dialogue-in-time", r"drifts by \+35 ms", sound_shift=each(0.035)),
    "sound-drifts-early": _plant("dialogue-in-time", "drifts by -17", sound_shift=each(-0.017)),
    "line-late": _plant("dialogue-in-time", "line 4: .*60 ms later", sound_shift={4: 0.06}),
    "line-early": _plant("dialogue-in-time", "line 3: .*50 ms earlier", sound_shift={3: -0.05}),
    "lines-late-from-one-on": _plant(
        "dialogue-in-time", "lines 4 to 6", sound_shift=dict.fromkeys((4, 5, 6), 0.2)),
    "sound-200-ms-late": _plant(
        "dialogue-in-time", "whole sound is 200 ms later", sound=_shifted(0.2)),
    "sound-encoded-twice": _plant(
        "dialogue-in-time", "whole sound is 4[67] ms later", sound=_shifted(2048 / 44100)),
    "track-starts-200-ms-late": _plant(
        "edit-lists", "audio begins with 1.. ms of nothing", sound_start=0.2),
    "track-starts-late-without-edit-lists": _plant(
        "dialogue-in-time", "whole sound is (199|20.) ms later", sound_start=0.2,
        container={"movflags": "+faststart+frag_keyframe+empty_moov"}),
    "line-over-the-one-before": _plant(
        "dialogue-in-time", "line 5: .*earlier", sound_shift={5: -0.3}),
    # the wrong dialogue
    "line-missing": _plant(
        "dialogue-complete", "line 4: .* not heard", order=(1, 2, 3, 0, 5, 6)),
    "line-missing-and-closed-up": Plant(
        "dialogue-complete", "line 4: .* closed up", _closed_up),
    "lines-swapped": _plant("dialogue-complete", "lines 2 and 3", order=(1, 3, 2, 4, 5, 6)),
    "line-in-anothers-place": _plant(
        "dialogue-complete", "line 3: .* line 2 is heard in its place", order=(1, 2, 2, 4, 5, 6)),
    "line-doubled": Plant("dialogue-complete", "line 2: .* twice", _doubled),
    "sound-of-another-episode": _plant(
        "dialogue-complete", "line 1: .* not heard", sound=_wrong_sound),
    "played-too-fast": _plant("dialogue-speed", "pitch changed", voices=tape(100, 110)),
    "44100-played-as-48000": _plant(
        "dialogue-speed", r"1\.0[789].*pitch changed", voices=tape(441, 480)),
    "25-for-24": _plant("dialogue-speed", r"1\.0[45]", voices=tape(24, 25)),
    "tempo-changed": _plant("dialogue-speed", "pitch kept", voices=tempo(1.2)),
    # levels
    "mix-attenuates": _plant("dialogue-level", "1.[67] dB lower", gains={0: -1.6}),
    "mono-onto-two-by-a-graph-and-lowered": _plant(
        "dialogue-level", "[56]\\.. dB lower",
        sound=filtered("volume=-2.5dB,pan=mono|c0=c0,aformat=channel_layouts=stereo")),
    "mix-halves": _plant("dialogue-level", "6.[01] dB lower", gains={0: -6}),
    "one-voice-lower": Plant(
        "dialogue-level", "Nutsy's voice is 4.* lower", lambda e: _quiet_voice(-4)),
    "one-line-lower": _plant("dialogue-level", "line 3 is [56]", gains={3: -6}),
    "too-quiet": _plant(
        "loudness", "LUFS", gains={0: -20}, limits={"attenuation": 40.0}),
    "peaks-over": _plant("loudness", "true peak", gains={0: 9.6}, limits={"true_peak": -1.0}),
    "clipped": _plant(
        "sound-clean", "clipped", sound=lambda m, r: np.clip(5 * m, -0.9, 0.9)),
    "offset": _plant("sound-clean", "off centre", sound=lambda m, r: m + 0.1),
    "clicks": _plant("sound-clean", "click", sound=_clicks),
    "left-side-lost": _plant("sound-sides", "channel 1 of 2 is silent", sound=_sides(0, 1)),
    "right-side-low": _plant("sound-sides", "quieter", sound=_sides(1, 0.02)),
    "one-side-inverted": _plant("sound-sides", "inverted", sound=_sides(1, -1)),
    # sound that is missing
    "no-audio-track": _plant("sound-is-there", "no audio track", with_sound=False),
    "silent-track": _plant("sound-is-there", "silent", sound=lambda m, r: 0 * m),
    "empty-audio-track": _plant("sound-is-there", "empty|no audio track", sound=lambda m, r: m[:0]),
    "silent-stretch": _plant("no-silence", r"line 3", sound=silent(1.55, 1.85)),
    "dropouts": _plant("no-silence|sound-clean", "line|drops", sound=_dropouts),
    "last-line-cut-off": _plant("no-silence", "line 6", sound=silent(4.05, 9)),
    # length
    "too-long": _plant("duration", "too long", seconds=5.4),
    "too-short": _plant("duration", "too short", seconds=4.2),
    "one-second-of-last-picture": _plant("duration", "too long", seconds=5.47),
    # shape
    "wrong-size": _plant("size", "96 × 192", size=(96, 192)),  # noqa: RUF001 - sign
    "landscape": _plant("size", "192 × 108", size=(192, 108), layout="fit"),  # noqa: RUF001 - sign
    "rotation-flag": _plant("size", "turns it by 90", turned(90)),
    "upside-down-flag": _plant("size", "upside down", turned(180)),
    "pixels-not-square": _plant("size", "not square", size=(54, 192), aspect=Fraction(2)),
    # coding
    "stored-on-its-side": _plant(
        "stored-upright", "heeds the note, give turned: true", turned(90),
        size=(192, 108), frames=lambda n, t, p: p, layout="side"),
    "coarse": _plant("pictures-clear", "line .: 0.* of the fine structure of",
                     options={"crf": "51"}),
    "coarse-once-and-finely-encoded": _plant("pictures-clear", "is left", frames=smeared),
    "yuv444": _plant("plays-on-phones", "yuv444p", pixels="yuv444p"),
    "10-bit": _plant("plays-on-phones", "yuv420p10", pixels="yuv420p10le"),
    "mpeg4": _plant("plays-on-phones", "mpeg4", codec="mpeg4"),
    "interlaced": _plant(
        "plays-on-phones", "interlaced", options={"x264-params": "interlaced=1"}),
    "webm": _plant(
        "plays-on-phones", "vp9|vp8", codec="libvpx", sound_codec="libopus", sound_rate=48000,
        container={}, suffix=".webm"),
    "no-faststart": _plant("starts-at-once", "moov", container={}),
    "edit-list-with-an-offset": _plant(
        "edit-lists", "video begins with .* nothing", picture_start=0.2),
    "edit-list-skips-sound": _plant(
        "edit-lists", "audio skips", edit("audio", media=22050)),
    "edit-list-ends-early": _plant(
        "edit-lists", "leaves out", edit("video", seconds=3.0)),
    # files
    "truncated": _plant("film-plays", "truncated", cut(0.6)),
    "truncated-without-index": _plant("film-plays", "truncated", cut(0.6), container={}),
    "empty-file": _plant("film-plays", "0 bytes", cut(0)),
    "not-a-film": _plant("film-plays", "no player", lambda data: b"<html>502 Bad Gateway</html>"),
    "garbled": _plant("film-plays|pictures-match|no-flashes|not-frozen", ".", garbled),
    # platforms
    "too-few-pictures": _plant(
        "limits-of-instagram-reels", "15.00 pictures", rate=Fraction(15),
        limits={"platforms": ("instagram-reels",)}),
    "sound-is-mp3": _plant("limits-of-instagram-reels-2024", "mp3", sound_codec="libmp3lame"),
    "too-small-for-tiktok": _plant(
        "limits-of-tiktok", "width is 108", limits={"platforms": ("tiktok",)}),
}  # fmt: skip
