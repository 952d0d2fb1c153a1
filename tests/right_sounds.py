"""Sounds that are right, however unusual: what a check of audio must leave alone.

Small, seeded, and made on the spot. ``SHOWN`` are those that the checks were written against;
``HELD_OUT`` were written at the same time and first judged when the checks were done.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soundfile

Array = np.ndarray
Make = Callable[[np.random.Generator], tuple[Array, int]]


@dataclass(frozen=True)
class Right:
    """A sound that no check may blame."""

    make: Make
    content: Literal["music", "speech", "any"] = "music"


def times(seconds: float, rate: int) -> Array:
    return np.arange(round(seconds * rate)) / rate


def filtered(noise: Array, rate: int, low: float, high: float) -> Array:
    """Return the band of ``noise`` between two frequencies, with soft edges."""
    spectrum = np.fft.rfft(noise)
    hertz = np.fft.rfftfreq(len(noise), 1 / rate)
    gain = 1 / (1 + (hertz / high) ** 8) * (1 - 1 / (1 + (hertz / max(low, 1e-9)) ** 8))
    return np.fft.irfft(spectrum * gain, len(noise))


def low_pass(samples: Array, rate: int, hertz: float) -> Array:
    """Return what lies below ``hertz``, cut as a codec or a resampler cuts: within 3 %."""
    spectrum = np.fft.rfft(samples, axis=0)
    place = np.fft.rfftfreq(len(samples), 1 / rate)
    gain = np.clip((hertz * 1.03 - place) / (hertz * 0.03), 0, 1)
    return np.fft.irfft(spectrum * (gain if samples.ndim == 1 else gain[:, None]), len(samples), 0)


def note(
    hertz: float, seconds: float, rate: int, *, decay: float = 3.0, partials: int = 12
) -> Array:
    """Return a struck string: partials a little sharp, the higher the sooner gone."""
    t = times(seconds, rate)
    out = np.zeros(len(t))
    for k in range(1, partials + 1):
        pitch = k * hertz * (1 + 0.0004 * k * k) ** 0.5
        if pitch < 0.45 * rate:
            out += np.sin(2 * np.pi * pitch * t + k) * np.exp(-decay * t * (1 + 0.25 * k)) / k**1.2
    return out * np.minimum(1, t / 0.004) * np.minimum(1, (seconds - t) / 0.02)


def placed(parts: list[tuple[float, Array]], seconds: float, rate: int) -> Array:
    out = np.zeros(round(seconds * rate))
    for at, part in parts:
        start = round(at * rate)
        part = part[: max(0, len(out) - start)]
        out[start : start + len(part)] += part
    return out


def melody(rng: np.random.Generator, seconds: float, rate: int, step: float = 0.25) -> Array:
    scale = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12)
    parts = [
        (at, rng.uniform(0.4, 1) * note(rng.choice(scale) * rng.choice([0.5, 1, 2]), 1.5, rate))
        for at in np.arange(0, seconds, step)
    ]
    return placed(parts, seconds, rate)


def level(samples: Array, peak: float) -> Array:
    return samples * (peak / np.abs(samples).max())


def room(rng: np.random.Generator, samples: Array, rate: int, wet: float = 0.2) -> Array:
    """Return mono in a room, in stereo: each side has reflections of its own."""
    length = round(0.4 * rate)
    decay = np.exp(-np.arange(length) / (0.1 * rate))
    size = len(samples) + length
    sides = []
    for _ in range(2):
        tail = rng.normal(0, 1, length) * decay / rate**0.5 * 8
        wave = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)
        sides.append(samples + wet * wave[: len(samples)])
    return np.stack(sides, axis=1)


def piano(rng: np.random.Generator, rate: int = 32_000, seconds: float = 4.0) -> tuple[Array, int]:
    sound = melody(rng, seconds, rate) + rng.normal(0, 1e-4, round(seconds * rate))
    return level(room(rng, sound, rate), 0.6), rate


def piano_mono(rng: np.random.Generator) -> tuple[Array, int]:
    sound, rate = piano(rng)
    return sound[:, 0], rate


def strings(
    rng: np.random.Generator, rate: int = 32_000, seconds: float = 4.0
) -> tuple[Array, int]:
    """Slow chords of many bowed voices, wide."""
    t = times(seconds, rate)
    sides = []
    for _ in range(2):
        out = np.zeros(len(t))
        for start, root in ((0.0, 196.0), (seconds / 2, 174.6)):
            inside = np.clip((t - start) / 0.4, 0, 1) * np.clip(
                (start + seconds / 2 + 0.3 - t) / 0.3, 0, 1
            )
            for ratio in (1, 1.25, 1.5, 2):
                wobble = 0.003 * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * t + rng.uniform(0, 6))
                phase = 2 * np.pi * root * ratio * rng.uniform(0.998, 1.002) * (t + wobble / 5)
                out += inside * sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 14))
        sides.append(out + 0.05 * filtered(rng.normal(0, 1, len(t)), rate, 1500, 8000))
    return level(np.stack(sides, axis=1), 0.5), rate


def drum(kind: str, rng: np.random.Generator, rate: int) -> Array:
    t = times(0.25, rate)
    noise = rng.normal(0, 1, len(t))
    match kind:
        case "kick":
            return np.sin(2 * np.pi * (50 * t + 4 * (1 - np.exp(-30 * t)))) * np.exp(-14 * t)
        case "snare":
            return (0.6 * noise + np.sin(2 * np.pi * 190 * t)) * np.exp(-22 * t) * 0.6
        case "hat":
            return np.diff(noise, prepend=0) * np.exp(-70 * t) * 0.3
        case _:
            return np.sin(2 * np.pi * 2500 * t) * np.exp(-90 * t) * 0.7  # a clave


def beat(rng: np.random.Generator, rate: int, seconds: float, loop: bool) -> Array:
    """Return a drum machine's pattern; with ``loop`` each hit is the same, sample by sample."""
    made = {kind: drum(kind, rng, rate) for kind in ("kick", "snare", "hat", "clave")}
    parts = []
    for i, at in enumerate(np.arange(0, seconds, 0.25)):
        for kind in (("kick", "hat"), ("hat",), ("snare", "hat"), ("hat", "clave"))[i % 4]:
            hit = made[kind] if loop else drum(kind, rng, rate)
            parts.append(
                (
                    at,
                    hit[: round(0.2 * rate)]
                    * np.r_[
                        np.ones(round(0.19 * rate)),
                        np.linspace(1, 0, round(0.2 * rate) - round(0.19 * rate)),
                    ],
                )
            )
    return level(placed(parts, seconds, rate), 0.8)


