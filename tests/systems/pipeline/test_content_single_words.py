"""One word for another is named in a voice that is heard well, and a mishearing is no fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_models import answer_plan
from spoken_scripts import DIALOGUE, script_of, timeline_of

from proofbook_systems.pipeline.content.asking import plan_questions
from proofbook_systems.pipeline.content.limits import ContentLimits
from proofbook_systems.pipeline.content.single_words import judge_single_words, sounds_like
from proofbook_systems.pipeline.content.wording import spoken_text
from proofbook_systems.pipeline.findings import Finding

LIMITS = ContentLimits()


def judged(
    heard: dict[int, str] | None = None,
    dialogue: Sequence[tuple[str, str]] = DIALOGUE,
    gain: float | None = None,
) -> Finding:
    """Judge a dialogue of which lines are heard as another text, so much likelier."""
    paths = [Path(f"{i:03d}.wav") for i in range(1, len(dialogue) + 1)]
    plan = plan_questions(
        script_of(dialogue).lines, timeline_of(dialogue, paths), LIMITS, wants=["speech"],
        sentences=(), threads=1,
    )  # fmt: skip
    says = {f"{i:03d}.wav": spoken_text(text) for i, (_, text) in enumerate(dialogue, 1)}
    says |= {f"{number:03d}.wav": text for number, text in (heard or {}).items()}
    lines = plan.heard(answer_plan(plan, says))
    if gain is not None:
        lines = [
            replace(
                each, observed=replace(each.observed, heard_total=each.observed.totals[0] + gain)
            )
            for each in lines
        ]
    return judge_single_words(lines, LIMITS)


def changed(number: int, old: str, new: str) -> dict[int, str]:
    text = spoken_text(DIALOGUE[number - 1][1])
    assert old in text
    return {number: text.replace(old, new)}


def test_right_words_are_green_by_a_judge_that_sees_another() -> None:
    found = judged()
    assert not found.faults and not found.untried
    assert "a word exchanged in what is written) was noticed in 11 of 11" in found.why


@pytest.mark.parametrize(
    ("number", "old", "new", "told"),
    [
        (9, "eight", "nine", "says 'nine' for 'eight'"),
        (1, "went up", "went down", "says 'down' for 'up'"),
        (10, "France", "Spain", "says 'spain' for 'france'"),
        (6, "not fair", "fair", "leaves out 'not'"),
        (12, "the small", "the very small", "says 'very', which is not written"),
    ],
)
def test_a_changed_word_is_named(number: int, old: str, new: str, told: str) -> None:
    (fault,) = judged(changed(number, old, new)).faults
    assert fault.startswith(f"line {number} (") and told in fault


@pytest.mark.parametrize(
    ("number", "old", "new"),
    [
        (1, "acorns", "a corns"),
        (3, "squirrel", "squirrels"),
        (4, "at least", "least"),
        (5, "card", "kard"),
        (7, "in 2026", "and 2026"),
        (10, "vegetarian butcher", "veggie tarian butcher"),
    ],
)
def test_what_sounds_the_same_is_no_other_word(number: int, old: str, new: str) -> None:
    assert judged(changed(number, old, new)).faults == []


def test_a_word_that_is_hardly_likelier_is_taken_for_misheard() -> None:
    assert judged(changed(9, "eight", "nine"), gain=6.0).faults == []
    assert judged(changed(9, "eight", "nine"), gain=9.0).faults != []


def test_a_voice_that_is_often_misheard_is_not_judged_and_the_other_is() -> None:
    murmur = dict.fromkeys((1, 3, 5, 7), "we were too late for that and then some of it was")
    found = judged(murmur | changed(10, "France", "Spain"))
    assert len(found.faults) == 1 and "spain" in found.faults[0]
    assert "of Butcher's words are misheard" in found.why
    few = judged(dialogue=DIALOGUE[:1])
    assert "Butcher says 12 words, 20 are needed" in few.untried


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("flour", "flower"), ("eight", "ate"), ("know", "no"), ("write", "right"),
        ("whole", "hole"), ("knight", "night"), ("wear", "where"), ("buy", "bye"),
        ("trains", "trends"),
    ],
)  # fmt: skip
def test_words_that_sound_alike(one: str, other: str) -> None:
    assert sounds_like(one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("eight", "nine"), ("love", "hate"), ("knife", "spoon"), ("up", "down")]
)
def test_words_that_do_not(one: str, other: str) -> None:
    assert not sounds_like(one, other)
