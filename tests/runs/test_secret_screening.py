"""A screen finds the same texts whichever way it looks for them."""

from __future__ import annotations

import random

import pytest

from proofbook.runs.secrets import screening
from proofbook.runs.secrets.screening import Screen, _choose_anchors, _frequencies, _Search


@pytest.fixture(params=["patient", "usual", "large"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Look for each text at first; for usual anchors; or for those that are rare in the text."""
    monkeypatch.setattr(screening, "_PATIENCE", 10**9 if request.param == "patient" else 0)
    monkeypatch.setattr(screening, "_LARGE", 0 if request.param == "large" else 10**9)
    return str(request.param)


@pytest.mark.parametrize(
    ("texts", "text", "hits"),
    [
        ([], "abc", set()),
        (["abc"], "", set()),
        (["abc", "bcd"], "abcd", {"abc", "bcd"}),
        (["aba"], "ababa", {"aba"}),
        (["zz#z", "#"], "zz#z", {"zz#z", "#"}),
        (["a#b", "b#a"], "##a##b#a", {"b#a"}),
        (["q#q"], "#q#q", {"q#q"}),
        (["e.t"], "e-t", set()),
        (["\u20ac1", "x\u20ac"], "x\u20ac\u20ac1", {"\u20ac1", "x\u20ac"}),
        (["ee", "ea"], "eeea", {"ee", "ea"}),
    ],
)
def test_a_screen_finds_what_a_text_has(
    way: str, texts: list[str], text: str, hits: set[str]
) -> None:
    assert Screen(texts).hits(text) == hits


def test_a_screen_finds_what_is_drawn(way: str) -> None:
    drawn = random.Random(7)
    texts = {"".join(drawn.choices("abc#\u20ac", k=drawn.randint(2, 4))) for _ in range(20)}
    screen = Screen(texts)
    for _ in range(20):
        text = "".join(drawn.choices("abc#\u20acd", k=40))
        assert screen.hits(text) == {each for each in texts if each in text}


def test_a_search_is_made_once_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screening, "_PATIENCE", 2_000)
    screen = Screen(["ab"])
    made = []
    for _ in range(3):
        screen.hits("x" * 500)  # and a call counts as 500 more
        made.append("_search" in vars(screen))
    assert made == [False, False, True]


def test_only_of_a_large_text_it_is_asked_what_is_rare_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(screening, "_PATIENCE", 0)
    monkeypatch.setattr(screening, "_LARGE", 4)

    def frequencies(text: str) -> dict[str, float]:
        asked.append(text)
        return {}

    monkeypatch.setattr(screening, "_frequencies", frequencies)
    for text in ("abc", "abcd", "abcde"):
        Screen(["ab"]).hits(text)
    assert asked == ["abcd", "abcde"]


@pytest.mark.parametrize(
    ("texts", "anchors"),
    [
        (["#e"], {"#": ["#e"]}),
        (["eq"], {"q": ["eq"]}),
        (["et"], {"t": ["et"]}),
        (["\u20ac_"], {"\u20ac": ["\u20ac_"]}),
        (["et", "te"], {"t": ["et", "te"]}),
        (["eq", "q#"], {"q": ["eq", "q#"]}),
        (["ee", "qq"], {"e": ["ee"], "q": ["qq"]}),
        ([], {}),
    ],
)
def test_few_and_rare_characters_are_anchors(
    texts: list[str], anchors: dict[str, list[str]]
) -> None:
    assert _choose_anchors(texts, {"e": 0.08, "t": 0.05, "q": 0.001, "_": 0.004}) == anchors


def test_what_is_hardly_there_is_searched_by_itself() -> None:
    search = _Search(["e\u20ac", "#", "eq"], {"e": 0.08, "q": 0.001, "#": 0.0001})
    assert sorted(search._scarce) == ["#", "\u20ac"]


def test_how_often_a_character_is_there_is_told_by_200_samples_of_100() -> None:
    assert _frequencies(("a" * 100 + "b" * 100) * 200) == {"a": 1.0}
    assert _frequencies(("a" * 75 + "b" * 75) * 200) == {"a": 0.75, "b": 0.25}
