"""Lay captions together to the lines of a script: subtitles are cut where a screen is full.

Knows nothing about files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from proofbook_systems.pipeline.artefacts import Line

__all__ = ["lay_together", "words_of"]

_MOST_WORDS = 4000
"""Beyond it, to find which words belong together takes too long."""


def words_of(text: str) -> list[str]:
    """Return the words of a text, whatever its signs and cases."""
    return re.findall(r"\w+", text.casefold().replace("'", "").replace("’", ""))  # noqa: RUF001


def lay_together(
    cues: Sequence[Mapping[str, Any]], lines: Sequence[Line]
) -> list[dict[str, Any]] | None:
    """Return one entry for each line that is in the captions, by the words of both.

    Args:
        cues: Each with start, end and text, in order.
        lines: Of the script.

    Returns:
        number, start, end and text of each; None where their words are others.
    """
    spoken = [(word, n) for n, cue in enumerate(cues) for word in _written(str(cue["text"]))]
    wanted = [(_plain(word), line.number) for line in lines for word in _written(line.text)]
    if not spoken or not wanted or max(len(spoken), len(wanted)) > _MOST_WORDS:
        return None
    owners = _owners([_plain(word) for word, _ in spoken], wanted)
    if owners is None:
        return None
    entries = []
    for line in lines:
        own = [place for place, owner in enumerate(owners) if owner == line.number]
        if own:
            first, last = own[0], own[-1]
            entries.append({
                "number": line.number, "start": _time(cues, spoken, first, 0),
                "end": _time(cues, spoken, last, 1),
                "text": " ".join(spoken[place][0] for place in own),
            })  # fmt: skip
    return entries


def _owners(spoken: list[str], wanted: list[tuple[str, int]]) -> list[int] | None:
    """Return which line each word belongs to; words that no line has go with the one before."""
    matcher = SequenceMatcher(None, spoken, [word for word, _ in wanted], autojunk=False)
    blocks = matcher.get_matching_blocks()
    if sum(block.size for block in blocks) < 0.5 * min(len(spoken), len(wanted)):
        return None
    owners = [0] * len(spoken)
    for block in blocks:
        for step in range(block.size):
            owners[block.a + step] = wanted[block.b + step][1]
    last = next(owner for owner in owners if owner)
    for place, owner in enumerate(owners):
        last = owners[place] = owner or last
    return owners


def _time(
    cues: Sequence[Mapping[str, Any]], spoken: list[tuple[str, int]], place: int, end: int
) -> float:
    """Return when a word starts or ends; within a caption, words take equally long."""
    cue = spoken[place][1]
    own = [n for n, (_, number) in enumerate(spoken) if number == cue]
    start, stop = float(cues[cue]["start"]), float(cues[cue]["end"])
    return start + (stop - start) * (own.index(place) + end) / len(own)


def _written(text: str) -> list[str]:
    """Return the words as they are written, with their signs."""
    return [word for word in text.split() if words_of(word)]


def _plain(word: str) -> str:
    return "".join(words_of(word))
