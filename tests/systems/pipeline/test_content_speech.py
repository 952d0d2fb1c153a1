"""Whether sounds say their lines is judged beside other texts, and a blind judge is never green."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from scripted_models import answer_plan
from spoken_scripts import DIALOGUE, script_of, timeline_of

from proofbook_systems.pipeline.content.asking import Plan, plan_questions
from proofbook_systems.pipeline.content.limits import ContentLimits
from proofbook_systems.pipeline.content.lines import DECOYS, line_texts
from proofbook_systems.pipeline.content.speech import judge_speech
from proofbook_systems.pipeline.content.spoken_lines import incomplete, misspoken
from proofbook_systems.pipeline.content.wording import spoken_text
from proofbook_systems.pipeline.findings import Finding, blamed

LIMITS = ContentLimits()
Dialogue = Sequence[tuple[str, str]]


def planned(dialogue: Dialogue, mood: str = "happy") -> Plan:
    paths = [Path(f"{i:03d}.wav") for i in range(1, len(dialogue) + 1)]
    return plan_questions(
        script_of(dialogue, mood=mood).lines, timeline_of(dialogue, paths), LIMITS,
        wants=["speech"], sentences=(), threads=1,
    )  # fmt: skip


def judged(
    dialogue: Dialogue, changed: dict[int, str] | None = None, *, is_deaf: bool = False
) -> dict[str, Finding]:
    """Judge a dialogue whose sounds say it, but for those that say something else."""
    plan = planned(dialogue)
    says = {f"{i:03d}.wav": spoken_text(text) for i, (_, text) in enumerate(dialogue, 1)}
    says |= {f"{number:03d}.wav": text for number, text in (changed or {}).items()}
    answer = answer_plan(plan, says, is_deaf=is_deaf)
    findings, _ = judge_speech(plan.heard(answer), plan, answer, LIMITS)
    return {finding.name: finding for finding in findings}


def text(number: int) -> str:
    return DIALOGUE[number - 1][1]


ODD: dict[str, Dialogue] = {
    "the dialogue": DIALOGUE,
    "one line": DIALOGUE[:1],
    "one character": [("Butcher", line) for _, line in DIALOGUE],
    "the same words twice": [*DIALOGUE, ("Butcher", "Oh no!"), ("Butcher", "oh no")],
    "directions": [("Nutsy", "[laughs] " + text(2)), *DIALOGUE[2:]],
    "a very long line": [*DIALOGUE[:3], ("Nutsy", " ".join(text(i) for i in range(5, 10)))],
    "many lines": [(c, f"{t} Number {i}.") for i in range(4) for c, t in DIALOGUE],
}


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", ODD)
def test_right_sounds_are_green(name: str) -> None:
    findings = judged(ODD[name])
    assert blamed(findings.values()) == []
    untried = {each.name for each in findings.values() if each.untried}
    assert untried <= ({"word-errors", "words-are-right"} if name == "one line" else set())


SPOILT = {
    "two lines exchanged": ({3: text(4), 4: text(3)}, "audio-says-its-line", "says line 4 (Nutsy)"),
    "all one too far": (
        {i: text(i % len(DIALOGUE) + 1) for i in range(1, len(DIALOGUE) + 1)},
        "audio-says-its-line", "line 1 (Butcher): 001.wav says line 2 (Nutsy) rather than its own",
    ),
    "silence": ({5: ""}, "audio-says-its-line", "line 5 (Butcher): 005.wav does not say"),
    "an error read out": (
        {5: "You have exceeded your quota please upgrade your plan"},
        "audio-says-its-line", "heard 'You have exceeded",
    ),
    "the first words cut": (
        {5: " ".join(text(5).split()[2:])}, "audio-is-whole", "begins too late: 'no' is not heard",
    ),
    "the last words cut": (
        {5: " ".join(text(5).split()[:-2])}, "audio-is-whole", "ends too early: 'declined'",
    ),
    "twice": ({5: f"{text(5)} {text(5)}"}, "audio-is-whole", "says its line twice"),
    "the name read out": ({5: f"Butcher. {text(5)}"}, "audio-is-whole", "reads out the name"),
    "the mood read out": ({5: f"Happy. {text(5)}"}, "audio-is-whole", "reads out the name"),
    "the next line too": ({5: f"{text(5)} {text(6)}"}, "audio-is-whole", "says more than"),
}  # fmt: skip


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_sound_is_named_with_its_cause(name: str) -> None:
    changed, check, cause = SPOILT[name]
    findings = judged(DIALOGUE, changed)
    assert blamed(findings.values()) == [check]
    assert cause in findings[check].faults[0]
    assert {fault.split(" ")[1] for fault in findings[check].faults} == {str(n) for n in changed}


def test_a_judge_that_hears_no_difference_is_untried() -> None:
    findings = judged(DIALOGUE, is_deaf=True)
    assert blamed(findings.values()) == []
    assert "was noticed in 0 of 12 tries" in findings["audio-says-its-line"].untried


def test_a_judge_that_does_not_notice_a_cut_is_untried() -> None:
    plan = planned(DIALOGUE)
    says = {f"{i:03d}.wav": spoken_text(line) for i, (_, line) in enumerate(DIALOGUE, 1)}
    uncut = [replace(q, cut_start=0.0, cut_end=0.0) for q in plan.request.questions]
    same = replace(plan, request=replace(plan.request, questions=tuple(uncut)))
    blind = answer_plan(same, says)
    findings, _ = judge_speech(plan.heard(blind), plan, blind, LIMITS)
    assert "cut off) was noticed in 0 of 6 tries" in findings[1].untried


def test_many_words_that_are_heard_wrong_are_told_with_the_worst_line() -> None:
    plan = planned(DIALOGUE)
    says = {f"{i:03d}.wav": spoken_text(line) for i, (_, line) in enumerate(DIALOGUE, 1)}
    answer = answer_plan(plan, says)
    mumbled = {n: replace(each, transcript="mm") for n, each in answer.sounds.items()}
    findings, numbers = judge_speech(
        plan.heard(replace(answer, sounds=mumbled)), plan, answer, LIMITS
    )
    errors = next(each for each in findings if each.name == "word-errors")
    assert numbers["word_error_rate"] == 1.0
    assert "heard 'mm' for" in errors.faults[0]


def test_a_line_without_a_sound_is_named() -> None:
    paths = [*(Path(f"{i:03d}.wav") for i in range(1, 5)), Path()]
    plan = plan_questions(
        script_of(DIALOGUE[:5]).lines, timeline_of(DIALOGUE[:5], paths), LIMITS,
        wants=["speech"], sentences=(), threads=1,
    )  # fmt: skip
    says = {path.name: spoken_text(t) for path, (_, t) in zip(paths, DIALOGUE, strict=False)}
    answer = answer_plan(plan, says)
    findings, _ = judge_speech(plan.heard(answer), plan, answer, LIMITS)
    assert findings[0].faults == ["line 5 (Butcher) has no sound in the time-line"]


def test_a_line_is_compared_with_neighbours_decoys_and_spoilt_texts() -> None:
    lines = script_of(ODD["many lines"]).lines
    texts = line_texts(lines[30], lines)
    assert next(iter(texts)) == "line:31"
    assert {"line:30", "line:32", "start:1", "end:2", "twice", "read:0", *DECOYS} <= set(texts)
    assert len(texts) < 25


def test_a_text_that_is_spoken_like_its_own_is_no_rival() -> None:
    lines = script_of([("Butcher", "Oh no."), ("Nutsy", "Oh, no!"), ("Nutsy", "Yes.")]).lines
    assert "line:2" not in line_texts(lines[0], lines)
    assert "line:3" in line_texts(lines[0], lines)


def test_a_lost_name_at_an_edge_is_not_held_against_a_sound() -> None:
    """A model hears another word for a name; one token a word says that the word is common."""
    dialogue = [("Butcher", "Relax now, everybody eats sausages anyway, Nutsy."), *DIALOGUE[2:]]
    plan = planned(dialogue)
    says = {f"{i:03d}.wav": spoken_text(line) for i, (_, line) in enumerate(dialogue, 1)}
    says["001.wav"] = "Relax now, everybody eats sausages anyway."
    answer = answer_plan(plan, says)
    seen = answer.sounds["line:1"]
    parts = {"line:1": 2, "twice": 4}
    tokens = [n + parts.get(k, 0) for k, n in zip(plan.keys["line:1"], seen.tokens, strict=True)]
    rare = {**answer.sounds, "line:1": replace(seen, tokens=tuple(tokens))}
    common, _ = judge_speech(plan.heard(answer), plan, answer, LIMITS)
    patient, _ = judge_speech(plan.heard(replace(answer, sounds=rare)), plan, answer, LIMITS)
    assert "audio-is-whole" in blamed(common)
    assert blamed(patient) == []


@pytest.mark.parametrize(
    ("own", "near", "others", "is_wrong"),
    [
        (-2.8, -2.7, -4.0, False),  # an unheard-of word, and another line of nearly the same words
        (-2.8, -4.0, -3.3, True),
        (-3.2, -4.0, -5.0, True),
        (-2.5, -4.0, -3.3, False),
    ],
)
def test_words_that_nobody_expects_fit_badly_and_still_best(
    own: float, near: float, others: float, is_wrong: bool
) -> None:
    dialogue = [*DIALOGUE[:3], ("Nutsy", "They say a robot squirrel is buying the whol forests.")]
    plan = planned(dialogue)
    says = dict.fromkeys([f"{i:03d}.wav" for i in range(1, 5)], text(3))
    lines = plan.heard(answer_plan(plan, says))
    fits = dict.fromkeys(lines[2].keys, others) | {"line:3": own, "line:4": near}
    totals = tuple(fits[key] * lines[2].tokens[key] for key in lines[2].keys)
    line = replace(lines[2], observed=replace(lines[2].observed, totals=totals))
    assert bool(misspoken(line, lines, LIMITS)) is is_wrong


def test_a_rare_second_word_does_not_make_the_first_one_missing() -> None:
    plan = planned(DIALOGUE)
    says = {f"{i:03d}.wav": spoken_text(line) for i, (_, line) in enumerate(DIALOGUE, 1)}
    line = plan.heard(answer_plan(plan, says))[6]
    # As measured: "Nutsy" is unlikely wherever it is said, so a text without it fits better.
    totals = dict.fromkeys(line.keys, -60.0) | {"line:7": -24.9, "start:1": -24.1, "start:2": -14.4}
    tokens = {**line.tokens, "line:7": 14, "start:1": 12, "start:2": 8}
    mumbled = replace(
        line.observed, transcript="in 2026 and remove each sausage anyway.",
        totals=tuple(totals[key] for key in line.keys),
        tokens=tuple(tokens[key] for key in line.keys),
    )  # fmt: skip
    assert incomplete(replace(line, observed=mumbled)) == ""
    lost = replace(mumbled, totals=tuple({**totals, "start:1": -18.0}[key] for key in line.keys))
    assert "begins too late: 'relax'" in incomplete(replace(line, observed=lost))
