"""Judge whether each character keeps one voice, and whether the characters' voices differ.

Compares lines with each other alone: which voice a character should have is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from proofbook_systems.pipeline.content.judged import Control, controlled
from proofbook_systems.pipeline.content.limits import ContentLimits
from proofbook_systems.pipeline.content.lines import HeardLine
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["Voice", "alike", "judge_voices", "strays", "voices_of"]

_STAY = "voices-stay"
_DIFFER = "voices-differ"
_MOST_STRAY = 1 / 3
"""Share of lines in a wrong voice from which on nothing says which voice is the right one."""
_WHY_STAY = "a character who speaks with another's voice confuses every viewer"
_WHY_DIFFER = "viewers tell the characters apart by their voices"


@dataclass(frozen=True, kw_only=True)
class Voice:
    """The voice of one line."""

    place: str
    character: str
    vector: tuple[float, ...]


def voices_of(script: Sequence[HeardLine], limits: ContentLimits) -> list[Voice]:
    """Return the voices of the lines that are long enough."""
    return [
        Voice(place=each.place, character=each.line.character, vector=each.observed.voice)
        for each in script
        if each.observed.voice and each.observed.speech_seconds >= limits.least_speech
    ]


def judge_voices(
    script: Sequence[HeardLine], limits: ContentLimits
) -> tuple[list[Finding], dict[str, float]]:
    """Return both findings, and the similarities within and between characters."""
    voices = voices_of(script, limits)
    cast = _by_character(voices)
    short = len(script) - len(voices)
    note = f"{short} of {len(script)} lines are too short to tell a voice" if short else ""
    everybody = {each.line.character for each in script}
    return [
        _differ(voices, everybody, limits, note),
        _stay(voices, everybody, limits, note),
    ], _numbers(cast)


def strays(voices: Sequence[Voice], limits: ContentLimits) -> dict[str, str]:
    """Return why a line sounds like another character or like nobody, by its place."""
    cast = _by_character(voices)
    faults = {}
    for voice in voices:
        own = [v for v in cast[voice.character] if v is not voice]
        if own and (fault := _astray(voice, own, cast, limits)):
            faults[voice.place] = f"{voice.place} {fault}"
    return faults


def alike(voices: Sequence[Voice], limits: ContentLimits) -> list[str]:
    """Return the pairs of characters whose voices cannot be told apart.

    A few lines in a wrong voice do not make two voices one, so they are left out.
    """
    wrong = strays(voices, limits)
    are_few = len(wrong) <= _MOST_STRAY * len(voices)
    cast = _by_character([v for v in voices if not (are_few and v.place in wrong)])
    pairs = combinations(cast, 2)
    return [fault for a, b in pairs if (fault := _same_voice(a, b, cast, limits))]


def _astray(
    voice: Voice, own: Sequence[Voice], cast: Mapping[str, Sequence[Voice]], limits: ContentLimits
) -> str:
    others = {name: _nearness(voice, m) for name, m in cast.items() if name != voice.character}
    mine = _nearness(voice, own)
    nearest = max(others, key=lambda name: others[name], default="")
    if nearest and others[nearest] > mine:
        return (
            f"sounds like {nearest} ({others[nearest]:.2f}) rather than {voice.character} "
            f"({mine:.2f})"
        )
    if mine < limits.least_same:
        return (
            f"does not sound like {voice.character}'s other lines: similarity {mine:.2f}, at "
            f"least {limits.least_same:g} is expected"
        )
    return ""


def _same_voice(
    one: str, other: str, cast: Mapping[str, Sequence[Voice]], limits: ContentLimits
) -> str:
    between = _mean_between(cast[one], cast[other])
    within = [w for w in map(_mean_within, (cast[one], cast[other])) if w is not None]
    bound = min(within) - limits.least_apart if within else limits.most_alike
    if between <= bound:
        return ""
    beside = f", lines of one {min(within):.2f}" if within else ""
    return (
        f"{one} and {other} have the same voice: lines of the two are {between:.2f} alike{beside}"
    )


def _differ(
    voices: Sequence[Voice], everybody: set[str], limits: ContentLimits, note: str
) -> Finding:
    if untried := _too_few(voices, everybody, least=1):
        return finding(_DIFFER, [], why=_WHY_DIFFER, untried=untried)
    control = Control(name="one voice for two", **_one_for_two(voices, limits))
    return controlled(_DIFFER, alike(voices, limits), [control], why=_WHY_DIFFER, note=note)


def _stay(
    voices: Sequence[Voice], everybody: set[str], limits: ContentLimits, note: str
) -> Finding:
    if untried := _too_few(voices, everybody, least=2):
        return finding(_STAY, [], why=_WHY_STAY, untried=untried)
    if same := alike(voices, limits):
        reason = f"the voices do not differ: {same[0]}"
        return finding(_STAY, [], why=_WHY_STAY, untried=reason)
    control = Control(name="two lines' voices exchanged", **_exchanged(voices, limits))
    return controlled(
        _STAY, list(strays(voices, limits).values()), [control], why=_WHY_STAY, note=note
    )


def _too_few(voices: Sequence[Voice], everybody: set[str], least: int) -> str:
    """Return why nothing can be said, or nothing."""
    if len(everybody) < 2:
        return "the script has one character: there is no other voice to compare with"
    counts = {name: sum(v.character == name for v in voices) for name in everybody}
    enough = [name for name in everybody if counts[name] >= least]
    if len(enough) >= 2:
        return ""
    lacking = ", ".join(f"{name} {counts[name]}" for name in sorted(everybody))
    return f"too few lines are long enough to tell a voice, {least} each are needed: {lacking}"


def _exchanged(voices: Sequence[Voice], limits: ContentLimits) -> dict[str, int]:
    """Exchange the voices of a line of each pair of characters, and count what is noticed."""
    wrong = strays(voices, limits)
    cast = _by_character([voice for voice in voices if voice.place not in wrong])
    tried = objected = 0
    for one, other in combinations(cast, 2):
        if min(len(cast[one]), len(cast[other])) < 2:
            continue
        first, second = cast[one][0], cast[other][0]
        swapped = {first.place: second.vector, second.place: first.vector}
        spoilt = [replace(v, vector=swapped.get(v.place, v.vector)) for v in voices]
        tried += 1
        objected += bool(set(strays(spoilt, limits)) & set(swapped) or alike(spoilt, limits))
    return {"tried": tried, "objected": objected}


def _one_for_two(voices: Sequence[Voice], limits: ContentLimits) -> dict[str, int]:
    """Take each character's lines for those of two, and count how often that is noticed."""
    wrong = strays(voices, limits)
    tried = objected = 0
    for members in _by_character([v for v in voices if v.place not in wrong]).values():
        if len(members) < 2:
            continue
        halves = [replace(v, character=f"half {i % 2}") for i, v in enumerate(members)]
        tried += 1
        objected += bool(alike(halves, limits))
    return {"tried": tried, "objected": objected}


