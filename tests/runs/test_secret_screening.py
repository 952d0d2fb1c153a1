"""A screen finds the same texts whichever way it looks for them."""

from __future__ import annotations

import random

import pytest

from proofbook.runs.secrets import screening
from proofbook.runs.secrets.screening import Screen


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