def drum_machine(rng: np.random.Generator) -> tuple[Array, int]:
    """Exact loops, with digital silence between the hits."""
    return beat(rng, 44_100, 4.0, loop=True), 44_100


def drummer(rng: np.random.Generator) -> tuple[Array, int]:
    sound = beat(rng, 32_000, 4.0, loop=False)
    return level(room(rng, sound, 32_000, 0.1), 0.8), 32_000


def sparse_hits(rng: np.random.Generator) -> tuple[Array, int]:
    """Single hits with a second of digital silence between them."""
    rate = 32_000
    parts = [
        (at, drum(kind, rng, rate)[: round(0.2 * rate)])
        for at, kind in (
            (0, "kick"),
            (0.9, "snare"),
            (2.0, "clave"),
            (2.25, "clave"),
            (3.4, "snare"),
        )
    ]
    return level(placed(parts, 4.0, rate), 0.7), rate


def voice(
    rng: np.random.Generator, rate: int, seconds: float, *, pitch: float = 120, floor: float = 2e-4
) -> Array:
    """Return syllables of formants over a gliding pitch, with fricatives and pauses."""
    t = times(seconds, rate)
    out = np.zeros(len(t))
    at = 0.15
    while at < seconds - 0.45:
        length = rng.uniform(0.12, 0.3)
        part = times(length, rate)
        tone = pitch * rng.uniform(0.85, 1.25) * (1 + rng.uniform(-0.2, 0.2) * part / length)
        phase = 2 * np.pi * np.cumsum(tone) / rate
        formants = rng.choice(np.array([[700, 1200, 2500], [300, 2200, 3000], [400, 800, 2600]]))
        sound = np.zeros(len(part))
        for k in range(1, int(0.45 * rate / pitch)):
            gain = sum(1 / (1 + ((k * pitch - f) / (60 + 0.06 * f)) ** 2) for f in formants) + 0.01
            sound += gain * np.sin(k * phase) / k**0.6
        shape = np.minimum(1, part / 0.03) * np.minimum(1, (length - part) / 0.05)
        consonant = filtered(
            rng.normal(0, 1, round(0.09 * rate)), rate, 2500, min(9000, 0.47 * rate)
        )
        consonant *= np.hanning(len(consonant)) * rng.uniform(0.5, 2)
        out += placed([(at, consonant), (at + 0.07, sound * shape)], seconds, rate)
        at += length + 0.07 + (rng.uniform(0.25, 0.5) if rng.random() < 0.2 else 0.01)
    return level(out, 0.5) + rng.normal(0, floor, len(t))


