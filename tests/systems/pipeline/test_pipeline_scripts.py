"""Scripts: what each criterion asks, and each way to miss it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proofbook_systems.pipeline.artefacts import Line, Script, Trend
from proofbook_systems.pipeline.end_to_end.scripts import judge_script
from proofbook_systems.pipeline.findings import blamed

TEXTS = (
    "Have you heard the news about night trains?", "I have, and I am packing already.",
    "Take a coat. The trains are cold in: November.", "You sound like my aunt!",
    "Your aunt is a wise dog.", "Yes.",
)  # fmt: skip
TREND = Trend(name="Night trains return", score=1.0, at="2026-11-25", source="feed")


def script(**changes: Any) -> Script:
    lines = tuple(
        Line(
            number=n,
            character=("Butcher", "Nutsy")[n % 2],
            text=text,
            emotion=("happy", "grumpy")[n % 2],
        )
        for n, text in enumerate(TEXTS, 1)
    )
    made = Script(
        path=Path("s.json"),
        episode="e1",
        lines=lines,
        metadata={},
        topics=("night trains",),
        form="lines",
    )
    return replace(made, **changes)


def with_line(number: int, **changes: Any) -> Script:
    made = script()
    lines = [replace(x, **changes) if x.number == number else x for x in made.lines]
    return replace(made, lines=tuple(lines))


def judged(made: Script, trends: Any = (TREND,), **changes: Any) -> Any:
    given: dict[str, Any] = {
        "least_lines": 5, "characters": ["Butcher", "Nutsy"], "emotions": ["happy", "grumpy"]
    }  # fmt: skip
    return judge_script(made, trends=trends, **(given | changes))


def test_a_right_script_is_right() -> None:
    findings = judged(script())
    assert (blamed(findings), [each.untried for each in findings]) == ([], [""] * 5)


def test_short_answers_may_be_repeated() -> None:
    assert blamed(judged(with_line(4, text="Yes."))) == []


def test_anyone_may_speak_where_no_characters_are_given() -> None:
    assert blamed(judged(with_line(1, character="Zed"), characters=[], emotions=[])) == []


@pytest.mark.parametrize(
    ("made", "name", "words"),
    [
        (script(lines=script().lines[:4]), "script-lines", "4 lines; at least 5"),
        (script(lines=()), "script-lines", "0 lines"),
        (with_line(2, text=" "), "script-text", "line 2 has no text"),
        (
            with_line(2, text="So, [insert topic here]?"),
            "script-text",
            "line 2 has '[insert topic here]'",
        ),
        (with_line(2, text="Hello {character}!"), "script-text", "'{character}'"),
        (with_line(2, text="As an AI, I cannot say."), "script-text", "'As an AI'"),
        (with_line(3, text="Nutsy: take a coat."), "script-text", "line 3 begins with the name"),
        (with_line(4, text=TEXTS[1]), "script-text", "lines 2, 4 say the same"),
        (with_line(3, character=""), "script-characters", "line 3 has no character"),
        (with_line(3, character="Bob"), "script-characters", "line 3: there is no character 'Bob'"),
        (
            with_line(3, character="nutsy"),
            "script-characters",
            "'nutsy' differs from 'Nutsy' in case alone",
        ),
        (with_line(4, emotion=""), "script-emotions", "line 4 has no emotion"),
        (with_line(4, emotion="joyful"), "script-emotions", "line 4: there is no emotion 'joyful'"),
        (with_line(4, emotion="Happy"), "script-emotions", "differs from 'happy' in case alone"),
        (
            script(topics=("Elephants",)),
            "script-topics",
            "'Elephants', which is not among the 1 trends",
        ),
    ],
)
def test_a_planted_fault_is_named(made: Script, name: str, words: str) -> None:
    findings = judged(made)
    assert blamed(findings)[:1] == [name]
    assert words in "; ".join(next(each.faults for each in findings if each.name == name))


@pytest.mark.parametrize("metadata", [{}, {"episode": ""}, {"episode": None, "metadata": {}}])
def test_what_a_script_must_have_is_named(metadata: dict[str, Any]) -> None:
    findings = judged(script(metadata=metadata), keys=["episode"])
    assert blamed(findings) == ["script-structure"]
    assert findings[5].faults == ["it has no episode"]


def test_a_script_that_has_what_it_must_have_is_right() -> None:
    made = script(metadata={"episode": "e1", "metadata": {"topics": ["trains"]}})
    assert blamed(judged(made, keys=["episode", "metadata"])) == []


def test_a_character_without_a_line_is_named() -> None:
    lines = tuple(replace(x, character="Nutsy") for x in script().lines)
    assert "Butcher has no line" in judged(script(lines=lines))[2].faults


@pytest.mark.parametrize(
    ("made", "trends", "words"),
    [
        (script(topics=()), (TREND,), "does not say which topics"),
        (script(), None, "no table of trends"),
    ],
)
def test_topics_that_cannot_be_compared_are_told(made: Script, trends: Any, words: str) -> None:
    finding = judged(made, trends)[4]
    assert (finding.faults, words in finding.untried) == ([], True)


def test_topics_without_any_trend_are_red() -> None:
    assert blamed(judged(script(), ())) == ["script-topics"]


ENTRY = {"character": "Nutsy", "emotion": "happy", "line": "Yes."}
FORMS = {
    "lines": {"episode": "e1", "metadata": {"topics": ["trains"]}},
    "script": {"timestamp": "2026-11-26T10:00:00", "characters": ["Nutsy"], "metadata": {}},
}


def of_form(form: str, *without: str, entry: dict[str, Any] = ENTRY, **more: Any) -> Script:
    document = {key: value for key, value in FORMS[form].items() if key not in without} | more
    return script(form=form, metadata={**document, form: [entry] * 6})


@pytest.mark.parametrize(
    ("form", "key"),
    [("lines", "episode"), ("lines", "metadata"), ("script", "metadata"), ("script", "timestamp")],
)
def test_what_goes_with_a_known_form_is_asked_for(form: str, key: str) -> None:
    assert blamed(judged(of_form(form))) == []
    findings = judged(of_form(form, key))
    assert blamed(findings) == ["script-structure"]
    assert findings[5].faults[0].startswith(f"it has no {key}, as scripts of the form {{")


@pytest.mark.parametrize(
    "made",
    [
        of_form("lines", "episode", "metadata", title="Trains"),
        of_form("lines", "episode", entry={"speaker": "Nutsy", "text": "Yes."}),
        of_form("script", "timestamp", "metadata"),
        replace(of_form("lines", "metadata"), form="scenes"),
    ],
)
def test_a_form_of_the_projects_own_is_asked_for_nothing(made: Script) -> None:
    findings = judged(made)
    assert (blamed(findings), len(findings)) == ([], 5)


def test_what_a_project_says_that_its_scripts_have_holds() -> None:
    assert blamed(judged(of_form("lines", "episode"), keys=["lines"])) == []