def _by_character(voices: Sequence[Voice]) -> dict[str, list[Voice]]:
    cast: dict[str, list[Voice]] = {}
    for voice in voices:
        cast.setdefault(voice.character, []).append(voice)
    return cast


def _nearness(voice: Voice, members: Sequence[Voice]) -> float:
    """Return the similarity to the middle of a group of voices."""
    middle = np.mean([member.vector for member in members], axis=0)
    length = float(np.linalg.norm(middle)) or 1.0
    return float(np.dot(voice.vector, middle) / length)


def _mean_within(members: Sequence[Voice]) -> float | None:
    pairs = [float(np.dot(a.vector, b.vector)) for a, b in combinations(members, 2)]
    return float(np.mean(pairs)) if pairs else None


def _mean_between(one: Sequence[Voice], other: Sequence[Voice]) -> float:
    return float(np.mean([np.dot(a.vector, b.vector) for a in one for b in other]))


def _numbers(cast: Mapping[str, list[Voice]]) -> dict[str, float]:
    numbers = {}
    for name, members in cast.items():
        if (within := _mean_within(members)) is not None:
            numbers[f"voice_within:{name}"] = within
    for one, other in combinations(cast, 2):
        numbers[f"voice_between:{one},{other}"] = _mean_between(cast[one], cast[other])
    return numbers