def speech(rng: np.random.Generator) -> tuple[Array, int]:
    return voice(rng, 24_000, 4.0), 24_000


def speech_gated(rng: np.random.Generator) -> tuple[Array, int]:
    """A noise gate made the pauses digital silence."""
    sound = voice(rng, 24_000, 4.0, pitch=190, floor=0)
    return np.round(sound * 32767) / 32768, 24_000


def speech_piper_like(rng: np.random.Generator) -> tuple[Array, int]:
    """22 kHz, 16 bits, cut at 10 kHz."""
    sound = low_pass(voice(rng, 22_050, 4.0, pitch=105), 22_050, 10_000)
    return np.round(sound * 32767) / 32768, 22_050


def speech_in_film(rng: np.random.Generator) -> tuple[Array, int]:
    """One voice of 24 kHz, on both sides of a film's track of 48 kHz."""
    sound = voice(rng, 24_000, 4.0)
    size = 2 * len(sound)
    spectrum = np.zeros(size // 2 + 1, complex)
    part = np.fft.rfft(sound)
    spectrum[: len(part)] = part
    wide = 2 * np.fft.irfft(spectrum, size)
    return np.stack([wide, wide], axis=1) * 0.8, 48_000


def whisper(rng: np.random.Generator) -> tuple[Array, int]:
    rate, seconds = 24_000, 4.0
    t = times(seconds, rate)
    envelope = (
        np.clip(np.sin(2 * np.pi * 2.3 * t + np.sin(2 * np.pi * 0.6 * t) * 2), 0.02, 1) ** 1.5
    )
    moving = 900 + 500 * np.sin(2 * np.pi * 1.1 * t)
    noise = rng.normal(0, 1, len(t))
    carrier = filtered(noise, rate, 500, 6000) * (
        0.4 + 0.6 * np.sin(2 * np.pi * np.cumsum(moving) / rate) ** 2
    )
    return level(carrier * envelope * np.clip((3.7 - t) / 0.2, 0, 1), 0.2), rate


def creaky_voice(rng: np.random.Generator) -> tuple[Array, int]:
    """Glottal pulses 30 ms apart, each a short ring."""
    rate, parts, at = 24_000, [], 0.2
    t = times(0.02, rate)
    while at < 3.6:
        ring = sum(np.sin(2 * np.pi * f * t) * np.exp(-t * 350) for f in (500, 1400, 2500))
        parts.append((at, ring * rng.uniform(0.6, 1)))
        at += rng.uniform(0.024, 0.036) if rng.random() < 0.96 else 0.3
    return level(placed(parts, 4.0, rate), 0.4) + rng.normal(0, 2e-4, round(4.0 * rate)), rate


def square(hertz: float, t: Array, duty: float = 0.5) -> Array:
    return np.where((t * hertz) % 1 < duty, 1.0, -1.0)


def chip_tune(rng: np.random.Generator) -> tuple[Array, int]:
    """Two pulse waves in 16 steps of volume and a stepped triangle, with rests."""
    rate, seconds = 44_100, 4.0
    out = np.zeros(round(seconds * rate))
    t = times(0.125, rate)
    steps = np.round(15 * np.exp(-6 * t)) / 15
    for i, at in enumerate(np.arange(0, seconds, 0.125)):
        lead, second = 262 * 2 ** (rng.choice([0, 2, 4, 7, 9, 12], 2) / 12)
        bass = 65.4 * 2 ** (rng.choice([0, 5, 7]) / 12)
        triangle = np.round(15 * np.abs(2 * ((t * bass) % 1) - 1)) / 7.5 - 1
        sound = (
            0.25 * square(lead, t, 0.25) * steps + 0.2 * square(second, t) * steps + 0.3 * triangle
        )
        if i % 8 != 7:
            out[round(at * rate) : round(at * rate) + len(t)] += sound
    return out, rate


def staccato(rng: np.random.Generator) -> tuple[Array, int]:
    """The same short notes again and again, cut hard, with digital silence between them."""
    rate = 32_000
    parts = [
        (at, 0.4 * square(330 if i % 4 else 440, times(0.08, rate)))
        for i, at in enumerate(np.arange(0, 4, 0.125))
    ]
    return placed(parts, 4.0, rate), rate


def chord_tones(rng: np.random.Generator) -> tuple[Array, int]:
    """Sine chords whose sums repeat exactly, changing every half second."""
    rate = 32_000
    t = times(0.5, rate)
    shape = np.minimum(1, t / 0.01) * np.minimum(1, (0.5 - t) / 0.01)
    parts = [
        (0.5 * i, shape * sum(np.sin(2 * np.pi * f * t) for f in chord))
        for i, chord in enumerate(
            [(440, 550, 660), (400, 500, 600), (440, 550, 660), (330, 440, 550)] * 2
        )
    ]
    return level(placed(parts, 4.0, rate), 0.5), rate


def saw_bass(rng: np.random.Generator) -> tuple[Array, int]:
    """A synthesiser's bass at 50 Hz and its neighbours, through an opening filter."""
    rate = 32_000
    parts = []
    for i, hertz in enumerate([50, 50, 62.5, 40]):
        t = times(1.0, rate)
        saw = sum(
            np.sin(2 * np.pi * k * hertz * t) / k * np.exp(-k * hertz / (300 + 2500 * t))
            for k in range(1, 60)
        )
        parts.append((float(i), saw * np.minimum(1, t / 0.005) * np.minimum(1, (1 - t) / 0.02)))
    return level(placed(parts, 4.0, rate), 0.7), rate


def quiet_piece(rng: np.random.Generator) -> tuple[Array, int]:
    rate = 32_000
    sound = placed(
        [(0.3, note(220, 2.5, rate, decay=1)), (1.7, 0.5 * note(330, 2, rate, decay=1.5))],
        4.0,
        rate,
    )
    return level(room(rng, sound, rate), 0.03) + rng.normal(0, 2e-5, (round(4.0 * rate), 2)), rate


def faded(rng: np.random.Generator) -> tuple[Array, int]:
    """Fades in and out, and is silent for its last half second."""
    sound, rate = piano(rng)
    t = times(4.0, rate)
    return sound * (np.clip(t / 1.0, 0, 1) * np.clip((3.5 - t) / 1.2, 0, 1))[:, None], rate


def surf(rng: np.random.Generator) -> tuple[Array, int]:
    """Each 20 ms another colour of noise, as a codec makes of random codes."""
    rate, frame = 32_000, 640
    out = np.zeros(4 * rate)
    for start in range(0, len(out), frame):
        low = rng.uniform(200, 1500)
        noise = filtered(rng.normal(0, 1, 2 * frame), rate, low, low * rng.uniform(1.5, 4))
        part = noise * np.hanning(2 * frame) * rng.uniform(0.3, 1.2)
        out[start : start + 2 * frame] += part[: len(out) - start]
    return level(out, 0.5), rate


def codec_music(rng: np.random.Generator) -> tuple[Array, int]:
    """Music at 32 kHz that a codec cut at 12 kHz."""
    rate = 32_000
    sound = melody(rng, 4.0, rate) + 0.5 * beat(rng, rate, 4.0, loop=False)
    return level(low_pass(room(rng, sound, rate), rate, 12_000), 0.7), rate


def mp3_music(rng: np.random.Generator) -> tuple[Array, int]:
    rate = 44_100
    sound = level(
        room(rng, melody(rng, 4.0, rate) + 0.4 * beat(rng, rate, 4.0, loop=False), rate), 0.7
    )
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, rate, format="MP3")
    buffer.seek(0)
    return soundfile.read(buffer)


