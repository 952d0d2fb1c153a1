"""Judge each word of a line: one that was exchanged, left out or put in is named.

What was heard is laid along what is written. A difference alone says little, since a small model
mishears names and whatever sounds alike: it counts where the words heard are also far likelier, and
only in voices that are heard well otherwise. Knows nothing about models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from statistics import median
from typing import NamedTuple

from proofbook_systems.pipeline.content.judged import Control, controlled
from proofbook_systems.pipeline.content.limits import ContentLimits
from proofbook_systems.pipeline.content.lines import HeardLine, exchanged_word, own_key
from proofbook_systems.pipeline.content.numerals import NUMBER_WORDS
from proofbook_systems.pipeline.content.word_errors import similarity, word_errors
from proofbook_systems.pipeline.content.wording import spoken_words
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["NAME", "judge_single_words", "sounds_like", "wrong_word"]

NAME = "words-are-right"
_WHY = "one word for another can turn a line's meaning round"
_GAIN, _BESIDE = 7.5, 3.0
"""Logarithm of how much likelier what was heard must be than what is written, and how much more for
each further difference. By Piper a changed word had 8.4 and more; a misheard one 6.6 and less."""
_SAME_SOUND = 0.6
_LEAST_WORDS = 20
_CONTENT = 4
_TURNING = frozenset(["no", "not", "now", "new", "old", "up", "off", "out", "in"])
"""Short words that turn a meaning round."""
_OFTEN_LOST = frozenset([
    "a", "an", "and", "are", "as", "at", "by", "cents", "for", "from", "had", "has", "have", "her",
    "his", "in", "is", "it", "of", "on", "or", "that", "the", "them", "then", "there", "to", "was",
    "were", "will", "with", "would",
])  # fmt: skip
"""Words that are said so lightly that none is missed where it is not heard."""
_SOUNDS = (
    (r"^(kn|gn)", "n"), (r"^wr", "r"), (r"wh", "w"), (r"ph", "f"), (r"ght", "t"), (r"gh", ""),
    (r"c(?=[eiy])", "s"), (r"ck|c|q", "k"), (r"x", "ks"), (r"mb$", "m"), (r"(?<=.)e$", ""),
    (r"z", "s"), (r"(?<=[aeiou])[wyr]|[aeiouy]", "A"), (r"(.)\1+", r"\1"),
)  # fmt: skip


class _Difference(NamedTuple):
    written: list[str]
    heard: list[str]
    is_inside: bool
    """Whether words on both sides of it were heard right."""


def judge_single_words(right: Sequence[HeardLine], limits: ContentLimits) -> Finding:
    """Judge the lines that say their own text, in voices that are heard well.

    Args:
        right: These lines.
        limits: What counts as a voice that is heard well.
    """
    scored = [each for each in right if each.observed.heard_total is not None]
    faults = {each.line.number: wrong_word(each) for each in scored}
    hard = _hard_voices(scored, faults, limits)
    judged = [each for each in scored if each.line.character not in hard]
    if not judged:
        reason = "; ".join(hard.values()) or "no line of at most 29 s says its own text"
        return finding(NAME, [], why=_WHY, untried=f"single words are not judged: {reason}")
    found = [fault for each in judged if (fault := faults[each.line.number])]
    control = Control(name="a word exchanged in what is written", **_exchanged(judged), least=0.6)
    return controlled(NAME, found, [control], why=_WHY, note="; ".join(hard.values()))


def wrong_word(heard: HeardLine, *, text: str = "", key: str = "") -> str:
    """Return which word is not the written one, or nothing.

    Args:
        heard: A line that says its own text.
        text: What is written; another for a control.
        key: Of that text.
    """
    written = spoken_words(text) if text else heard.words
    total = heard.totals.get(key or own_key(heard.line))
    if total is None or heard.observed.heard_total is None:
        return ""
    differences = list(_differences(written, heard.heard))
    gain = heard.observed.heard_total - total
    if gain <= _GAIN + _BESIDE * (len(differences) - 1):
        return ""
    told = next((words for each in differences if (words := _told(each))), "")
    return f"{heard.place} {told}; heard '{heard.observed.transcript}'" if told else ""


def sounds_like(one: str, other: str) -> bool:
    """Say whether two words may be one sound spelled in two ways."""
    by_letter, by_sound = similarity(one, other), similarity(_sound(one), _sound(other))
    return max(by_letter, by_sound) >= _SAME_SOUND


def _differences(written: Sequence[str], heard: Sequence[str]) -> Iterator[_Difference]:
    matcher = SequenceMatcher(None, written, heard, autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind != "equal":
            inside = i > 0 and j < len(written)
            yield _Difference(list(written[i:j]), list(heard[k:m]), inside)


def _told(difference: _Difference) -> str:
    """Return what a difference is in words; empty where it may be the model's mishearing."""
    written, heard, is_inside = difference
    if len(written) == len(heard) == 1:
        one, other = written[0], heard[0]
        is_weak = not (_weighs(one) or _weighs(other)) or {one, other} <= _OFTEN_LOST
        return "" if is_weak or sounds_like(one, other) else f"says '{other}' for '{one}'"
    alone = written + heard
    if len(alone) != 1 or not is_inside or alone[0] in _OFTEN_LOST | NUMBER_WORDS:
        return ""
    if not _weighs(alone[0]):
        return ""
    return f"leaves out '{alone[0]}'" if written else f"says '{alone[0]}', which is not written"


def _weighs(word: str) -> bool:
    return len(word) >= _CONTENT or word in _TURNING or word in NUMBER_WORDS


def _hard_voices(
    lines: Sequence[HeardLine], faults: dict[int, str], limits: ContentLimits
) -> dict[str, str]:
    """Return the characters of whom too much is misheard to judge a word, and why, by name."""
    reasons = {}
    for character in dict.fromkeys(each.line.character for each in lines):
        own = [each for each in lines if each.line.character == character]
        words = sum(len(each.words) for each in own)
        wrong = sum(word_errors(each.words, each.heard).errors for each in own)
        wrong -= sum(bool(faults[each.line.number]) for each in own)
        if words < _LEAST_WORDS:
            reasons[character] = f"{character} says {words} words, {_LEAST_WORDS} are needed"
        elif wrong > limits.most_misheard * words:
            share = wrong / words
            reasons[character] = f"{share:.0%} of {character}'s words are misheard"
        elif (
            fit := _middle_fit([e for e in own if not faults[e.line.number]])
        ) < limits.least_sure:
            reasons[character] = f"{character}'s lines fit badly in all ({fit:.2f})"
    return reasons


def _middle_fit(lines: Sequence[HeardLine]) -> float:
    """Return the fit of a line in the middle; of none it is as bad as can be."""
    fits = [each.fits[own_key(each.line)] for each in lines]
    return median(fits) if fits else -99.0


def _exchanged(lines: Sequence[HeardLine]) -> dict[str, int]:
    """Exchange a word in what is written of each line, and count where that very word is named."""
    tried = objected = 0
    for each in lines:
        change = exchanged_word(each.line.text)
        if change is None or change.key not in each.totals:
            continue
        tried += 1
        fault = wrong_word(each, text=change.text, key=change.key)
        objected += f"for '{change.word}'" in fault
    return {"tried": tried, "objected": objected}


def _sound(word: str) -> str:
    for pattern, sound in _SOUNDS:
        word = re.sub(pattern, sound, word)
    return word
