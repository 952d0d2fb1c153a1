"""Secrets are found by their names, and replaced in every form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofbook.redaction import Redactor, is_secret_name


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "OPENAI_API_KEY", "hf_token", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "apikey"],
)
def test_these_names_hold_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["PATH", "TOKENIZERS_PARALLELISM", "max_tokens", "new_tokens", "MONKEY", "author", "model"],
)
def test_these_names_do_not(name: str) -> None:
    assert not is_secret_name(name)


def test_short_values_are_left_alone() -> None:
    assert Redactor.from_environment({"API_KEY": "true"})("true story") == "true story"


def test_a_secret_that_holds_another_is_replaced_whole() -> None:
    redact = Redactor.from_environment({"A_TOKEN": "12345678", "B_TOKEN": "12345678abcdef"})
    assert redact("x 12345678abcdef y 12345678") == "x [redacted:B_TOKEN] y [redacted:A_TOKEN]"


@given(st.text(min_size=8, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_survives_in_text_or_json(secret: str, before: str, after: str) -> None:
    redact = Redactor.from_environment({"A_TOKEN": secret})
    marked = redact("").join(["", ""])
    assert marked == ""
    if secret in "[redacted:A_TOKEN]":
        return
    left = redact(before + secret + after)
    assert secret not in left.replace("[redacted:A_TOKEN]", "\0")
    encoded = redact(json.dumps({"k": secret}))
    assert json.loads(encoded)["k"] != secret


def test_the_values_do_not_show_in_the_repr() -> None:
    assert "hush-hush" not in repr(Redactor.from_environment({"A_TOKEN": "hush-hush"}))
