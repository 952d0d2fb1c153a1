"""Judge whether a script is about a trending topic: by meaning, or by words where no model is.

A topic is in the script where the lines nearest to it are nearer than they are to topics of other
kinds. The control asks for such another topic, which must not be found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from proofbook_systems.pipeline.artefacts import Line, Trend
from proofbook_systems.pipeline.content.judged import Control, controlled
from proofbook_systems.pipeline.content.limits import ContentLimits
from proofbook_systems.pipeline.content.wording import spoken_text, spoken_words
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["OTHER_TOPICS", "Meanings", "judge_topics", "named_words", "passages", "topics_of"]

_NAME = "topic-in-script"
_WHY = "the video is made for a trend, and nobody who follows it will find it"
OTHER_TOPICS = (
    "volcano eruption on a remote island",
    "how to knit a woollen sweater",
    "medieval castle restoration",
    "deep sea submarine expedition",
    "tax reform for pension funds",
    "olympic figure skating final",
    "ancient Egyptian mummies",
    "organic chemistry exam",
)
"""Topics of many kinds; those that are near a trend are left out."""
_WINDOW = 3
_MOST_TOPICS = 12
_NEAR_TREND = 0.4
_LEAST_NAMED = 0.5
_EMPTY_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "for",
        "from",
        "has",
        "have",
        "how",
        "in",
        "is",
        "it",
        "its",
        "new",
        "of",
        "on",
        "or",
        "that",
        "the",
        "this",
        "to",
        "was",
        "what",
        "when",
        "who",
        "why",
        "will",
        "with",
        "you",
        "your",
        "do",
        "not",
        "vs",
        "versus",
        "about",
        "after",
        "over",
        "up",
        "out",
    ]
)
_SUFFIX = re.compile(r"(?<=[^\W\d]{3})(?:'s|ies|es|s|ing|ed|ly|y)$")


@dataclass(frozen=True, kw_only=True)
class Meanings:
    """What texts mean, as vectors of length 1, by the text."""

    vectors: Mapping[str, tuple[float, ...]]

    def likeness(self, one: str, other: str) -> float:
        """Return the similarity of two texts."""
        return float(np.dot(self.vectors[one], self.vectors[other]))


def topics_of(lines_about: Sequence[str], trends: Sequence[Trend]) -> list[str]:
    """Return the topics that the script says it is about, else the trends, the strongest first."""
    if lines_about:
        return list(dict.fromkeys(lines_about))[:_MOST_TOPICS]
    ranked = sorted(trends, key=lambda trend: -(trend.score or 0.0))
    return list(dict.fromkeys(trend.name for trend in ranked))[:_MOST_TOPICS]


def passages(lines: Sequence[Line]) -> list[str]:
    """Return what a topic may be in: each line, and each three lines in a row."""
    texts = [text for text in (spoken_text(line.text) for line in lines) if text]
    rows = [" ".join(texts[i : i + _WINDOW]) for i in range(len(texts) - _WINDOW + 1)]
    return list(dict.fromkeys([*texts, *rows, " ".join(texts)]))


def judge_topics(
    lines: Sequence[Line],
    topics: Sequence[str],
    meanings: Meanings | None,
    limits: ContentLimits,
    *,
    absent: str = "",
) -> tuple[Finding, dict[str, float]]:
    """Return the finding, and how near the script is to each topic.

    Args:
        lines: The script.
        topics: Any one of which it must be about.
        meanings: Of topics, other topics and passages; None to judge by words alone.
        limits: How near is near enough.
        absent: Why there are no meanings.
    """
    if not topics:
        reason = "neither the script nor the trends name a topic"
        return finding(_NAME, [], why=_WHY, untried=reason), {}
    if not lines:
        return finding(_NAME, ["the script has no lines"], why=_WHY), {}
    if meanings is None:
        return _by_words(lines, topics, absent), {}
    return _by_meaning(lines, topics, meanings, limits)


def named_words(topic: str, lines: Sequence[Line]) -> tuple[list[str], list[str]]:
    """Return a topic's words of weight, and those of them that the script has."""
    wanted = list(dict.fromkeys(_stems(topic)))
    there = {stem for line in lines for stem in _stems(line.text)}
    return wanted, [stem for stem in wanted if any(_same(stem, other) for other in there)]


def _by_words(lines: Sequence[Line], topics: Sequence[str], absent: str) -> Finding:
    faults = [] if _is_named(lines, topics) else [_unnamed(topics, lines)]
    others = [topic for topic in OTHER_TOPICS if not _shares_words(topic, topics)]
    objected = sum(not _is_named(lines, [topic]) for topic in others)
    control = Control(name="another topic", tried=len(others), objected=objected, least=0.75)
    note = f"judged by words alone, since {absent or 'no model was asked'}"
    return controlled(_NAME, faults, [control], why=_WHY, note=note)


def _is_named(lines: Sequence[Line], topics: Sequence[str]) -> bool:
    for topic in topics:
        wanted, there = named_words(topic, lines)
        if wanted and len(there) >= _LEAST_NAMED * len(wanted):
            return True
    return False


def _unnamed(topics: Sequence[str], lines: Sequence[Line]) -> str:
    best = max(topics, key=lambda topic: len(named_words(topic, lines)[1]))
    wanted, there = named_words(best, lines)
    named = f"only {', '.join(there)} of {', '.join(wanted)}" if there else "none of its words"
    return f"the script does not name a topic of {_listed(topics)}; of '{best}' it has {named}"


def _shares_words(topic: str, topics: Sequence[str]) -> bool:
    known = {stem for other in topics for stem in _stems(other)}
    return any(stem in known for stem in _stems(topic))


def _stems(text: str) -> list[str]:
    words = [word for word in spoken_words(text) if word not in _EMPTY_WORDS and len(word) > 1]
    return [_SUFFIX.sub("", word) for word in words]


def _same(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return one == other or (len(shorter) >= 4 and longer.startswith(shorter))


def _by_meaning(
    lines: Sequence[Line], topics: Sequence[str], meanings: Meanings, limits: ContentLimits
) -> tuple[Finding, dict[str, float]]:
    texts = passages(lines)
    others = [o for o in OTHER_TOPICS if _is_apart(o, topics, meanings)]
    near = {topic: _nearest(topic, texts, meanings) for topic in topics}
    far = {topic: _nearest(topic, texts, meanings) for topic in others}
    bound = max([limits.least_meaning, *far.values()])
    faults = []
    best = max(near, key=lambda topic: near[topic])
    if near[best] < bound:
        faults = [
            f"the script is about none of {_listed(topics)}: the nearest, '{best}', has a "
            f"similarity of {near[best]:.2f}, more than {bound:.2f} is expected"
        ]
    objected = sum(value < limits.least_meaning for value in far.values())
    control = Control(name="another topic", tried=len(others), objected=objected, least=0.75)
    numbers = {f"topic:{topic}": value for topic, value in near.items()}
    return controlled(_NAME, faults, [control], why=_WHY, note="judged by meaning"), numbers


def _is_apart(other: str, topics: Sequence[str], meanings: Meanings) -> bool:
    return all(meanings.likeness(other, topic) < _NEAR_TREND for topic in topics)


def _nearest(topic: str, texts: Sequence[str], meanings: Meanings) -> float:
    return max(meanings.likeness(topic, text) for text in texts)


def _listed(topics: Sequence[str]) -> str:
    shown = ", ".join(f"'{topic}'" for topic in topics[:3])
    return shown if len(topics) <= 3 else f"{shown} and {len(topics) - 3} more"
