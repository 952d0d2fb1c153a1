"""Secrets are found by their names, and replaced in every form."""

import json
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from proofbook.records import Outcome
from proofbook.runs.record_redaction import redact_record
from proofbook.runs.redaction import Redactor, is_secret_name
from proofbook.runs.secrets.variables import secrets_of


@pytest.mark.parametrize(
    "name",
    [
        "HF_TOKEN",
        "OPENAI_API_KEY",
        "hf_token",
        "AWS_SECRET_ACCESS_KEY",
        "DB_PASSWORD",
        "apikey",
        "PGPASSWORD",
        "SSHPASS",
        "MYSQL_PWD",
        "OPENAI_KEY",
        "ENCRYPTION_KEY",
        "GITHUB_PAT",
        "SSH_PRIVATE_KEY",
    ],
)
def test_these_names_hold_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "PWD",
        "OLDPWD",
        "TOKENIZERS_PARALLELISM",
        "max_tokens",
        "new_tokens",
        "MONKEY",
        "author",
        "model",
        "keys",
        "KEYBOARD",
        "key_mapping",
        "PASSED",
        "compass",
    ],
)
def test_these_names_do_not(name: str) -> None:
    assert not is_secret_name(name)


def test_the_password_in_an_address_is_a_secret() -> None:
    redact = Redactor.from_environment({"DATABASE_URL": "postgres://me:Zq81xyzw@host:1/db"})
    assert redact("postgres://me:Zq81xyzw@host") == "postgres://me:[redacted:DATABASE_URL]@host"


def test_each_line_of_a_long_key_is_a_secret() -> None:
    key = "-----BEGIN KEY-----\nAbCd1234EfGh\n-----END KEY-----"
    redact = Redactor.from_environment({"DEPLOY_KEY": key})
    assert "AbCd1234EfGh" not in redact("  AbCd1234EfGh  ")
    assert redact(key) == "[redacted:DEPLOY_KEY]"


def test_a_record_stays_readable_whatever_the_secret() -> None:
    redact = Redactor.from_environment({"A_TOKEN": "incomplete", "B_TOKEN": "expected"})
    record = Outcome(job="incomplete", runbook="a/b", cause="incomplete: expected more")
    clean = redact_record(redact, record)
    assert Outcome.model_validate(clean).status == "incomplete"
    assert clean["cause"] == "[redacted:A_TOKEN]: [redacted:B_TOKEN] more"


def test_a_secret_is_found_at_any_depth_and_as_a_key() -> None:
    redact = Redactor.from_environment({"A_TOKEN": "Zq81xyzw"})
    clean = redact.walk({"a": [{"Zq81xyzw": ("x Zq81xyzw", 1, None)}]})
    assert clean == {"a": [{"[redacted:A_TOKEN]": ["x [redacted:A_TOKEN]", 1, None]}]}


def test_short_values_are_left_alone() -> None:
    assert Redactor.from_environment({"API_KEY": "true"})("true story") == "true story"


def test_a_secret_that_holds_another_is_replaced_whole() -> None:
    redact = Redactor.from_environment({"A_TOKEN": "12345678", "B_TOKEN": "12345678abcdef"})
    assert redact("x 12345678abcdef y 12345678") == "x [redacted:B_TOKEN] y [redacted:A_TOKEN]"


@pytest.mark.exhaustive
@settings(deadline=None)
@given(st.text(min_size=8, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_survives_in_text_or_json(secret: str, before: str, after: str) -> None:
    assume(secrets_of("A_TOKEN", secret) and len(secret.strip()) >= 8)
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


@pytest.mark.parametrize("order", ["acb", "abcb", "cacb", "acbc", "accb"])
def test_pieces_of_other_sources_part_no_secret(order: str) -> None:
    texts = {"a": "the token Zq81", "b": "xyzw is used\n", "c": "a line\n"}
    redact = Redactor.from_environment({"A_TOKEN": "Zq81xyzw"})
    clean = redact.interleaved(list(order), [texts[source] for source in order])
    assert "".join(clean).count("[redacted:A_TOKEN]") == 1
    assert "".join(clean).count("a line\n") == order.count("c")
    assert "Zq81" not in "".join(clean)


TOKEN, LATER = "Zq81xyzwAb", "Kx92mnop-Qr7"
ASKED: dict[str, Callable[[Redactor], object]] = {
    "a text": lambda redact: LATER in redact(f"it is {LATER}"),
    "a short text": lambda redact: redact("p&7"),
    "any text, for what has no core": lambda redact: redact("it is p&7"),
    "an identifier": lambda redact: redact.identifier(f"{LATER}-{TOKEN}"),
    "pieces": lambda redact: redact.pieces([LATER[:5], LATER[5:]]),
    "a text that goes on": lambda redact: redact.may_go_on(f"it is {LATER[:8]}"),
    "the first name": lambda redact: redact.name_in(LATER),
    "bytes": lambda redact: redact.name_in_bytes(f"it is {LATER}".encode()),
    "the longest bytes": lambda redact: redact.longest_in_bytes,
    "marks": lambda redact: redact(f"[redacted:{LATER}] {LATER} {TOKEN}"),
    "a number": lambda redact: redact.walk(815311),
}


@pytest.mark.parametrize("what", ASKED)
def test_what_is_learnt_late_is_known_as_if_from_the_start(what: str) -> None:
    late = {LATER: "NEW_TOKEN", "p&7": "A_PIN", "815311": LATER}
    fresh, used = Redactor({TOKEN: "A_TOKEN", **late}), Redactor({TOKEN: "A_TOKEN"})
    ask = ASKED[what]
    assert ask(used) != ask(fresh), "it makes no difference"
    copied = used.copy()
    used.add(late)
    assert ask(used) == ask(fresh)
    assert ask(copied) != ask(fresh)
