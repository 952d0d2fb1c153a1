"""The dialogue of a film against its time-line: which lines are heard, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from proofbook_systems.pipeline.artefacts import PlacedLine
from proofbook_systems.pipeline.film.fitting import RATE, flattening, overlap
from proofbook_systems.pipeline.film.hearing import Heard, Places, Track, find_sounds, resample
from proofbook_systems.pipeline.film.linefiles import LineSound
from proofbook_systems.pipeline.film.stretched import find_stretches

__all__ = ["Dialogue", "listen"]

_NEAR = 0.12
"""Seconds within which a line is at a place."""
_MOST_STRETCHED = 6


@dataclass(frozen=True, kw_only=True)
class Dialogue:
    """What is heard of the lines."""

    lines: tuple[PlacedLine, ...]
    sounds: tuple[LineSound, ...]
    heard: dict[int, Heard]
    """By number, the place that counts; a line that is not heard is not in it."""
    again: dict[int, tuple[float, ...]]
    """By number, seconds at which a line is heard once more."""
    flat: dict[int, float]
    """By number, how high the tops of a wave are by what its middle foretells."""
    missing: dict[int, str]
    """By number, why a line is not in it."""
    sped: dict[int, str]
    """By number, at which speed a line is heard that is not at its own."""

    def offset(self, number: int) -> float:
        """Return seconds by which a heard line is later than in the time-line."""
        return self.heard[number].at - self.line(number).start

    def line(self, number: int) -> PlacedLine:
        """Return a line by its number."""
        return next(line for line in self.lines if line.number == number)

    @property
    def lead(self) -> float:
        """Seconds from the start of the film to that of the time-line, by the first line heard."""
        ordered = [line.number for line in self.lines if line.number in self.heard]
        offsets = [self.offset(number) for number in ordered]
        if not offsets:
            return 0.0
        first = [offset for offset in offsets[:3] if abs(offset - offsets[0]) < _NEAR]
        usual = float(np.median(offsets))
        return float(min(first)) if len(first) > 1 or len(offsets) < 3 else usual


def listen(track: Track, sounds: Sequence[LineSound]) -> Dialogue:
    """Look for each line's sound in the film's."""
    waves = [resample(s.mono, s.rate) if len(s.samples) else _nothing() for s in sounds]
    places = find_sounds(track, waves)
    lines = tuple(sound.line for sound in sounds)
    first = [p.heard[0].at - line.start for p, line in zip(places, lines, strict=True) if p.heard]
    usual = float(np.median(first)) if first else 0.0
    heard = {
        line.number: _nearest(place, line.start + usual)
        for line, place in zip(lines, places, strict=True)
        if place.heard
    }
    unheard = [n for n, place in enumerate(places) if not place.heard]
    sped = _sped(track, lines, waves, unheard)
    missing = {
        lines[n].number: _reason(sounds[n], waves[n], places[n])
        for n in unheard
        if lines[n].number not in sped
    }
    return Dialogue(
        lines=lines, sounds=tuple(sounds), heard=heard, missing=missing, sped=sped,
        again=_again(lines, places, heard), flat=_flat(track, lines, waves, heard),
    )  # fmt: skip


def _flat(
    track: Track, lines: Sequence[PlacedLine], waves: Sequence[Any], heard: dict[int, Heard]
) -> dict[int, float]:
    found = {}
    for line, wave in zip(lines, waves, strict=True):
        if line.number in heard:
            start = round(heard[line.number].at * RATE)
            part, own = overlap(track.mono, wave, start)
            flat = flattening(part, own, heard[line.number].at * RATE - start)
            if flat is not None:
                found[line.number] = flat
    return found


def _nothing() -> npt.NDArray[np.float32]:
    return np.zeros(0, np.float32)


def _nearest(place: Places, wanted: float) -> Heard:
    """Return the likeliest place; of equally likely ones that which is nearest to the wanted."""
    good = [each for each in place.heard if each.likeness > 0.8 * place.heard[0].likeness]
    return min(good, key=lambda each: abs(each.at - wanted))


def _sped(
    track: Track, lines: Sequence[PlacedLine], waves: Sequence[Any], unheard: Sequence[int]
) -> dict[int, str]:
    """Return at which speed lines are heard that are not heard at their own."""
    tried = [n for n in unheard if len(waves[n])][:_MOST_STRETCHED]
    stretches = find_stretches(track.mono, [waves[n] for n in tried])
    found = {}
    for n, stretch in zip(tried, stretches, strict=True):
        if stretch is not None:
            pitch = "its pitch changed with it" if stretch.is_pitched else "its pitch kept"
            found[lines[n].number] = (
                f"{stretch.speed:.3g} times its speed, {pitch}, at {stretch.at:.2f} s"
            )
    return found


def _reason(sound: LineSound, wave: npt.NDArray[np.float32], place: Places) -> str:
    if sound.trouble:
        return f"{sound.line.audio.name} {sound.trouble}"
    if not len(wave) or float(np.abs(wave).max(initial=0.0)) < 1e-4:
        return f"{sound.line.audio.name} is silent itself"
    return f"{sound.line.audio.name} is not heard (best correlation {place.best:.2f})"


def _again(
    lines: Sequence[PlacedLine], places: Sequence[Places], heard: dict[int, Heard]
) -> dict[int, tuple[float, ...]]:
    """Return further places of each line that no other line's sound explains."""
    out: dict[int, tuple[float, ...]] = {}
    for line, place in zip(lines, places, strict=True):
        own = heard.get(line.number)
        others = [h for number, h in heard.items() if number != line.number]
        more = [
            each.at
            for each in place.heard
            if own is not None
            and abs(each.at - own.at) > _NEAR
            and not any(
                abs(each.at - o.at) < _NEAR and o.likeness > 0.9 * each.likeness for o in others
            )
        ]
        if more:
            out[line.number] = tuple(sorted(more))
    return out
