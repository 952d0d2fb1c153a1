"""A topic is looked for by meaning, or by words alone; another topic must not be found."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from spoken_scripts import DIALOGUE, script_of

from proofbook_systems.pipeline.artefacts import Trend
from proofbook_systems.pipeline.content.limits import ContentLimits
from proofbook_systems.pipeline.content.topics import (
    OTHER_TOPICS,
    Meanings,
    judge_topics,
    named_words,
    passages,
    topics_of,
)
from proofbook_systems.pipeline.findings import Finding

LINES = script_of(DIALOGUE).lines
LIMITS = ContentLimits()


def by_words(*topics: str) -> Finding:
    return judge_topics(LINES, topics, None, LIMITS, absent="MiniLM is not installed")[0]


@pytest.mark.parametrize(
    "topic",
    ["acorn prices", "Acorns", "#RobotSquirrels", "the price of acorns in 2026", "Buying robots"],
)
def test_a_topic_whose_words_are_there_is_found_and_told_as_words_alone(topic: str) -> None:
    finding = by_words("football", topic)
    assert not finding.faults and not finding.untried
    assert "judged by words alone, since MiniLM is not installed" in finding.why
    assert "another topic) was noticed in" in finding.why


@pytest.mark.parametrize("topic", ["football world cup", "AI music generators", "price war of tea"])
def test_a_topic_whose_words_are_missing_is_red(topic: str) -> None:
    (fault,) = by_words(topic).faults
    assert f"'{topic}'" in fault


def test_words_of_no_weight_do_not_count() -> None:
    assert named_words("what to do about it", LINES) == ([], [])
    assert by_words("what to do about it").faults


def test_nothing_to_look_for_is_untried_and_no_lines_are_red() -> None:
    assert "name a topic" in judge_topics(LINES, [], None, LIMITS)[0].untried
    assert judge_topics([], ["acorns"], None, LIMITS)[0].faults == ["the script has no lines"]


def test_topics_are_the_script_s_own_else_the_strongest_trends() -> None:
    trends = [Trend(name=n, score=s, at="", source="") for n, s in (("a", 0.1), ("b", 0.9))]
    assert topics_of(("x", "x"), trends) == ["x"]
    assert topics_of((), trends) == ["b", "a"]


def meanings(topic: Sequence[float], passage: Sequence[float]) -> Meanings:
    """Return vectors in which all passages, the topic and the other topics have a direction."""
    others = dict.fromkeys(OTHER_TOPICS, (0.0, 0.0, 1.0))
    texts = {text: tuple(passage) for text in passages(LINES)}
    return Meanings(vectors={**others, **texts, "acorn prices": tuple(topic)})


def test_meaning_near_the_topic_is_green() -> None:
    finding, numbers = judge_topics(
        LINES, ["acorn prices"], meanings((1.0, 0.0, 0.0), (0.7, 0.7, 0.1)), LIMITS
    )
    assert not finding.faults and not finding.untried
    assert numbers == {"topic:acorn prices": pytest.approx(0.7)}


def test_meaning_far_from_the_topic_is_red_with_the_numbers() -> None:
    near = meanings((1.0, 0.0, 0.0), (0.1, 0.98, 0.1))
    (fault,) = judge_topics(LINES, ["acorn prices"], near, LIMITS)[0].faults
    assert "similarity of 0.10, more than 0.30 is expected" in fault


def test_a_model_that_finds_every_topic_is_not_believed() -> None:
    blind = meanings((0.6, 0.0, 0.8), (0.6, 0.0, 0.8))
    finding = judge_topics(LINES, ["acorn prices"], blind, LIMITS)[0]
    assert "no control could be made of another topic" in finding.untried
    near = meanings((0.95, 0.0, 0.3), (0.8, 0.0, 0.6))
    assert "was noticed in 0 of 8" in judge_topics(LINES, ["acorn prices"], near, LIMITS)[0].untried
