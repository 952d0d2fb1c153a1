"""A character in another's voice from one film to the next is named, by samples that are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_models import CLEAR, answer_plan
from spoken_scripts import DIALOGUE, script_of, timeline_of

from proofbook_systems.pipeline.content.asking import plan_questions
from proofbook_systems.pipeline.content.known_voices import ask_samples, judge_known_voices
from proofbook_systems.pipeline.content.limits import ContentLimits
from proofbook_systems.pipeline.content.sounds import Observed
from proofbook_systems.pipeline.findings import Finding

LIMITS = ContentLimits()
RIGHT = {"Butcher": "Butcher", "Nutsy": "Nutsy"}


def judged(
    samples: Mapping[str, str],
    cast: Mapping[str, Sequence[float]] = CLEAR,
    dialogue: Sequence[tuple[str, str]] = DIALOGUE,
    seconds: float = 3.0,
    error: str = "",
) -> Finding:
    """Judge a dialogue; each character's sample is in the voice of the character it names."""
    paths = [Path(f"{i:03d}.wav") for i in range(1, len(dialogue) + 1)]
    plan = plan_questions(
        script_of(dialogue).lines, timeline_of(dialogue, paths), LIMITS, wants=["speakers"],
        sentences=(), threads=1,
    )  # fmt: skip
    says = {f"{i:03d}.wav": text for i, (_, text) in enumerate(dialogue, 1)}
    voices = {f"{i:03d}.wav": cast[who] for i, (who, _) in enumerate(dialogue, 1)}
    answer = answer_plan(plan, says, voices=voices)
    files = {name: [Path(f"{name}.wav")] for name in samples}
    known = {
        question.name: Observed(
            voice=CLEAR[samples[question.path.stem]], speech_seconds=seconds, error=error
        )
        for question in ask_samples(files)
    }
    answer = replace(answer, sounds={**answer.sounds, **known})
    return judge_known_voices(plan.heard(answer), files, answer, LIMITS)


@pytest.mark.parametrize("samples", [RIGHT, {"Butcher": "Butcher"}, {**RIGHT, "Third": "Third"}])
def test_right_voices_are_green(samples: Mapping[str, str]) -> None:
    found = judged(samples)
    assert not found.faults and not found.untried


def test_voices_that_were_exchanged_since_are_named() -> None:
    swapped = {"Butcher": CLEAR["Nutsy"], "Nutsy": CLEAR["Butcher"]}
    faults = judged(RIGHT, swapped).faults
    assert len(faults) == 2
    assert faults[0].startswith("Butcher speaks with the voice of Nutsy's samples (1.00")


def test_a_voice_of_nobody_is_named_by_one_sample() -> None:
    cast = {**CLEAR, "Butcher": CLEAR["Third"]}
    (fault,) = judged({"Butcher": "Butcher"}, cast).faults
    assert fault.startswith("Butcher does not sound like its samples: similarity 0.2")


def test_a_sample_that_cannot_be_read_is_red_and_a_short_one_untried() -> None:
    found = judged({"Butcher": "Butcher"}, error="there is no file")
    assert found.faults == ["Butcher's sample Butcher.wav cannot be read: there is no file"]
    assert "no sample is long enough" in judged(RIGHT, seconds=0.4).untried


def test_one_character_alone_has_no_control_and_is_not_green() -> None:
    alone = [("Butcher", text) for _, text in DIALOGUE]
    found = judged({"Butcher": "Butcher"}, dialogue=alone)
    assert "no control could be made of the samples exchanged" in found.untried