def ogg_speech(rng: np.random.Generator) -> tuple[Array, int]:
    buffer = io.BytesIO()
    soundfile.write(buffer, voice(rng, 24_000, 4.0), 24_000, format="OGG")
    buffer.seek(0)
    return soundfile.read(buffer)


def loud_master(rng: np.random.Generator) -> tuple[Array, int]:
    """Limited hard, peaks a hair below full scale, no flat tops."""
    rate = 44_100
    sound = room(rng, melody(rng, 4.0, rate) + beat(rng, rate, 4.0, loop=False), rate)
    return 0.98 * np.tanh(2.5 * level(sound, 1.0)), rate


def distorted_guitar(rng: np.random.Generator) -> tuple[Array, int]:
    """Clipped on purpose by an amplifier, then coloured by its loudspeaker."""
    rate = 44_100
    sound = np.clip(20 * melody(rng, 4.0, rate, 0.5), -1, 1)
    return level(room(rng, filtered(sound, rate, 90, 5000), rate, 0.1), 0.7), rate


def wide_stereo(rng: np.random.Generator) -> tuple[Array, int]:
    """Another player on each side, and a bass in the middle."""
    rate = 44_100
    bass = melody(rng, 4.0, rate, 0.5)
    sides = [melody(rng, 4.0, rate) for _ in range(2)]
    return level(np.stack([side + 0.3 * bass for side in sides], axis=1), 0.6), rate


