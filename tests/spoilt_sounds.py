"""Sounds with one planted defect each: what a check of audio must find, and how it may call it.

``SHOWN`` is what the checks were written against. ``HELD_OUT`` was written before the checks, on
sounds of its own, with severity, place and channel drawn by lot, and was first run when they were
done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np
import right_sounds
from right_sounds import Array, low_pass, times

Spoil = Callable[[Array, int, np.random.Generator], Array]


@dataclass(frozen=True)
class Spoilt:
    """A right sound, what is done to it, and the names under which that counts as understood."""

    base: str
    spoil: Spoil
    named: tuple[str, ...]
    content: Literal["music", "speech", "any"] = "music"
    expected: dict[str, Any] = field(default_factory=dict)
    """What the one who judges it knows of the right sound: seconds, rate, channels, stereo."""


def make(spoilt: Spoilt, seed: int = 1) -> tuple[Array, int]:
    """Return the samples with the defect, shape (frames, channels) or (frames,), and their rate."""
    samples, rate = _right(spoilt.base, seed)
    return spoilt.spoil(np.array(samples, float), rate, np.random.default_rng([seed, 1])), rate


@cache
def _right(name: str, seed: int) -> tuple[Array, int]:
    right = {**right_sounds.SHOWN, **right_sounds.HELD_OUT}[name]
    return right.make(np.random.default_rng(seed))


def part(rate: int, at: float, seconds: float) -> slice:
    return slice(round(at * rate), round((at + seconds) * rate))


def stereo(samples: Array) -> Array:
    return samples if samples.ndim == 2 else np.stack([samples, samples], 1)


def loud_place(samples: Array, rate: int, at: float) -> int:
    """Return a frame near ``at`` seconds where it is loud: a defect in a pause is none."""
    mono = samples if samples.ndim == 1 else samples.mean(1)
    block = round(0.02 * rate)
    power = np.convolve(mono**2, np.ones(block) / block, "same")
    window = part(rate, max(0.3, at - 0.4), 0.8)
    return window.start + int(np.argmax(power[window]))


def not_finite(value: float, at: float, count: int, channel: int | None = None) -> Spoil:
    def spoil(x: Array, rate: int, rng: Any) -> Array:
        start = round(at * rate)
        where = slice(start, start + count)
        x[where if channel is None else (where, channel)] = value
        return x

    return spoil


def mute() -> Spoil:
    return lambda x, rate, rng: x * 0


def nearly_mute(peak: float) -> Spoil:
    return lambda x, rate, rng: x * peak / np.abs(x).max()


def mute_channel(channel: int) -> Spoil:
    def spoil(x: Array, rate: int, rng: Any) -> Array:
        x = stereo(x)
        x[:, channel] = 0
        return x

    return spoil


def lower_channel(channel: int, decibels: float) -> Spoil:
    def spoil(x: Array, rate: int, rng: Any) -> Array:
        x = stereo(x)
        x[:, channel] *= 10 ** (-decibels / 20)
        return x

    return spoil


def invert_channel(channel: int, since: float = 0.0) -> Spoil:
    def spoil(x: Array, rate: int, rng: Any) -> Array:
        x = stereo(x)
        x[round(since * rate) :, channel] *= -1
        return x

    return spoil


def same_channels(gain: float = 1.0) -> Spoil:
    return lambda x, rate, rng: np.stack([x.mean(1) if x.ndim == 2 else x] * 2, 1) * [1, gain]


def to_mono() -> Spoil:
    return lambda x, rate, rng: x.mean(1)


def clip(gain: float, then: float = 1.0, channel: int | None = None) -> Spoil:
    """Amplify to ``gain`` times full scale, cut off, and scale by ``then``."""

    def spoil(x: Array, rate: int, rng: Any) -> Array:
        cut = np.clip(x * gain / np.abs(x).max(), -1, 1 - 2**-15) * then
        if channel is None:
            return cut
        x[:, channel] = cut[:, channel]
        return x

    return spoil


def too_loud(gain: float) -> Spoil:
    return lambda x, rate, rng: x * gain / np.abs(x).max()


def wrap(gain: float) -> Spoil:
    """Overflow of integers: what is above full scale comes out at the bottom."""
    return lambda x, rate, rng: (x * gain / np.abs(x).max() + 1) % 2 - 1


def offset(by: float, channel: int | None = None) -> Spoil:
    def spoil(x: Array, rate: int, rng: Any) -> Array:
        if channel is None:
            return x * 0.8 + by
        x[:, channel] = x[:, channel] * 0.8 + by
        return x

    return spoil


def drop(
    places: list[float], seconds: float, channel: int | None = None, value: float = 0.0
) -> Spoil:
    """Samples replaced by silence, where it is loud."""

    def spoil(x: Array, rate: int, rng: Any) -> Array:
        for at in places:
            middle = loud_place(x, rate, at)
            where = slice(middle - round(seconds * rate / 2), middle + round(seconds * rate / 2))
            x[where if channel is None else (where, channel)] = value
        return x

    return spoil


def drop_regularly(every: float, seconds: float) -> Spoil:
    def spoil(x: Array, rate: int, rng: Any) -> Array:
        return x * (
            (times(len(x) / rate + 1, rate)[: len(x)] % every >= seconds)
            if x.ndim == 1
            else (times(len(x) / rate + 1, rate)[: len(x)] % every >= seconds)[:, None]
        )

    return spoil


def hold(at: float, seconds: float) -> Spoil:
    """The last sample is repeated."""

    def spoil(x: Array, rate: int, rng: Any) -> Array:
        start = loud_place(x, rate, at)
        block = x[start - round(0.01 * rate) : start + round(0.01 * rate)]
        peak = block[np.argmax(np.abs(block if block.ndim == 1 else block[:, 0]))]
        x[start : start + round(seconds * rate)] = peak
        return x

    return spoil


def stick(at: float, frame: float, times_: int | None) -> Spoil:
    """A frame is repeated; None: to the end."""

    def spoil(x: Array, rate: int, rng: Any) -> Array:
        start, size = loud_place(x, rate, at), round(frame * rate)
        count = times_ or (len(x) - start) // size
        piece = x[start - size // 2 : start - size // 2 + size].copy()
        tiled = np.concatenate([piece] * count)
        begin = start - size // 2
        x[begin : begin + len(tiled)] = tiled[: len(x) - begin]
        return x

    return spoil


def loop(at: float, seconds: float) -> Spoil:
    """From ``at`` on, the stretch before is repeated to the end."""

    def spoil(x: Array, rate: int, rng: Any) -> Array:
        start, size = round(at * rate), round(seconds * rate)
        piece = x[start - size : start].copy()
        need = len(x) - start
        x[start:] = np.concatenate([piece] * (need // size + 1))[:need]
        return x

    return spoil


def click(places: list[float], height: float, channel: int | None = None, width: int = 1) -> Spoil:
    """Single samples beside the wave."""

    def spoil(x: Array, rate: int, rng: Any) -> Array:
        for at in places:
            where = slice(round(at * rate), round(at * rate) + width)
            x[where if channel is None else (where, channel)] += height * rng.choice([-1, 1])
        return np.clip(x, -1, 1)

    return spoil


def jump(places: list[float], seconds: float) -> Spoil:
    """Pieces are left out: the wave jumps."""

    def spoil(x: Array, rate: int, rng: Any) -> Array:
        for at in places:
            middle = loud_place(x, rate, at)
            x = np.concatenate([x[:middle], x[middle + round(seconds * rate) :]])
        return x

    return spoil


def dull(hertz: float) -> Spoil:
    return lambda x, rate, rng: low_pass(x, rate, hertz)


def nearest(keep: int) -> Spoil:
    """A lower rate played by repeating samples: rough and dull."""

    def spoil(x: Array, rate: int, rng: Any) -> Array:
        return np.repeat(x[::keep], keep, axis=0)[: len(x)]

    return spoil


def coarse(bits: int) -> Spoil:
    return lambda x, rate, rng: np.round(x * 2 ** (bits - 1)) / 2 ** (bits - 1)


def white(level: float, since: float = 0.0) -> Spoil:
    def spoil(x: Array, rate: int, rng: Any) -> Array:
        start = round(since * rate)
        x[start:] = rng.normal(0, level, x[start:].shape)
        return np.clip(x, -1, 1)

    return spoil


def coloured(slope: float, level: float) -> Spoil:
    """Noise that falls by ``slope`` powers of the frequency: 0.5 is pink, 1 is brown."""

    def spoil(x: Array, rate: int, rng: Any) -> Array:
        noise = np.fft.rfft(rng.normal(0, 1, x.shape), axis=0)
        hertz = np.maximum(np.fft.rfftfreq(len(x), 1 / rate), 30)
        gain = hertz**-slope
        noise = np.fft.irfft(noise * (gain if x.ndim == 1 else gain[:, None]), len(x), 0)
        return noise / noise.std() * level

    return spoil


def byte_swapped() -> Spoil:
    """Samples of 16 bits, read in the wrong byte order."""
    return lambda x, rate, rng: (
        np.round(x * 32767).astype("<i2").astype("<i2").view(">i2").astype(float) / 32768
    )


def tone(hertz: float, height: float, shape: str = "sine") -> Spoil:
    def spoil(x: Array, rate: int, rng: Any) -> Array:
        t = times(len(x) / rate + 1, rate)[: len(x)]
        wave = np.sin(2 * np.pi * hertz * t) if shape == "sine" else right_sounds.square(hertz, t)
        wave = wave * height
        return wave if x.ndim == 1 else np.stack([wave] * x.shape[1], 1)

    return spoil


def end_early(at: float) -> Spoil:
    def spoil(x: Array, rate: int, rng: Any) -> Array:
        x[round(at * rate) :] = 0
        return x

    return spoil


def start_late(at: float) -> Spoil:
    def spoil(x: Array, rate: int, rng: Any) -> Array:
        x[: round(at * rate)] = 0
        return x

    return spoil


def shorten(by: float) -> Spoil:
    return lambda x, rate, rng: x[: len(x) - round(by * rate)]


def cut_word(at: float) -> Spoil:
    """The file ends in the middle of a word."""

    def spoil(x: Array, rate: int, rng: Any) -> Array:
        return x[: loud_place(x, rate, at)]

    return spoil


def as_it_is() -> Spoil:
    return lambda x, rate, rng: x


def lengthen(by: float) -> Spoil:
    return lambda x, rate, rng: np.concatenate([x, x[: round(by * rate)]])


def hum(hertz: float, height: float, numbers: tuple[int, ...] = (1, 2, 3, 5)) -> Spoil:
    """Lines of the mains under all of it; ``height`` is their RMS together."""

    def spoil(x: Array, rate: int, rng: np.random.Generator) -> Array:
        t = times(len(x) / rate + 1, rate)[: len(x)]
        wave = sum(np.sin(2 * np.pi * hertz * n * t + rng.uniform(0, 6)) / n for n in numbers)
        wave = wave * height / np.std(wave)
        return 0.9 * x + (wave if x.ndim == 1 else wave[:, None])

    return spoil


def decimated(keep: int, how: Literal["lines", "zeros"] = "lines") -> Spoil:
    """Every ``keep``-th sample is left, and the rate raised again without a filter."""

    def spoil(x: Array, rate: int, rng: Any) -> Array:
        out = np.zeros(x.shape)
        out[::keep] = x[::keep]
        if how == "zeros":
            return out
        for column in out.T if x.ndim == 2 else [out]:
            column[:] = np.interp(np.arange(len(x)), np.arange(len(x))[::keep], column[::keep])
        return out

    return spoil


def begin_with_burst(seconds: float, height: float) -> Spoil:
    def spoil(x: Array, rate: int, rng: np.random.Generator) -> Array:
        size = round(seconds * rate)
        wave = rng.uniform(-height, height, size)
        x[:size] += wave if x.ndim == 1 else wave[:, None]
        return x

    return spoil


def delay_channel(channel: int, seconds: float) -> Spoil:
    def spoil(x: Array, rate: int, rng: Any) -> Array:
        x, by = stereo(x), round(seconds * rate)
        x[:, channel] = np.concatenate([np.zeros(by), x[:-by, channel]])
        return x

    return spoil


def compand(how: Literal["decoded", "as they stand"], gain: float = 1.0) -> Spoil:
    """Stored as 8-bit mu-law codes, and decoded; or the codes' values taken for samples."""

    def spoil(x: Array, rate: int, rng: Any) -> Array:
        squeezed = np.sign(x) * np.log1p(255 * np.abs(x)) / np.log1p(255)
        if how == "as they stand":
            return gain * squeezed
        codes = np.round(squeezed * 127) / 127
        decoded = np.sign(codes) * np.expm1(np.abs(codes) * np.log1p(255)) / 255
        return gain * np.round(decoded * 32767) / 32768

    return spoil


