"""A line in another's voice is named, and one voice for two characters is red."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from scripted_models import CLEAR, answer_plan
from spoken_scripts import DIALOGUE, script_of, timeline_of

from proofbook_systems.pipeline.content.asking import NOISE, plan_questions
from proofbook_systems.pipeline.content.limits import ContentLimits
from proofbook_systems.pipeline.content.quality import judge_quality
from proofbook_systems.pipeline.content.voices import judge_voices
from proofbook_systems.pipeline.findings import Finding, blamed

LIMITS = ContentLimits()
SAME = {"Butcher": (1.0, 0.0, 0.0), "Nutsy": (1.0, 0.0, 0.0)}
THREE = [(["Butcher", "Nutsy", "Third"][i % 3], text) for i, (_, text) in enumerate(DIALOGUE)]


def judged(
    dialogue: Sequence[tuple[str, str]],
    changed: Mapping[int, str] | None = None,
    cast: Mapping[str, Sequence[float]] = CLEAR,
) -> dict[str, Finding]:
    """Judge a dialogue whose lines are spoken by their characters, but for those changed."""
    speakers = {i: (changed or {}).get(i, c) for i, (c, _) in enumerate(dialogue, 1)}
    paths = [Path(f"{i:03d}.wav") for i in speakers]
    plan = plan_questions(
        script_of(dialogue).lines, timeline_of(dialogue, paths), LIMITS,
        wants=["speakers", "quality"], sentences=(), threads=1,
    )  # fmt: skip
    answer = answer_plan(
        plan, {f"{i:03d}.wav": text for i, (_, text) in enumerate(dialogue, 1)},
        voices={f"{i:03d}.wav": cast[c] for i, c in speakers.items()},
    )  # fmt: skip
    findings, _ = judge_voices(plan.heard(answer), LIMITS)
    return {finding.name: finding for finding in findings}


@pytest.mark.parametrize("dialogue", [DIALOGUE, DIALOGUE[:6], THREE], ids=["two", "few", "three"])
def test_right_voices_are_green(dialogue: Sequence[tuple[str, str]]) -> None:
    findings = judged(dialogue)
    assert not blamed(findings.values())
    assert not any(each.untried for each in findings.values())


def test_a_line_in_the_voice_of_another_is_named() -> None:
    findings = judged(DIALOGUE, {3: "Nutsy"})
    assert blamed(findings.values()) == ["voices-stay"]
    (fault,) = findings["voices-stay"].faults
    assert fault.startswith("line 3 (Butcher): 003.wav sounds like Nutsy (")


def test_a_line_in_a_voice_of_nobody_is_named() -> None:
    findings = judged(DIALOGUE, {3: "Third"})
    (fault,) = findings["voices-stay"].faults
    assert fault.startswith("line 3 (Butcher): 003.wav")


def test_exchanged_voices_of_two_lines_are_both_named() -> None:
    findings = judged(DIALOGUE, {3: "Nutsy", 4: "Butcher"})
    assert len(findings["voices-stay"].faults) == 2
    assert not findings["voices-differ"].faults


def test_one_voice_for_two_characters_is_red_and_says_nothing_of_single_lines() -> None:
    findings = judged(DIALOGUE, cast=SAME)
    assert blamed(findings.values()) == ["voices-differ"]
    assert "Butcher and Nutsy have the same voice" in findings["voices-differ"].faults[0]
    assert "the voices do not differ" in findings["voices-stay"].untried


def test_one_character_and_short_lines_are_untried() -> None:
    alone = judged([("Butcher", text) for _, text in DIALOGUE])
    assert all("one character" in each.untried for each in alone.values())
    short = judged([("Butcher", "Oh no."), ("Nutsy", "Yes."), ("Butcher", "Why?")])
    assert all("too few lines are long enough" in each.untried for each in short.values())
    assert "2 each" in judged(DIALOGUE[:3])["voices-stay"].untried


@pytest.mark.parametrize("bad", [1.0, 2.0])
def test_a_line_that_sounds_worse_than_the_others_is_named(bad: float) -> None:
    findings = rated({"003.wav": bad})
    (fault,) = findings.faults
    assert fault.startswith(f"line 3 (Butcher): 003.wav is rated {bad:.2f}; at least 2.10")


def test_speech_that_is_all_of_middling_quality_is_green() -> None:
    assert rated({f"{i:03d}.wav": 2.3 + i / 50 for i in range(1, 13)}).faults == []


def test_a_model_that_does_not_mind_noise_is_untried() -> None:
    untried = rated({f"{i:03d}.wav": 1.3 for i in range(1, 13)}, floor=1.2).untried
    assert "noise twice as loud as the speech) was noticed in 0 of 3" in untried


def rated(ratings: Mapping[str, float], floor: float = 1.9) -> Finding:
    limits = ContentLimits(least_quality=floor)
    paths = [Path(f"{i:03d}.wav") for i in range(1, 13)]
    plan = plan_questions(
        script_of(DIALOGUE).lines, timeline_of(DIALOGUE, paths), limits,
        wants=["quality"], sentences=(), threads=1,
    )  # fmt: skip
    answer = answer_plan(plan, {}, ratings=ratings)
    spoilt = {str(h.line.number): h.observed for h in plan.heard(answer, NOISE)}
    return judge_quality(plan.heard(answer), spoilt, limits)[0]