def hard_panned(rng: np.random.Generator) -> tuple[Array, int]:
    """Drums on the left alone, a piano on the right; they take turns."""
    rate = 44_100
    left, right = beat(rng, rate, 4.0, loop=True), melody(rng, 4.0, rate)
    return np.stack([left, 0.4 * level(right, 1.0)], axis=1) * 0.8, rate


def late_channel(rng: np.random.Generator) -> tuple[Array, int]:
    """The second player on the right comes in at half time."""
    rate = 32_000
    left, right = melody(rng, 4.0, rate), melody(rng, 4.0, rate)
    t = times(4.0, rate)
    return level(
        np.stack(
            [left + 0.05 * right * (t > 2), right * np.clip((t - 2) / 0.3, 0, 1) + 0.02 * left], 1
        ),
        0.6,
    ), rate


def flute(rng: np.random.Generator) -> tuple[Array, int]:
    """Almost a sine, but played: vibrato, breath, three notes."""
    rate = 32_000
    t = times(4.0, rate)
    hertz = np.select([t < 1.3, t < 2.7], [660, 784], 587) * (
        1 + 0.006 * np.sin(2 * np.pi * 5.2 * t)
    )
    phase = 2 * np.pi * np.cumsum(hertz) / rate
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * 0.7 * t) ** 2
    return level(
        swell * (np.sin(phase) + 0.05 * np.sin(2 * phase))
        + 0.01 * filtered(rng.normal(0, 1, len(t)), rate, 400, 6000),
        0.5,
    ), rate


def pad(rng: np.random.Generator) -> tuple[Array, int]:
    """A drone that hardly changes, with slow beating."""
    rate = 32_000
    t = times(4.0, rate)
    sides = [
        sum(
            np.sin(2 * np.pi * f * (1 + d) * t + rng.uniform(0, 6)) / (f / 100)
            for f in (110, 165, 220, 277, 330, 440)
            for d in (-0.002, 0.0015, 0.003)
        )
        for _ in range(2)
    ]
    return level(np.stack(sides, 1), 0.5), rate


