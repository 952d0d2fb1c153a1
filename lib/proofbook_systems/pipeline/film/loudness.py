"""How loud a film is, and what its mix has done to the dialogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from proofbook.media import AudioFault, AudioLimits, find_audio_faults
from proofbook.media.levels import AudioMeasure, decibels, measure_audio
from proofbook_systems.pipeline.film.dialogue import Dialogue
from proofbook_systems.pipeline.film.limits import FilmLimits
from proofbook_systems.pipeline.film.linefiles import LineSound
from proofbook_systems.pipeline.film.placing import range_of
from proofbook_systems.pipeline.film.reading import FilmSound

__all__ = [
    "SIDES",
    "SPOILT",
    "Levels",
    "attenuated",
    "block_power",
    "find_sound_faults",
    "is_normalised",
    "line_level",
    "measure_levels",
    "told",
    "too_loud_or_quiet",
]

Array = npt.NDArray[np.float32]
SIDES = ("channel-level", "silent", "inverted", "late-channel")
SPOILT = (
    "not-finite", "wrapped", "stuck", "beyond-full-scale", "clipped", "dc-offset", "click",
    "dropout", "companded", "images", "reversed-frames", "burst", "hum",
)  # fmt: skip
_CLOSE = 0.8
_EQUAL_POWER, _CLOSE_POWER = 3.01, 0.2
_ALIKE = 1e-3
_CLICK = 0.05
"""Full scale that a click must reach: codecs make lower ones of the attack of a note."""
_BLOCK = 0.02
_AS_CLEAR = 0.9
"""Share of the usual likeness below which a codec has changed a line too much for its level."""
_LINE_OFF, _VOICE_OFF = 2.0, 1.0
"""Decibels by which a line, and a voice, may be further from the others than in the files."""


@dataclass(frozen=True, kw_only=True)
class Levels:
    """How loud a film is."""

    measure: AudioMeasure
    true_peak: float
    """dBTP."""

    @property
    def lufs(self) -> float | None:
        """Integrated loudness; None where it is not defined."""
        return self.measure.loudness_lufs


def measure_levels(sound: FilmSound) -> Levels:
    """Measure loudness, and the peak between samples by four times as many."""
    return Levels(
        measure=measure_audio(sound.samples, sound.rate), true_peak=_true_peak(sound.samples)
    )


def _true_peak(samples: Array) -> float:
    """Return dBTP (ITU-R BS.1770, annex 2), looking only where samples are near the highest."""
    from scipy import signal

    size, best = 4096, 0.0
    height = float(np.abs(samples).max(initial=0.0))
    for start in range(0, len(samples), size):
        part = samples[max(0, start - 32) : start + size + 32]
        if np.abs(part).max(initial=0.0) > 0.7 * height:
            best = max(best, float(np.abs(signal.resample_poly(part, 4, 1, axis=0)).max()))
    return decibels(max(best, height))


def too_loud_or_quiet(levels: Levels, limits: FilmLimits) -> Iterator[str]:
    """Yield loudness out of range, and peaks that players cut off."""
    least, most = limits.loudness_range
    if levels.lufs is None:
        yield f"its loudness is {levels.measure.loudness_note}"
    elif not least <= levels.lufs <= most:
        yield f"its loudness is {levels.lufs:.1f} LUFS; {least:g} to {most:g}"
    if levels.true_peak > limits.true_peak:
        yield f"its true peak is {levels.true_peak:+.1f} dBTP; at most {limits.true_peak:+g}"


def is_normalised(levels: Levels, limits: FilmLimits) -> bool:
    """Say whether the film was brought to a loudness that platforms ask for."""
    return levels.lufs is not None and any(
        abs(levels.lufs - target) <= _CLOSE for target in limits.loudness
    )


def find_sound_faults(sound: FilmSound) -> list[AudioFault]:
    """Return what a listener would object to; where all channels say the same, one is judged."""
    if not len(sound.samples):
        return []
    first = sound.samples[:, :1]
    is_same = bool(np.abs(sound.samples - first).max() < _ALIKE)
    limits = AudioLimits(click_height=_CLICK)
    return find_audio_faults(first if is_same else sound.samples, sound.rate, limits=limits)


def told(faults: Sequence[AudioFault], names: Sequence[str] = SPOILT) -> list[str]:
    """Return what a listener would object to, of the kinds named."""
    return [fault.words for fault in faults if fault.name in names]


def attenuated(
    dialogue: Dialogue, limits: FilmLimits, *, normalised: bool, is_stereo: bool
) -> Iterator[str]:
    """Yield voices and lines that the mix has made quieter than the others, then all of them.

    FFmpeg lays mono onto two channels at 3 dB less in each, which is the same power: no fault.

    Args:
        dialogue: What is heard.
        limits: By how much it may be lower.
        normalised: Whether the whole film was brought to a loudness.
        is_stereo: Whether mono files were laid onto two channels.
    """
    levels = {
        s.line.number: line_level(s) for s in dialogue.sounds if s.line.number in dialogue.heard
    }
    gains = {number: dialogue.heard[number].gain for number in levels}
    if not gains:
        return
    voices = _by_voice(dialogue, gains)
    middle = {
        name: float(np.median([gains[n] for n in numbers])) for name, numbers in voices.items()
    }
    usual = max(middle.values())
    is_told = False
    for name, numbers in voices.items():
        if usual - middle[name] > _VOICE_OFF and not _evened(voices, levels, gains, name):
            is_told = True
            yield (
                f"{name}'s voice is {usual - middle[name]:.1f} dB lower against the others in the "
                f"film than in the files (first at line {numbers[0]})"
            )
    for fault in _lines_off(dialogue, voices, levels, gains):
        is_told = True
        yield fault
    is_spread = is_stereo and abs(usual + _EQUAL_POWER) < _CLOSE_POWER
    if usual < -limits.attenuation and not (normalised or is_told or is_spread):
        yield (
            f"the mix attenuates the dialogue: it is {-usual:.1f} dB lower in the film than in "
            f"its files ({range_of(sorted(gains))}), at most {limits.attenuation:g} dB"
        )


def _lines_off(
    dialogue: Dialogue,
    voices: dict[str, list[int]],
    levels: dict[int, float],
    gains: dict[int, float],
) -> Iterator[str]:
    """Yield lines that the mix has moved away from the others of their voice."""
    for name, numbers in voices.items():
        middle = float(np.median([gains[n] for n in numbers]))
        clear = float(np.median([dialogue.heard[n].likeness for n in numbers]))
        for number in numbers:
            low = middle - gains[number]
            is_sure = dialogue.heard[number].likeness > _AS_CLEAR * clear
            is_off = abs(low) > _LINE_OFF and not _is_evened(levels, gains, numbers, number)
            if is_sure and is_off:
                how = "lower" if low > 0 else "higher"
                yield (
                    f"line {number} is {abs(low):.1f} dB {how} in the film, against its file, than "
                    f"{name or 'the speaker'}'s other lines"
                )


def _by_voice(dialogue: Dialogue, gains: dict[int, float]) -> dict[str, list[int]]:
    voices: dict[str, list[int]] = {}
    for line in dialogue.lines:
        if line.number in gains:
            voices.setdefault(line.character, []).append(line.number)
    return voices


def _evened(
    voices: dict[str, list[int]], levels: dict[int, float], gains: dict[int, float], name: str
) -> bool:
    """Say whether a voice was turned down because its files are louder than the others'."""
    others = [n for other, numbers in voices.items() if other != name for n in numbers]
    own = voices[name]
    before = np.median([levels[n] for n in own]) - np.median([levels[n] for n in others])
    after = before + np.median([gains[n] for n in own]) - np.median([gains[n] for n in others])
    return bool(abs(after) < abs(before) + 0.5)


def _is_evened(
    levels: dict[int, float], gains: dict[int, float], numbers: list[int], number: int
) -> bool:
    """Say whether a line was brought nearer to the others of its voice."""
    before = levels[number] - float(np.median([levels[n] for n in numbers]))
    after = (
        levels[number] + gains[number] - float(np.median([levels[n] + gains[n] for n in numbers]))
    )
    return abs(after) < abs(before) + 0.5


def line_level(sound: LineSound) -> float:
    """Return a line's level in dBFS: of the louder half of its moments."""
    power = block_power(sound.mono, sound.rate)
    if not power.size:
        return -120.0
    loud = np.sort(power)[len(power) // 2 :]
    return float(10 * np.log10(loud.mean() + 1e-12))


def block_power(samples: Array, rate: int, seconds: float = _BLOCK) -> npt.NDArray[np.float64]:
    """Return the power of each 20 ms, or other stretch, of samples of shape (frames,)."""
    size = max(1, round(seconds * rate))
    count = len(samples) // size
    return np.asarray(
        np.mean(samples[: count * size].reshape(count, size).astype(np.float64) ** 2, axis=1)
    )
