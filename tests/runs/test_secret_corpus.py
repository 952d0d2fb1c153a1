"""Measured on a corpus: no secret of 100 names in 40 forms is left, no look-alike is replaced."""

from __future__ import annotations

import pytest
from secret_corpus import (
    FORMS,
    INNOCENT_TEXTS,
    INNOCENT_VARIABLES,
    SECRET_NAMES,
    draw_secret,
    leaks,
)

from proofbook.runs.redaction import Redactor
from proofbook.runs.secrets.variables import secrets_of


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len(set(SECRET_NAMES)) >= 100
    assert len(FORMS) >= 40
    assert len(set(SECRET_NAMES)) * len(FORMS) >= 4000
    assert len(INNOCENT_VARIABLES) >= 100
    assert len(set(INNOCENT_TEXTS)) >= 100


def test_every_form_shows_its_secret() -> None:
    shown = [form for form, write in FORMS.items() if leaks(draw_secret(5), write(draw_secret(5)))]
    assert shown == list(FORMS)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(("number", "name"), list(enumerate(SECRET_NAMES)))
def test_no_secret_is_left_under_any_name_in_any_form(number: int, name: str) -> None:
    secret = draw_secret(number)
    redact = Redactor.from_environment({name: secret})
    assert [form for form, write in FORMS.items() if leaks(secret, redact(write(secret)))] == []


@pytest.mark.parametrize(("name", "value"), INNOCENT_VARIABLES.items(), ids=INNOCENT_VARIABLES)
def test_an_ordinary_value_is_no_secret(name: str, value: str) -> None:
    text = f"{value} or {name}={value}, {value!r}"
    assert Redactor.from_environment({name: value})(text) == text
    assert secrets_of(name, value) == ()


@pytest.mark.parametrize("text", INNOCENT_TEXTS)
def test_a_look_alike_is_not_replaced(text: str) -> None:
    assert Redactor({})(text) == text


def test_innocent_texts_stay_beside_a_secret() -> None:
    redact = Redactor.from_environment({n: draw_secret(i) for i, n in enumerate(SECRET_NAMES)})
    changed = [text for text in INNOCENT_TEXTS if redact(text) != text]
    assert changed == []