def sub_bass(rng: np.random.Generator) -> tuple[Array, int]:
    """Long booms around 45 Hz, sliding, with hats."""
    rate = 44_100
    t = times(1.0, rate)
    boom = (
        np.sin(2 * np.pi * (45 * t + 2 * (1 - np.exp(-8 * t))))
        * np.exp(-2 * t)
        * np.minimum(1, (1 - t) / 0.05)
    )
    parts = [(float(i), boom) for i in range(4)] + [
        (0.25 * i, 0.4 * drum("hat", rng, rate)) for i in range(16)
    ]
    return level(placed(parts, 4.0, rate), 0.9), rate


def snare_roll(rng: np.random.Generator) -> tuple[Array, int]:
    rate = 32_000
    parts = [(at, rng.uniform(0.3, 1) * drum("snare", rng, rate)) for at in np.arange(0, 3.6, 0.06)]
    return level(placed(parts, 4.0, rate), 0.7), rate


def metronome(rng: np.random.Generator) -> tuple[Array, int]:
    rate = 44_100
    t = times(0.02, rate)
    parts = [
        (0.5 * i, np.sin(2 * np.pi * (1600 if i % 4 == 0 else 1000) * t) * np.exp(-200 * t))
        for i in range(8)
    ]
    return level(placed(parts, 4.0, rate), 0.6), rate


def trance_gate(rng: np.random.Generator) -> tuple[Array, int]:
    """A pad chopped in sixteenths on purpose; the edges last 4 ms."""
    sound, rate = pad(rng)
    open_ = ((times(4.0, rate) % 0.125) < 0.08).astype(float)
    smooth = np.convolve(
        open_, np.hanning(round(0.004 * rate)) / np.hanning(round(0.004 * rate)).sum(), "same"
    )
    return sound * smooth[:, None], rate


def two_lines(rng: np.random.Generator) -> tuple[Array, int]:
    """Two sentences joined by a pause of digital silence, as a server that splits a text sends."""
    rate = 24_000
    first, second = voice(rng, rate, 1.8), voice(rng, rate, 1.8)
    edge = np.linspace(0, 1, 120)
    for part in (first, second):
        part[:120] *= edge
        part[-120:] *= edge[::-1]
    return np.concatenate([first, np.zeros(round(0.3 * rate)), second]), rate


def stop_consonants(rng: np.random.Generator) -> tuple[Array, int]:
    """Speech joined of pieces, as eSpeak NG joins it: hiss, cut, 22 ms of nothing, a soft start."""
    rate = 24_000
    sound = voice(rng, rate, 4.0, floor=0)
    for at in np.arange(0.4, 3.6, 0.37):
        hiss = filtered(rng.normal(0, 1, round(0.08 * rate)), rate, 2000, 8000) * 0.02
        start = round(at * rate)
        sound[start : start + len(hiss)] = hiss
        gap = start + len(hiss)
        sound[gap : gap + round(0.022 * rate)] = 0
        rest = sound[gap + round(0.022 * rate) :][: round(0.03 * rate)]
        rest *= np.linspace(0, 1, len(rest))
    return sound, rate


def falling_square(rng: np.random.Generator) -> tuple[Array, int]:
    """A game's sound: a noisy pulse wave that falls below 20 Hz."""
    rate = 44_100
    t = times(1.5, rate)
    phase = np.cumsum(300 * np.exp(-2.2 * t) + 12) / rate
    return 0.26 * np.where(phase % 1 < 0.5, 1, -1) + rng.normal(0, 0.006, len(t)), rate


def gliding_tones(rng: np.random.Generator) -> tuple[Array, int]:
    """A game's sound: tones that glide fast and fill a band that ends."""
    rate = 44_100
    t = times(0.8, rate)
    glide = np.sin(2 * np.pi * np.cumsum(4800 - 600 * (t * 8 % 1)) / rate)
    return 0.3 * glide + 0.5 * np.sin(2 * np.pi * np.cumsum(1400 - 900 * (t * 8 % 1)) / rate), rate


