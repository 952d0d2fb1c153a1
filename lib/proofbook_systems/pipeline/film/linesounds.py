"""Judge the sound files of a time-line's lines, before a film is made of them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from proofbook.errors import SubjectError
from proofbook.media import AudioFault, AudioLimits, ExpectedAudio, find_audio_faults, read_audio
from proofbook_systems.pipeline.artefacts import Timeline
from proofbook_systems.pipeline.film.linefiles import LineSound, read_line_sounds
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["judge_sounds"]

_TOLERANCE = 0.05
"""Seconds by which a recorded duration may differ: an MP3's last block, and some."""
_BY_LIBSNDFILE = (".wav", ".flac", ".ogg", ".mp3")
_SHORTEST = 0.15
_SPOILT = (
    "not-finite", "clipped", "wrapped", "beyond-full-scale", "stuck", "dc-offset", "noise", "tone",
    "companded", "images", "reversed-frames", "burst", "hum",
)  # fmt: skip
"""Not "looped", "dropout" and "click": a synthesised voice says a word that comes twice with the
same samples, closes the lips of a p with none at all, and opens them at once."""
_LOW, _FEWEST = 12.0, 2
"""Decibels by which a line may be lower than its speaker's others, of which there are so many."""
_SIDES = ("channel-level", "inverted", "late-channel")


def judge_sounds(timeline: Timeline) -> list[Finding]:
    """Return what can be said of the lines' files: they play, are whole, and are not each other."""
    sounds = read_line_sounds(timeline)
    faults = {s.line.number: _faults(s) for s in sounds if len(s.samples)}
    untried = "" if faults else "no sound of a line can be played"
    return [
        finding("line-sounds-play", _broken(sounds), why="a line without a sound is not heard"),
        finding(
            "line-sounds-audible", _silent(sounds, faults),
            untried=untried,
            why="a silent file is a line that nobody hears",
        ),
        finding(
            "line-durations", _wrong_durations(sounds),
            untried=untried,
            why="the time-line is laid out by them: every later line is off",
        ),
        finding(
            "line-sounds-differ", _same(sounds),
            untried=untried,
            why="two lines with other words and one sound: one of them is never said",
        ),
        finding(
            "line-sounds-clean", _spoilt(sounds, faults),
            untried=untried,
            why="what is spoilt in a line is spoilt in the film",
        ),
        finding(
            "line-sounds-level", _quiet(sounds), untried=untried,
            why="a line that is far lower than the speaker's others is not understood",
        ),
        finding(
            "line-sounds-whole", _cut_off(sounds, faults),
            untried=untried,
            why="a line that breaks off in a word was truncated",
        ),
    ]  # fmt: skip


def _name(sound: LineSound) -> str:
    return f"line {sound.line.number}: {sound.line.audio.name}"


def _faults(sound: LineSound) -> list[AudioFault]:
    limits = AudioLimits(click_height=0.05)
    expected = ExpectedAudio(content="speech")
    return find_audio_faults(sound.samples, sound.rate, limits=limits, expected=expected)


def _broken(sounds: Sequence[LineSound]) -> Iterator[str]:
    for sound in sounds:
        if sound.trouble:
            yield f"{_name(sound)} {sound.trouble}"
        elif truncated := _truncated(sound.line.audio):
            yield f"{_name(sound)} {truncated}"
        elif sound.seconds < _SHORTEST:
            yield f"{_name(sound)} is {sound.seconds:.2f} s long: no words fit in"


def _truncated(path: Path) -> str:
    """Say that a file has less than its header announces; FFmpeg plays it without a word."""
    if path.suffix.lower() not in _BY_LIBSNDFILE:
        return ""
    try:
        read_audio(path)
    except SubjectError as error:
        words = str(error).partition(": ")[2]
        return f"is {words}" if words.startswith("truncated") else ""
    return ""


def _silent(sounds: Sequence[LineSound], faults: dict[int, list[AudioFault]]) -> Iterator[str]:
    for sound in sounds:
        for fault in faults.get(sound.line.number, []):
            if fault.name in ("silent", "early-end", "late-start"):
                yield f"{_name(sound)} {fault.words}"


def _wrong_durations(sounds: Sequence[LineSound]) -> Iterator[str]:
    for sound in sounds:
        off = sound.seconds - sound.line.duration
        if len(sound.samples) and abs(off) > _TOLERANCE:
            how = "little" if off > 0 else "much"
            yield (
                f"{_name(sound)} lasts {sound.seconds:.3f} s; the time-line has "
                f"{sound.line.duration:.3f} s, {abs(off):.3f} s too {how}"
            )


def _same(sounds: Sequence[LineSound]) -> Iterator[str]:
    """Yield pairs that say the same with other words to say; silence is told elsewhere."""
    seen: dict[str, LineSound] = {}
    for sound in sounds:
        if not len(sound.samples) or float(np.abs(sound.samples).max()) < 1e-4:
            continue
        first = seen.setdefault(_print(sound), sound)
        differ = _words(first) != _words(sound) or first.line.character != sound.line.character
        if first is not sound and differ:
            yield (
                f"{_name(sound)} holds the same sound as {first.line.audio.name} of line "
                f"{first.line.number}"
            )


def _print(sound: LineSound) -> str:
    return hashlib.sha256(np.ascontiguousarray(np.round(sound.samples, 4)).tobytes()).hexdigest()


def _words(sound: LineSound) -> str:
    return " ".join(sound.line.text.casefold().split())


def _spoilt(sounds: Sequence[LineSound], faults: dict[int, list[AudioFault]]) -> Iterator[str]:
    for sound in sounds:
        for fault in faults.get(sound.line.number, []):
            if fault.name in (*_SPOILT, *_SIDES):
                yield f"{_name(sound)} {fault.words}"


def _quiet(sounds: Sequence[LineSound]) -> Iterator[str]:
    """Yield lines that are far lower than the others of their speaker; a whisper may be lower."""
    levels = {s.line.number: _level(s) for s in sounds if len(s.samples)}
    for sound in sounds:
        own = levels.get(sound.line.number, -math.inf)
        others = [
            levels.get(x.line.number, -math.inf)
            for x in sounds
            if x is not sound and x.line.character == sound.line.character
        ]
        heard = [level for level in others if math.isfinite(level)]
        if len(heard) < _FEWEST or not math.isfinite(own):
            continue
        if (low := float(np.median(heard)) - own) > _LOW:
            yield f"{_name(sound)} is {low:.1f} dB lower than the speaker's other lines"


def _level(sound: LineSound) -> float:
    """Return the level of its loud parts in dBFS, which pauses do not lower."""
    power = float(np.quantile(np.square(sound.mono, dtype=np.float64), 0.9))
    return 10 * math.log10(power) if power > 0 else -math.inf


def _cut_off(sounds: Sequence[LineSound], faults: dict[int, list[AudioFault]]) -> Iterator[str]:
    for sound in sounds:
        for fault in faults.get(sound.line.number, []):
            if fault.name == "cut-off":
                yield f"{_name(sound)} {fault.words}"