def turn_frames(seconds: float, first: float = 0.0) -> Spoil:
    """Each frame is played backwards, in its place."""

    def spoil(x: Array, rate: int, rng: Any) -> Array:
        size, start = round(seconds * rate), round(first * rate)
        end = start + (len(x) - start) // size * size
        frames = x[start:end].reshape(-1, size, *x.shape[1:])
        x[start:end] = frames[:, ::-1].reshape(x[start:end].shape)
        return x

    return spoil


NOT_FINITE, SILENT, LEVEL, INVERTED = (
    ("not-finite",),
    ("silent",),
    ("channel-level", "silent"),
    ("inverted",),
)
DROPOUT, STUCK, LOOPED, CLICK = ("dropout",), ("stuck",), ("looped", "stuck"), ("click",)
HUM, IMAGES, BURST, LATE = ("hum",), ("images",), ("burst",), ("late-channel",)
COMPANDED, TURNED = ("companded",), ("reversed-frames",)
SHOWN: dict[str, Spoilt] = {
    "a NaN": Spoilt("piano", not_finite(np.nan, 1.0, 1, 1), NOT_FINITE),
    "infinities": Spoilt("speech", not_finite(np.inf, 2.0, 300), NOT_FINITE, "speech"),
    "silence": Spoilt("piano", mute(), SILENT),
    "almost silence": Spoilt("speech", nearly_mute(3e-4), SILENT, "speech"),
    "right is silent": Spoilt("piano", mute_channel(1), SILENT),
    "left 60 dB down": Spoilt("piano", lower_channel(0, 60), LEVEL),
    "right inverted": Spoilt("piano", invert_channel(1), INVERTED),
    "speech inverted": Spoilt("speech", invert_channel(0), INVERTED, "speech"),
    "dual mono": Spoilt("piano", same_channels(), ("dual-mono",), expected={"stereo": True}),
    "mono of a stereo model": Spoilt("piano", to_mono(), ("channels",), expected={"channels": 2}),
    "clipped": Spoilt("piano", clip(3), ("clipped",)),
    "clipped, then turned down": Spoilt("speech", clip(3, 0.4), ("clipped",), "speech"),
    "beyond full scale": Spoilt("codec's music", too_loud(1.6), ("beyond-full-scale",)),
    "integers overflow": Spoilt("piano in mono", wrap(1.5), ("wrapped",)),
    "offset": Spoilt("speech", offset(0.05), ("dc-offset",), "speech"),
    "offset on the left": Spoilt("codec's music", offset(0.03, 0), ("dc-offset",)),
    "one dropout": Spoilt("piano in mono", drop([2.0], 0.03), DROPOUT),
    "dropouts on the right": Spoilt("codec's music", drop([1.0, 2.6], 0.08, 1), DROPOUT),
    "dropouts in speech": Spoilt("speech", drop([1.0, 2.2, 3.1], 0.04), DROPOUT, "speech"),
    "every packet loses its start": Spoilt("strings", drop_regularly(0.25, 0.01), DROPOUT),
    "a held sample": Spoilt("piano in mono", hold(1.5, 0.05), ("stuck", "dropout")),
    "a frame stuck to the end": Spoilt("piano in mono", stick(1.5, 0.02, None), STUCK),
    "a frame stuck for a while": Spoilt("speech", stick(2.0, 0.04, 10), STUCK, "speech"),
    "half a second loops": Spoilt("codec's music", loop(2.0, 0.5), LOOPED),
    "speech loops": Spoilt("speech", loop(2.0, 1.0), LOOPED, "speech"),
    "three clicks": Spoilt("piano", click([1.0, 1.7, 3.0], 0.3, 0), CLICK),
    "clicks in speech": Spoilt("speech", click([0.7, 2.0, 3.3], 0.25), CLICK, "speech"),
    "pieces left out": Spoilt("strings", jump([1.0, 2.4], 0.043), CLICK),
    "of 8 kHz": Spoilt("codec's music", dull(4000), ("bandwidth",)),
    "of 8 kHz, speech": Spoilt("speech", dull(4000), ("bandwidth",), "speech"),
    "8 bits": Spoilt("piano", coarse(8), ("bit-depth",)),
    "white noise": Spoilt("piano", white(0.1), ("noise",)),
    "pink noise": Spoilt("speech", coloured(0.5, 0.1), ("noise",), "speech"),
    "a sine": Spoilt("piano", tone(440, 0.3), ("tone",)),
    "a hum": Spoilt("speech", tone(100, 0.2, "square"), ("tone",), "speech"),
    "ends early": Spoilt("piano", end_early(1.8), ("early-end",)),
    "starts late": Spoilt("codec's music", start_late(2.2), ("late-start",)),
    "too short": Spoilt("piano", shorten(1.0), ("duration",), expected={"seconds": 4.0}),
    "wrong rate": Spoilt("speech", as_it_is(), ("rate",), "speech", {"rate": 22_050}),
    "cut in a word": Spoilt("speech", cut_word(3.0), ("cut-off",), "speech"),
    "mains under speech": Spoilt("speech", hum(50.02, 0.015), HUM, "speech"),
    "mains under music": Spoilt("piano", hum(59.98, 0.02), HUM),
    "joined by lines": Spoilt("piano", decimated(2), IMAGES),
    "zeros between samples": Spoilt("speech", decimated(3, "zeros"), IMAGES, "speech"),
    "begins with a burst": Spoilt("speech", begin_with_burst(0.005, 0.8), BURST, "speech"),
    "right is late": Spoilt("codec's music", delay_channel(1, 0.02), LATE),
    "half a second late": Spoilt("piano", delay_channel(0, 0.5), LATE),
    "telephone codes": Spoilt("speech", compand("decoded"), COMPANDED, "speech"),
    "codes taken for samples": Spoilt("piano", compand("as they stand"), COMPANDED),
    "frames turned round": Spoilt("speech", turn_frames(0.02), TURNED, "speech"),
}