def delayed_side(rng: np.random.Generator) -> tuple[Array, int]:
    """One player, a millisecond later on the right: most tones arrive shifted."""
    sound, rate = piano_mono(rng)
    return np.stack([sound, 0.9 * np.roll(sound, 37)], axis=1), rate


def mains_bass(rng: np.random.Generator) -> tuple[Array, int]:
    """A synthesiser's bass of exactly 60 Hz and its multiples, held under all of a melody."""
    rate = 32_000
    t = times(4.0, rate)
    saw = sum(np.sin(2 * np.pi * 60 * k * t) / k for k in range(1, 30))
    edge = np.minimum(1, t / 0.01) * np.minimum(1, (4 - t) / 0.3)
    return 0.25 * level(saw * edge, 1) + 0.4 * level(melody(rng, 4.0, rate), 1), rate


def quiet_bass(rng: np.random.Generator) -> tuple[Array, int]:
    """Soft notes of exactly 50 Hz, far below the piece, with rests between them."""
    rate = 32_000
    t = times(4.0, rate)
    notes = np.sin(2 * np.pi * 50 * t) * np.clip(np.sin(2 * np.pi * 0.9 * t) * 3, 0, 1)
    return 0.02 * notes + 0.5 * level(melody(rng, 4.0, rate), 1), rate


def widened(rng: np.random.Generator) -> tuple[Array, int]:
    """Mono made wide: the same, 20 ms later on the right."""
    sound, by = melody(rng, 4.0, 32_000), 640
    return 0.5 * level(np.stack([sound, np.concatenate([np.zeros(by), sound[:-by]])], 1), 1), 32_000


def echo(rng: np.random.Generator) -> tuple[Array, int]:
    """A player on the left, and the echo on the right, a quarter of a second later."""
    sound, by = melody(rng, 4.0, 32_000), 8000
    later = np.concatenate([np.zeros(by), sound[:-by]])
    return 0.5 * level(np.stack([sound, 0.5 * later], 1), 1), 32_000


def taking_turns(rng: np.random.Generator) -> tuple[Array, int]:
    """Two drums that are the same, one on each side, in turn."""
    rate = 32_000
    hit = drum("hat", rng, rate)
    sides = [
        placed([(at, hit) for at in np.arange(start, 4, 0.5)], 4.0, rate) for start in (0, 0.25)
    ]
    return 0.6 * np.stack(sides, 1) + 0.1 * beat(rng, rate, 4.0, loop=False)[:, None], rate


def spaced_microphones(rng: np.random.Generator) -> tuple[Array, int]:
    """A room with one player, through microphones that are two metres apart."""
    rate, by = 32_000, 190
    sound = room(rng, melody(rng, 4.0, rate), rate)
    later = np.concatenate([np.zeros(by), sound[:-by, 1]])
    return level(np.stack([sound[:, 0], later], 1), 0.5), rate


def begins_with_a_drum(rng: np.random.Generator) -> tuple[Array, int]:
    """A wood block at the first sample, and a rest behind it."""
    rate = 32_000
    piece = melody(rng, 4.0, rate)
    return level(placed([(0, 3 * drum("clave", rng, rate)), (0.5, piece)], 4.0, rate), 0.6), rate


def begins_with_a_plosive(rng: np.random.Generator) -> tuple[Array, int]:
    """Speech that was trimmed to the burst of its first consonant, and the pause behind that."""
    rate = 24_000
    burst = filtered(rng.normal(0, 1, 480), rate, 800, 6000) * np.exp(-np.arange(480) / 150)
    rest = voice(rng, rate, 4.0)[3600:]
    return np.concatenate([0.05 * burst / burst.std(), np.zeros(700), rest]), rate


