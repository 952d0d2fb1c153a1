"""Answers as models with perfect ears would give them, to questions about sounds that do not exist.

What each file says is given as text; a question that spoils the sound spoils the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from proofbook_systems.pipeline.content.asking import Plan
from proofbook_systems.pipeline.content.sounds import Answer, Observed, Question
from proofbook_systems.pipeline.content.wording import spoken_words

_TOKEN = re.compile(r"\w+|[^\w\s]")
_A_TOKEN, _AN_ERROR = -0.1, -8.0
_DEAF = -2.55

CLEAR = {"Butcher": (1.0, 0.0, 0.1), "Nutsy": (0.0, 1.0, 0.1), "Third": (0.1, 0.1, 1.0)}
"""Directions in which the voices of three characters point."""


def answer_plan(
    plan: Plan,
    says: Mapping[str, str],
    *,
    voices: Mapping[str, Sequence[float]] | None = None,
    ratings: Mapping[str, float] | None = None,
    is_deaf: bool = False,
) -> Answer:
    """Return the answer.

    Args:
        plan: The questions.
        says: What each file says, by its name.
        voices: Vector of each file; by default one of the line's character.
        ratings: Of each file; 3.3 by default, and 1.5 with noise.
        is_deaf: Whether every text fits every sound equally well.
    """
    sounds = {}
    for question in plan.request.questions:
        line, path = plan.lines[question.name]
        said = _said(question, says)
        vector = (voices or {}).get(path.name, CLEAR[line.character])
        rating = (ratings or {}).get(path.name, 3.3)
        sounds[question.name] = Observed(
            seconds=3.0, speech_seconds=0.5 * len(spoken_words(said)), transcript=said,
            totals=tuple(_total(text, said, is_deaf) for text in question.texts),
            tokens=tuple(_tokens(text) for text in question.texts),
            heard_total=_A_TOKEN * _tokens(said) if said else None,
            voice=_unit(vector, len(said)), rating=rating if question.noise is None else 1.5,
        )  # fmt: skip
    return Answer(sounds=sounds, told=("scripted",))


def _said(question: Question, says: Mapping[str, str]) -> str:
    words = says.get(question.path.name, "").split()
    if question.is_silenced:
        return ""
    if question.then is not None:
        words += says[question.then.name].split()
    words = words[2:] if question.cut_start else words
    return " ".join(words[:-2] if question.cut_end else words)


def _tokens(text: str) -> int:
    return len(_TOKEN.findall(text))


@cache
def _total(text: str, said: str, is_deaf: bool) -> float:
    """Score a text; as with Whisper, what follows it in the sound does not count."""
    words, heard = spoken_words(text), spoken_words(said)
    wrong = _errors_in_a_beginning(words, heard)
    return _DEAF * _tokens(text) if is_deaf else _A_TOKEN * _tokens(text) + _AN_ERROR * wrong


def _errors_in_a_beginning(words: Sequence[str], heard: Sequence[str]) -> int:
    """Return the least errors between words and a beginning of what is heard."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(words, 1):
        above, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            best = min(row[j] + 1, row[j - 1] + 1, above + (word != other))
            above, row[j] = row[j], best
    return min(row)


def _unit(vector: Sequence[float], seed: int) -> tuple[float, ...]:
    """Return a vector of length 1 that is a little another for each text."""
    wobbled = [x + 0.05 * ((seed * (i + 3)) % 7) / 7 for i, x in enumerate(vector)]
    length = sum(x * x for x in wobbled) ** 0.5
    return tuple(x / length for x in wobbled)
