"""Texts are compared as they are spoken, and a language that the models do not know is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofbook_systems.pipeline.content.languages import foreign_language
from proofbook_systems.pipeline.content.word_errors import (
    WordErrors,
    letter_errors,
    similarity,
    word_errors,
)
from proofbook_systems.pipeline.content.wording import directions, spoken_text, spoken_words

SAME = [
    ("It's $7.50 in 2026!", "it is seven dollars fifty in twenty twenty-six"),
    ("I can't, don't and won't.", "I can not do not and will not"),
    ("1,000,000 acorns", "one million acorns"),
    ("the 3rd, the 22nd and the 20th", "the third, the twenty-second and the twentieth"),
    ("$3 million, 50% off", "three million dollars fifty percent off"),
    ("10k views at 10:30", "ten thousand views at ten thirty"),
    ("in 1905 and 2003", "in nineteen oh five and two thousand three"),
    ("3.14", "three point one four"),
    ("OK, Mr. Butcher & son", "okay mister butcher and son"),
    ("the butcher\u2019s knife", "The butchers knife."),
    ("#AcornCrisis \U0001f389 now", "acorn crisis now"),
    ("[laughs] Oh no. *sighs*", "oh no"),
    ("<speak>Hello<break time='1s'/> there</speak>", "hello there"),
    ("e\u0301te\u0301", "\u00e9t\u00e9"),
]


@pytest.mark.parametrize(("written", "spoken"), SAME, ids=[a for a, _ in SAME])
def test_what_is_spoken_alike_has_the_same_words(written: str, spoken: str) -> None:
    assert spoken_words(written) == spoken_words(spoken)


def test_another_number_has_other_words() -> None:
    assert spoken_words("$7") != spoken_words("$8")
    assert spoken_words("15") != spoken_words("50")


def test_directions_are_told_apart_from_what_is_spoken() -> None:
    line = "[whispering] It is (almost) *yawns* midnight."
    assert directions(line) == ("whispering", "yawns")
    assert spoken_text(line) == "It is (almost) midnight."


@given(st.text(max_size=40))
def test_any_text_has_words_in_lower_case(text: str) -> None:
    words = spoken_words(text)
    assert all(word and not word.isspace() for word in words)
    assert words == spoken_words(" ".join(words)) or any(not w.isascii() for w in words)


@given(st.integers(min_value=0, max_value=10**13))
def test_any_number_is_spoken_in_letters(number: int) -> None:
    assert not any(c.isdigit() for word in spoken_words(f"{number} acorns") for c in word)


def test_errors_are_counted_against_what_was_written() -> None:
    assert word_errors(["a", "b", "c", "d"], ["a", "x", "c"]) == WordErrors(2, 4)
    assert WordErrors.total([WordErrors(1, 4), WordErrors(3, 4)]).rate == 0.5
    assert word_errors([], ["you"]).rate == 1.0
    assert word_errors(["you"], []).rate == 1.0


def test_letters_forgive_a_name_spelled_in_another_way_and_a_split_compound() -> None:
    assert letter_errors(["acornbutter"], ["acorn", "butter"]) == 0
    assert similarity("nutsy", "nutsie") > 0.6 > similarity("again", "and")


FOREIGN = {
    "French": "Bonjour, tu as vu le prix des glands ce matin ?",
    "German": "Hast du gehört, der Preis für die Eicheln ist heute nicht mehr normal.",
    "Spanish": "No me digas que el precio de las bellotas es más alto hoy.",
    "a language in another script": "Привет, ты видел цены на жёлуди сегодня?",
}


@pytest.mark.parametrize("language", FOREIGN)
def test_a_foreign_script_is_noticed(language: str) -> None:
    assert foreign_language([FOREIGN[language]], {}) == language


@pytest.mark.parametrize(
    "text",
    [
        "Oh no.",
        "Mon Dieu, the sausages are on fire, c'est la vie, my friend, we have to leave the shop!",
        "Robots buying acorns? Seven dollars? Absolutely unbelievable prices everywhere today.",
        "",
    ],
)
def test_an_english_script_is_none(text: str) -> None:
    assert foreign_language([text], {}) == ""


def test_what_a_script_says_of_itself_comes_first() -> None:
    assert foreign_language(["Oh no."], {"language": "fr"}) == "fr"
    assert foreign_language([FOREIGN["French"]], {"locale": "en-GB"}) == ""
