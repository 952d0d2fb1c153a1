"""Judge whether each character has the voice that it should have, by samples that are given.

A sample is any sound of that character, as an earlier film's. Compares the middle of a film's lines
with the middle of each character's samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from proofbook_systems.pipeline.content.judged import Control, controlled
from proofbook_systems.pipeline.content.limits import ContentLimits
from proofbook_systems.pipeline.content.lines import HeardLine
from proofbook_systems.pipeline.content.sounds import Answer, Question
from proofbook_systems.pipeline.content.voices import strays, voices_of
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["NAME", "Samples", "ask_samples", "judge_known_voices"]

NAME = "voices-are-known"
_WHY = "viewers know a character by its voice from one film to the next"

Samples = Mapping[str, Sequence[Path]]
"""Sound files by the character who speaks in them."""
_Middle = npt.NDArray[np.float64]


def ask_samples(samples: Samples) -> list[Question]:
    """Return what is asked about the samples."""
    return [
        Question(name=_key(character, place), path=path, wants=("speakers",))
        for character, paths in samples.items()
        for place, path in enumerate(paths)
    ]


def judge_known_voices(
    script: Sequence[HeardLine], samples: Samples, answer: Answer, limits: ContentLimits
) -> Finding:
    """Judge each character who speaks and of whom there are samples.

    Args:
        script: The lines that say their own text.
        samples: Which were asked about.
        answer: What the models say of them.
        limits: How near a character must be to its samples.
    """
    own = _spoken(script, limits)
    known, faults = _known(samples, answer, limits)
    both = {name: name for name in own if name in known}
    silent = [name for name in known if name not in own]
    note = f"no line of {', '.join(silent)} is long enough to tell a voice" if silent else ""
    if not both and not faults:
        untried = note or "no sample is long enough to tell a voice"
        return finding(NAME, [], why=_WHY, untried=untried)
    wrong = _faults(both, own, known, limits)
    control = Control(name="the samples exchanged", **_exchanged(own, known, limits))
    return controlled(NAME, faults + list(wrong.values()), [control], why=_WHY, note=note)


def _spoken(script: Sequence[HeardLine], limits: ContentLimits) -> dict[str, _Middle]:
    """Return the middle of each character's lines, without those in a wrong voice."""
    voices = voices_of(script, limits)
    wrong = strays(voices, limits)
    lines: dict[str, list[Sequence[float]]] = {}
    for voice in voices:
        if voice.place not in wrong:
            lines.setdefault(voice.character.casefold(), []).append(voice.vector)
    return {name: _middle(vectors) for name, vectors in lines.items()}


def _known(
    samples: Samples, answer: Answer, limits: ContentLimits
) -> tuple[dict[str, _Middle], list[str]]:
    """Return the middle of each character's samples, and why some cannot be used."""
    known, faults = {}, []
    for character, paths in samples.items():
        vectors = []
        for place, path in enumerate(paths):
            seen = answer.sounds[_key(character, place)]
            if seen.error:
                faults.append(f"{character}'s sample {path} cannot be read: {seen.error}")
            elif seen.voice and seen.speech_seconds >= limits.least_speech:
                vectors.append(seen.voice)
        if vectors:
            known[character.casefold()] = _middle(vectors)
    return known, faults


def _faults(
    pairs: Mapping[str, str],
    own: Mapping[str, _Middle],
    known: Mapping[str, _Middle],
    limits: ContentLimits,
) -> dict[str, str]:
    """Return what is wrong with each character, held against the samples that ``pairs`` names."""
    faults = {}
    for name, wanted in pairs.items():
        near = {other: float(own[name] @ vector) for other, vector in known.items()}
        nearest = max(near, key=lambda other: near[other])
        if nearest != wanted:
            faults[name] = (
                f"{name.title()} speaks with the voice of {nearest.title()}'s samples "
                f"({near[nearest]:.2f} alike), not with that of its own ({near[wanted]:.2f})"
            )
        elif near[wanted] < limits.least_known:
            faults[name] = (
                f"{name.title()} does not sound like its samples: similarity {near[wanted]:.2f}, "
                f"at least {limits.least_known:g} is expected"
            )
    return faults


def _exchanged(
    own: Mapping[str, _Middle], known: Mapping[str, _Middle], limits: ContentLimits
) -> dict[str, int]:
    """Hold each speaker against another's samples alone, or beside its own where there are some."""
    tried = objected = 0
    for one, other in combinations(own, 2):
        for name, wanted in ((one, other), (other, one)):
            if wanted in known:
                tried += 1
                objected += name in _faults({name: wanted}, own, known, limits)
    return {"tried": tried, "objected": objected}


def _middle(vectors: Sequence[Sequence[float]]) -> _Middle:
    middle = np.mean(np.array(vectors, dtype=np.float64), axis=0)
    return np.asarray(middle / (np.linalg.norm(middle) or 1.0))


def _key(character: str, place: int) -> str:
    return f"sample:{character}:{place}"