def resampled_well(rng: np.random.Generator) -> tuple[Array, int]:
    """Speech of 24 kHz at 32 kHz, through a filter."""
    sound = voice(rng, 24_000, 4.0)
    spectrum = np.fft.rfft(sound)
    size = len(sound) * 4 // 3
    wide = np.zeros(size // 2 + 1, complex)
    wide[: len(spectrum)] = spectrum
    return np.fft.irfft(wide, size) * 4 / 3, 32_000


def naive_synthesiser(rng: np.random.Generator) -> tuple[Array, int]:
    """Sawtooth notes without a filter, which alias: each pitch divides the rate."""
    rate = 32_000
    t = times(0.24, rate)
    shape = np.minimum(1, t / 0.005) * np.minimum(1, (0.24 - t) / 0.01)
    notes = [2 * (t * hertz % 1) - 1 for hertz in (100, 125, 160, 200, 250)]
    parts = [(0.25 * i, 0.3 * shape * notes[rng.integers(5)]) for i in range(16)]
    return placed(parts, 4.0, rate), rate


def square_law(rng: np.random.Generator) -> tuple[Array, int]:
    """Through a pedal that squeezes the wave, as a compander would."""
    sound = level(melody(rng, 4.0, 32_000), 0.7)
    return np.sign(sound) * np.abs(sound) ** 0.5, 32_000


def one_note(rng: np.random.Generator, seed: int = 8) -> tuple[Array, int]:
    """A single held note: each partial reaches each of two distant microphones with any phase."""
    rate, phases = 32_000, np.random.default_rng(seed)
    t = times(4.0, rate)
    hertz = phases.choice([66, 131, 311, 185])
    sides = np.zeros((len(t), 2))
    for number in range(1, 6):
        for side in sides.T:
            height = phases.uniform(0.1, 1) / number * np.exp(-0.5 * t)
            side += height * np.sin(2 * np.pi * hertz * number * t + phases.uniform(0, 6.28))
    for side in sides.T:
        side += 0.02 * filtered(rng.normal(0, 1, len(t)), rate, 60, 6000)
    return level(sides, 0.5), rate


SHOWN: dict[str, Right] = {
    "piano": Right(piano),
    "piano in mono": Right(piano_mono),
    "strings": Right(strings),
    "drum machine": Right(drum_machine),
    "speech": Right(speech, "speech"),
    "gated speech": Right(speech_gated, "speech"),
    "speech of 22 kHz": Right(speech_piper_like, "speech"),
    "chip tune": Right(chip_tune),
    "quiet piece": Right(quiet_piece),
    "faded": Right(faded),
    "surf": Right(surf),
    "codec's music": Right(codec_music),
    "mp3": Right(mp3_music),
    "loud master": Right(loud_master),
    "wide stereo": Right(wide_stereo),
    "flute": Right(flute),
    "pad": Right(pad),
    "staccato": Right(staccato),
    "stop consonants": Right(stop_consonants, "speech"),
    "falling square": Right(falling_square),
    "gliding tones": Right(gliding_tones),
    "delayed side": Right(delayed_side),
    "mains' bass": Right(mains_bass),
    "quiet bass": Right(quiet_bass),
    "widened": Right(widened),
    "echo": Right(echo),
    "taking turns": Right(taking_turns),
    "spaced microphones": Right(spaced_microphones),
    "begins with a drum": Right(begins_with_a_drum),
    "begins with a plosive": Right(begins_with_a_plosive, "speech"),
    "resampled well": Right(resampled_well, "speech"),
    "naive synthesiser": Right(naive_synthesiser),
    "square law": Right(square_law),
    "one note": Right(one_note),
}
HELD_OUT: dict[str, Right] = {
    "drummer": Right(drummer),
    "sparse hits": Right(sparse_hits),
    "speech in a film": Right(speech_in_film, "any"),
    "whisper": Right(whisper, "speech"),
    "creaky voice": Right(creaky_voice, "speech"),
    "chord tones": Right(chord_tones),
    "saw bass": Right(saw_bass),
    "ogg speech": Right(ogg_speech, "speech"),
    "distorted guitar": Right(distorted_guitar),
    "hard panned": Right(hard_panned),
    "late channel": Right(late_channel),
    "sub bass": Right(sub_bass),
    "snare roll": Right(snare_roll),
    "metronome": Right(metronome),
    "trance gate": Right(trance_gate),
    "two lines": Right(two_lines, "speech"),
}
