"""Faults of a film's sound: each changes the whole of it, as it lies in the plan's places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proofbook_subjects.pipeline.faults import Faults
from proofbook_subjects.pipeline.sounds import RATE, Samples
from proofbook_subjects.pipeline.timelines import Plan, Shot

__all__ = ["MIXES", "is_spoilt", "spoil_mix"]


def is_spoilt(faults: Faults) -> bool:
    """Say whether a fault is asked for that needs the whole sound at once."""
    return any(kind in MIXES for kind in faults.of("video"))


def spoil_mix(faults: Faults, mix: Samples, plan: Plan) -> Samples:
    """Return the sound as the faults have it, of the same length unless one changes that."""
    for kind, value in faults.of("video").items():
        if kind in MIXES:
            mix = MIXES[kind](mix, plan, value)
    return mix


def _place(shot: Shot) -> slice:
    return slice(round(shot.start * RATE), round((shot.start + shot.duration) * RATE))


def _shot(plan: Plan, number: float) -> Shot:
    return plan.shots[min(max(int(number), 1), len(plan.shots)) - 1]


def _fit(samples: Samples, count: int) -> Samples:
    import numpy as np

    return np.pad(samples[:count], (0, max(0, count - len(samples))))


def _shifted(mix: Samples, seconds: float) -> Samples:
    import numpy as np

    count = round(abs(seconds) * RATE)
    if seconds > 0:
        return np.concatenate([np.zeros(count, np.float32), mix])[: len(mix)]
    return _fit(mix[count:], len(mix))


def _drift(mix: Samples, plan: Plan, seconds: float) -> Samples:
    import numpy as np

    moved = np.zeros_like(mix)
    for turn, shot in enumerate(plan.shots):
        part = mix[_place(shot)]
        start = round((shot.start + turn * seconds) * RATE)
        part = part[: max(0, len(mix) - start)]
        moved[start : start + len(part)] = part
    return moved


def _into(mix: Samples, target: Shot, part: Samples) -> Samples:
    changed = mix.copy()
    place = _place(target)
    changed[place] = _fit(part, len(changed[place]))
    return changed


def _missing(mix: Samples, plan: Plan, number: float) -> Samples:
    return _into(mix, _shot(plan, number), mix[:0])


def _doubled(mix: Samples, plan: Plan, number: float) -> Samples:
    return _into(mix, _shot(plan, number + 1), mix[_place(_shot(plan, number))])


def _exchanged(mix: Samples, plan: Plan, number: float) -> Samples:
    one, two = _shot(plan, number), _shot(plan, number + 2)
    return _into(_into(mix, one, mix[_place(two)]), two, mix[_place(one)])


def _overlapping(mix: Samples, plan: Plan, number: float) -> Samples:
    shot = _shot(plan, max(number, 2))
    part, place = mix[_place(shot)].copy(), _place(shot)
    changed = _into(mix, shot, mix[:0])
    start = max(0, place.start - round(0.8 * RATE))
    changed[start : start + len(part)] += 0.8 * part
    return changed


def _quiet_voice(mix: Samples, plan: Plan, decibels: float) -> Samples:
    changed = mix.copy()
    for shot in plan.shots:
        if shot.line.character == "Nutsy":
            changed[_place(shot)] *= 10 ** (-decibels / 20)
    return changed


def _with_music(mix: Samples, _plan: Plan, _value: float) -> Samples:
    import numpy as np

    times = np.arange(len(mix)) / RATE
    chord: Any = sum(np.sin(2 * np.pi * hertz * times) for hertz in (220.0, 277.2, 329.6))
    beat = 0.7 + 0.3 * np.sign(np.sin(2 * np.pi * 2 * times))
    return (0.5 * mix + 0.2 * chord * beat).clip(-1, 1).astype(np.float32)


def _faster(mix: Samples, _plan: Plan, factor: float) -> Samples:
    import numpy as np

    count = np.arange(len(mix))
    quick = np.interp(np.arange(0, len(mix), factor), count, mix)
    return _fit(quick.astype(np.float32), len(mix))


def _gap(mix: Samples, _plan: Plan, seconds: float) -> Samples:
    changed, middle = mix.copy(), len(mix) // 2
    half = round(seconds * RATE / 2)
    changed[middle - half : middle + half] = 0
    return changed


MIXES: Mapping[str, Callable[[Samples, Plan, float], Samples]] = {
    "silent": lambda mix, _plan, _: 0 * mix,
    "late_sound": lambda mix, _plan, seconds: _shifted(mix, seconds),
    "early_sound": lambda mix, _plan, seconds: _shifted(mix, -seconds),
    "drift": _drift,
    "missing_line": _missing,
    "doubled_line": _doubled,
    "swapped_sounds": _exchanged,
    "overlapping_line": _overlapping,
    "attenuated": lambda mix, _plan, decibels: mix * 10 ** (-decibels / 20),
    "one_voice_quiet": _quiet_voice,
    "loud": lambda mix, _plan, decibels: (mix * 10 ** (decibels / 20)).clip(-1, 1),
    "loud_music": _with_music,
    "fast_sound": _faster,
    "gap_in_sound": _gap,
    "cut_short": lambda mix, _plan, seconds: mix[: len(mix) - round(seconds * RATE)],
}