_LOT = np.random.default_rng(20261126)
_PIECES = ["wide stereo", "loud master", "distorted guitar", "late channel", "drummer"]
_VOICES = ["ogg speech", "two lines", "creaky voice"]


def _piece() -> str:
    return str(_LOT.choice(_PIECES))


def _voice() -> str:
    return str(_LOT.choice(_VOICES))


def _at(low: float = 0.8, high: float = 2.6) -> float:
    return float(_LOT.uniform(low, high))


def _side() -> int:
    return int(_LOT.integers(2))


HELD_OUT: dict[str, Spoilt] = {
    "NaN": Spoilt(
        _piece(), not_finite(np.nan, _at(), int(_LOT.integers(1, 2000)), _side()), NOT_FINITE
    ),
    "minus infinity": Spoilt(
        _voice(), not_finite(-np.inf, _at(), int(_LOT.integers(1, 50))), NOT_FINITE, "speech"
    ),
    "silence": Spoilt(_piece(), mute(), SILENT),
    "almost silence": Spoilt(_piece(), nearly_mute(10 ** -_LOT.uniform(3.2, 4)), SILENT),
    "one channel silent": Spoilt(_piece(), mute_channel(_side()), SILENT),
    "one channel silent, film": Spoilt("speech in a film", mute_channel(_side()), SILENT, "any"),
    "one channel far down": Spoilt(_piece(), lower_channel(_side(), _LOT.uniform(45, 75)), LEVEL),
    "one channel inverted": Spoilt(_piece(), invert_channel(_side()), INVERTED),
    "one channel inverted, film": Spoilt(
        "speech in a film", invert_channel(_side()), INVERTED, "any"
    ),
    "inverted from then on": Spoilt(
        "loud master", invert_channel(_side(), _at(0.5, 1.5)), INVERTED
    ),
    "dual mono": Spoilt(_piece(), same_channels(), ("dual-mono",), expected={"stereo": True}),
    "mono, one side lower": Spoilt(
        _piece(), same_channels(_LOT.uniform(0.4, 0.9)), ("dual-mono",), expected={"stereo": True}
    ),
    "mono of a stereo model": Spoilt(_piece(), to_mono(), ("channels",), expected={"channels": 2}),
    "clipped": Spoilt("wide stereo", clip(_LOT.uniform(2, 6)), ("clipped",)),
    "clipped on one side": Spoilt("late channel", clip(_LOT.uniform(3, 6), 1.0, 0), ("clipped",)),
    "clipped, then turned down": Spoilt(
        _voice(), clip(_LOT.uniform(2.5, 6), _LOT.uniform(0.2, 0.8)), ("clipped",), "speech"
    ),
    "beyond full scale": Spoilt(_piece(), too_loud(_LOT.uniform(1.3, 3)), ("beyond-full-scale",)),
    "integers overflow": Spoilt(_piece(), wrap(_LOT.uniform(1.3, 1.9)), ("wrapped",)),
    "offset": Spoilt(_voice(), offset(_LOT.uniform(0.02, 0.2)), ("dc-offset",), "speech"),
    "offset on one side": Spoilt(
        _piece(), offset(-_LOT.uniform(0.02, 0.1), _side()), ("dc-offset",)
    ),
    "a dropout": Spoilt(_piece(), drop([_at()], _LOT.uniform(0.01, 0.06)), DROPOUT),
    "a dropout on one side": Spoilt(
        "wide stereo", drop([_at()], _LOT.uniform(0.01, 0.1), _side()), DROPOUT
    ),
    "dropouts in speech": Spoilt(
        "ogg speech", drop([_at(), _at()], _LOT.uniform(0.02, 0.08)), DROPOUT, "speech"
    ),
    "lost packets": Spoilt(
        "distorted guitar",
        drop_regularly(_LOT.uniform(0.2, 0.5), _LOT.uniform(0.008, 0.03)),
        DROPOUT,
    ),
    "a held sample": Spoilt(_piece(), hold(_at(), _LOT.uniform(0.02, 0.2)), ("stuck", "dropout")),
    "stuck to the end": Spoilt("wide stereo", stick(_at(), _LOT.uniform(0.015, 0.1), None), STUCK),
    "stuck speech": Spoilt(
        "ogg speech",
        stick(_at(), _LOT.uniform(0.02, 0.08), int(_LOT.integers(5, 20))),
        STUCK,
        "speech",
    ),
    "stuck for a while": Spoilt(
        "distorted guitar",
        stick(_at(), _LOT.uniform(0.015, 0.08), int(_LOT.integers(6, 30))),
        STUCK,
    ),
    "looped": Spoilt("wide stereo", loop(_LOT.uniform(1.5, 2.2), _LOT.uniform(0.3, 1.2)), LOOPED),
    "looped speech": Spoilt(
        "ogg speech", loop(_LOT.uniform(1.5, 2.2), _LOT.uniform(0.5, 1.2)), LOOPED, "speech"
    ),
    "clicks": Spoilt(
        _piece(), click([_at(), _at(), _at()], _LOT.uniform(0.35, 0.8), _side()), CLICK
    ),
    "clicks in speech": Spoilt(
        _voice(), click([_at(), _at()], _LOT.uniform(0.25, 0.6)), CLICK, "speech"
    ),
    "wide clicks": Spoilt(
        "late channel",
        click([_at(), _at()], _LOT.uniform(0.35, 0.8), 0, int(_LOT.integers(2, 8))),
        CLICK,
    ),
    "pieces left out": Spoilt("strings", jump([_at(), _at()], _LOT.uniform(0.02, 0.2)), CLICK),
    "dull music": Spoilt("drummer", dull(_LOT.uniform(3000, 6500)), ("bandwidth",)),
    "dull speech": Spoilt("ogg speech", dull(_LOT.uniform(3000, 5000)), ("bandwidth",), "speech"),
    "repeated samples": Spoilt(
        "drummer", nearest(int(_LOT.integers(3, 6))), ("bandwidth", "rate-step")
    ),
    "few bits": Spoilt(_piece(), coarse(int(_LOT.integers(6, 10))), ("bit-depth",)),
    "few bits, speech": Spoilt(
        _voice(), coarse(int(_LOT.integers(6, 10))), ("bit-depth",), "speech"
    ),
    "noise": Spoilt(_piece(), white(_LOT.uniform(0.03, 0.4)), ("noise",)),
    "noise from then on": Spoilt(
        "wide stereo", white(_LOT.uniform(0.05, 0.2), _at(0.6, 1.4)), ("noise",)
    ),
    "coloured noise": Spoilt(
        _piece(), coloured(_LOT.uniform(0.3, 1.0), _LOT.uniform(0.03, 0.2)), ("noise",)
    ),
    "wrong byte order": Spoilt("distorted guitar", byte_swapped(), ("noise", "wrapped")),
    "a sine": Spoilt(_piece(), tone(_LOT.uniform(80, 5000), _LOT.uniform(0.05, 0.8)), ("tone",)),
    "a buzz": Spoilt(
        _voice(),
        tone(_LOT.uniform(60, 500), _LOT.uniform(0.05, 0.5), "square"),
        ("tone",),
        "speech",
    ),
    "ends early": Spoilt(_piece(), end_early(_LOT.uniform(0.8, 2.4)), ("early-end",)),
    "ends early, speech": Spoilt(
        "ogg speech", end_early(_LOT.uniform(0.8, 1.9)), ("early-end",), "speech"
    ),
    "starts late": Spoilt(_piece(), start_late(_LOT.uniform(2.0, 3.0)), ("late-start",)),
    "too short": Spoilt(
        _piece(), shorten(_LOT.uniform(0.2, 2)), ("duration",), expected={"seconds": 4.0}
    ),
    "too long": Spoilt(
        _voice(), lengthen(_LOT.uniform(0.6, 2)), ("duration", "looped"), "speech", {"seconds": 4.0}
    ),
    "wrong rate": Spoilt(_piece(), as_it_is(), ("rate",), expected={"rate": 48_000}),
    "cut in a word": Spoilt("ogg speech", cut_word(_at(1.5, 3.2)), ("cut-off",), "speech"),
}
