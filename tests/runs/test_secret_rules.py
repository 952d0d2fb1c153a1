"""Which variables hold a secret, which texts are one by their form, and how fast that is found."""

from __future__ import annotations

import base64
import random

import pytest

from proofbook.runs import redaction
from proofbook.runs.redaction import Redactor
from proofbook.runs.secrets.formats import find_formats
from proofbook.runs.secrets.names import Secrecy, secrecy_of
from proofbook.runs.secrets.screening import Screen
from proofbook.runs.secrets.secret import Secret
from proofbook.runs.secrets.values import bits_per_character, looks_random
from proofbook.runs.secrets.variables import secrets_of

MIXED = "a1B2c3D4e5F6" * 4


@pytest.mark.parametrize(
    ("name", "secrecy"),
    [
        ("TOKEN1", "certain"),
        ("MYAPIKEY", "certain"),
        ("SECRETKEY", "certain"),
        ("apiKey", "certain"),
        ("x-api-key", "certain"),
        ("SLACK_WEBHOOK_URL", "address"),
        ("SENTRY_DSN", "address"),
        ("WEBHOOK_URL", "address"),
        ("WEBHOOK", "address"),
        ("GITHUB_PAT", "certain"),
        ("PAT", "none"),
        ("APP_SALT", "doubtful"),
        ("SALT", "none"),
        ("DATABASE_URL", "carrier"),
        ("URL", "carrier"),
        ("DB_PASS", "password"),
        ("STRIPE_KEY", "doubtful"),
        ("TOKEN_URL", "doubtful"),
        ("VAULT_SECRET_ID", "doubtful"),
        ("CACHE_KEY", "none"),
        ("sortKey", "none"),
        ("SORT2KEY", "doubtful"),
        ("S3_KEY", "doubtful"),
        ("HF_TOKEN_PATH", "none"),
        ("MAX_TOKENS", "none"),
        ("pad_token_id", "none"),
        ("PWD", "none"),
        ("", "none"),
        ("___", "none"),
    ],
)
def test_a_name_says_how_much_its_value_is_a_secret(name: str, secrecy: Secrecy) -> None:
    assert secrecy_of(name) == secrecy


@pytest.mark.parametrize(
    ("name", "value", "secrets"),
    [
        ("DATABASE_URL", "postgres://me:pw1@h/db", ("pw1",)),
        ("BROKERS", "amqp://a:first1@h1,amqp://b:other2@h2", ("first1", "other2")),
        ("ORIGIN", f"https://{MIXED}@github.com/a/b", (MIXED,)),
        ("FEED", "https://h/x?api_key=Zq81xyzw&n=1", ("Zq81xyzw",)),
        ("DATABASE_URL", "mysql://me:p%40ss9@h", ("p%40ss9", "p@ss9")),
        ("AUTHORIZATION", "Bearer Zq81xyzw", ("Bearer Zq81xyzw", "Zq81xyzw")),
        ("CONFIG", '{"db": {"password": "Zq81xyzw", "host": "localhost"}}', ("Zq81xyzw",)),
        ("STORAGE", "A=1;AccountKey=Zq81xyzw==;B=2", ("Zq81xyzw==",)),
        ("PROXY_AUTH", "me:Zq81xyzw", ("me:Zq81xyzw", "Zq81xyzw")),
        ("ANY", f"see ghp_{MIXED[:36]}", (f"ghp_{MIXED[:36]}",)),
        ("HF_TOKEN", "  Zq8  ", ("Zq8",)),
        ("HF_TOKEN", "x", ()),
    ],
)
def test_what_must_not_be_written_of_a_variable(
    name: str, value: str, secrets: tuple[str, ...]
) -> None:
    assert secrets_of(name, value) == secrets


@pytest.mark.parametrize(
    "text",
    [
        f"ghp_{MIXED[:36]}",
        f"github_pat_{MIXED}",
        f"glpat-{MIXED[:20]}",
        f"hf_{MIXED[:34]}",
        f"sk-proj-{MIXED}",
        f"sk_live_{MIXED[:24]}",
        "AKIA" + "Q2W3E4R5T6Y7U2I3",
        f"xoxb-123456789012-{MIXED[:24]}",
        "AIza" + MIXED[:35],
        f"npm_{MIXED[:36]}",
        f"SG.{MIXED[:22]}.{MIXED[:43]}",
        f"eyJ{MIXED[:20]}.eyJ{MIXED[:20]}.{MIXED[:30]}",
        f"hvs.{MIXED[:24]}",
        f"https://hooks.slack.com/services/T012345/B012345/{MIXED[:24]}",
        "Authorization: Bearer abcd",
        "{'authorization': 'Basic dXNlcjpwYXNz'}",
        f"curl -H 'Bearer {MIXED[:20]}'",
        "postgres://me:hunter2@db/x",
        f"https://{MIXED[:20]}@github.com/a/b",
        "https://h/x?sig=Zq81xyzw",
        "Server=h;Password=Zq81xyzw;",
        f"-----BEGIN RSA PRIVATE KEY-----\n{MIXED}\n{MIXED}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\\n{MIXED}\\n{MIXED}",
    ],
)
def test_a_form_is_found_wherever_it_stands(text: str) -> None:
    for around in ("{}", "a {} b", '["{}"]', "<td>{}</td>", "\n{}\n"):
        clean = Redactor({})(around.format(text))
        assert "[redacted:" in clean
        for part in (MIXED[:20], "hunter2", "Zq81xyzw", "abcd", "dXNlcjpwYXNz", "Q2W3E4R5"):
            assert part not in clean
    assert list(find_formats(text))


def test_a_short_secret_is_one_as_a_word_of_its_own() -> None:
    redact = Redactor.from_environment({"DB_PASSWORD": "x7Q2"})
    assert redact("x7Q2, 'x7Q2' ax7Q2 x7Q2b x7Q2") == (
        "[redacted:DB_PASSWORD], '[redacted:DB_PASSWORD]' ax7Q2 x7Q2b [redacted:DB_PASSWORD]"
    )


def test_what_is_replaced_is_not_replaced_again() -> None:
    redact = Redactor.from_environment({"HF_TOKEN": "Zq81xyzw", "B_TOKEN": "HF_TOKEN-redacted"})
    once = redact("a Zq81xyzw and HF_TOKEN-redacted")
    assert once == "a [redacted:HF_TOKEN] and [redacted:B_TOKEN]"
    assert redact(once) == once
    assert redact("[redacted:Zq81xyzw]") == "[redacted:[redacted:HF_TOKEN]]"


def test_a_mark_stays_one_though_its_name_is_a_secret() -> None:
    redact = Redactor.from_environment({"HF_TOKEN": "Zq81xyzw", "B_TOKEN": "redacted:HF_TOKEN"})
    once = redact("a Zq81xyzw")
    assert once == "a [redacted:HF_TOKEN]"
    assert redact(f"{once}, redacted:HF_TOKEN") == f"{once}, [redacted:B_TOKEN]"


def test_two_that_touch_are_two() -> None:
    redact = Redactor.from_environment({"A_TOKEN": "Zq81xyzw42", "B_TOKEN": "Kp7vRt2mXw"})
    assert redact("Zq81xyzw42Kp7vRt2mXw") == "[redacted:A_TOKEN][redacted:B_TOKEN]"


@pytest.mark.parametrize(
    ("pieces", "clean"),
    [
        (["a ", "Zq81xyzw42", " b"], ["a ", "[redacted:A_TOKEN]", " b"]),
        (["a Zq8", "1xyz", "w42 b"], ["a [redacted:A_TOKEN]", "", " b"]),
        (["a ", "b ", "c Zq81", "xyzw42"], ["a ", "b ", "c [redacted:A_TOKEN]", ""]),
        (["Zq81xyzw42"], ["[redacted:A_TOKEN]"]),
    ],
)
def test_a_secret_is_marked_in_the_piece_in_which_it_begins(
    pieces: list[str], clean: list[str]
) -> None:
    assert Redactor.from_environment({"A_TOKEN": "Zq81xyzw42"}).pieces(pieces) == clean


def test_without_secrets_there_is_nothing_to_look_for_in_bytes() -> None:
    assert Redactor({}).longest_in_bytes == 0
    assert Redactor({}).name_in_bytes(b"Zq81xyzw42") == ""


@pytest.fixture
def picture() -> str:
    """A file whose base64, and only that, has a secret's text by chance."""
    return base64.b64encode(base64.b64decode("Zq81xyzw42AB") * 20).decode()


@pytest.mark.parametrize(
    ("strange", "is_kept"), [("", True), ("\n" * 40, True), ("<" * 8, True), ("<" * 9, False)]
)
def test_a_large_file_is_not_read_as_text_unless_it_only_claims_to_be_one(
    monkeypatch: pytest.MonkeyPatch, picture: str, strange: str, is_kept: bool
) -> None:
    redact = Redactor.from_environment({"A_TOKEN": "Zq81xyzw42"})
    monkeypatch.setattr(redaction, "_SMALL", 240)
    assert (redact.in_base64(picture + strange) == picture + strange) is is_kept


def test_a_small_file_is_read_as_text_too(monkeypatch: pytest.MonkeyPatch, picture: str) -> None:
    redact = Redactor.from_environment({"A_TOKEN": "Zq81xyzw42"})
    monkeypatch.setattr(redaction, "_SMALL", 241)
    assert redact.in_base64(picture) == "[redacted:A_TOKEN]AB" * 20


def test_of_two_that_overlap_nothing_is_left() -> None:
    redact = Redactor.from_environment({"A_TOKEN": "Zq81xyzwAAAA", "B_TOKEN": "AAAAKp7vRt2m"})
    assert redact("<Zq81xyzwAAAAKp7vRt2m>") == "<[redacted:A_TOKEN]>"


def test_a_secret_that_is_learned_later_is_known_to_no_copy() -> None:
    redact = Redactor.from_environment({"A_TOKEN": "Zq81xyzw42"})
    other = redact.copy()
    assert other.learn([("A_TOKEN", "Zq81xyzw42"), ("B_TOKEN", "Kp7vRt2mXw")]) == {
        "Kp7vRt2mXw": "B_TOKEN"
    }
    assert other("Zq81xyzw42 Kp7vRt2mXw") == "[redacted:A_TOKEN] [redacted:B_TOKEN]"
    assert redact("Kp7vRt2mXw") == "Kp7vRt2mXw"
    assert redact.learn([("B_TOKEN", "Kp7vRt2mXw")]) == {"Kp7vRt2mXw": "B_TOKEN"}


def test_a_text_that_ends_as_a_secret_begins_may_go_on() -> None:
    redact = Redactor.from_environment({"A_TOKEN": "Zq81xyzw42"})
    assert redact.may_go_on("the token Zq8")
    assert redact.may_go_on("the token Zq81xyz\n")
    assert redact.may_go_on("the token Zq81xyzw4")
    assert not redact.may_go_on("the token")
    assert not redact.may_go_on("the token Zq81xyzw42")


@pytest.mark.parametrize("text", ["production", "user_id", "v2-2024-01", "py311", "camelCaseName"])
def test_words_and_versions_do_not_look_random(text: str) -> None:
    assert not looks_random(text)


def test_what_was_drawn_looks_random() -> None:
    drawn = random.Random(3)
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789"
    texts = ["".join(drawn.choices(letters, k=20)) for _ in range(500)]
    assert sum(map(looks_random, texts)) == 500
    assert bits_per_character("aaaa") == 0
    assert bits_per_character("abcd") == 2


def test_a_secret_hides_its_value() -> None:
    assert "Zq81" not in repr(Secret("Zq81xyzw", "A_TOKEN"))


@pytest.mark.exhaustive
def test_a_screen_finds_exactly_what_a_text_has() -> None:
    drawn = random.Random(4)
    texts = {"".join(drawn.choices("abcdef", k=drawn.randint(2, 6))) for _ in range(60)}
    screen = Screen(texts)
    for _ in range(200):
        text = "".join(drawn.choices("abcdefg", k=80))
        assert screen.hits(text) == {each for each in texts if each in text}
    large = "".join(drawn.choices("abcdefg", k=200)) * 25_000
    for each in (screen, Screen(texts)):
        assert each.hits(large) == {text for text in texts if text in large}
    assert Screen([]).hits("abc") == set()


SIXTEEN = "abcdef1234567890"[:16]
DRAWN = "Zq8xK2vB9wL4"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # a token stands apart from the letters beside it, at any distance
        (f"AKIA{'Q2' * 8}", [f"AKIA{'Q2' * 8}"]),
        (f" xAKIA{'Q2' * 8}", []),
        (f"AKIA{'Q2' * 8}x ", []),
        (f"-AKIA{'Q2' * 8} x", [f"AKIA{'Q2' * 8}"]),
        (f"x AKIA{'Q2' * 8}-x", [f"AKIA{'Q2' * 8}"]),
        # letters and digits, not letters alone
        ("xoxb-something-else-here", []),
        ("xoxb-1234567890-abcdef", ["xoxb-1234567890-abcdef"]),
        # a password in an address is neither a placeholder nor a port
        ("http://me:pw1x@host", ["pw1x"]),
        ("http://me:${PASS}@host", []),
        ("http://me:<password>@host", []),
        ("http://me:12345@host", []),
        ("http://me:123456@host", ["123456"]),
        # who bears what: drawn, or long and mixed
        (f"Bearer {DRAWN}", [DRAWN]),
        (f"Bearer {SIXTEEN}", [SIXTEEN]),
        ("Bearer word-word-word12", ["word-word-word12"]),
        ("Bearer word-word-wor12", []),
        ("Bearer certificates-of-deposit", []),
        ("Bearer a1", []),
        # a query's value is spelled: six characters with letters and digits
        ("https://h/?token=abc123", ["abc123"]),
        ("https://h/?token=abc12", []),
        ("https://h/?token=abcdefgh", []),
        ("https://h/?token=12345678", []),
        ("https://h/?token=<token1>", []),
    ],
)  # fmt: skip
def test_a_form_has_an_edge(text: str, found: list[str]) -> None:
    assert sorted({text[span.start : span.end] for span in find_formats(text)}) == sorted(found)


@pytest.mark.parametrize(
    ("value", "text", "found"),
    [
        ("ordinary-words-x", "an_ordinary-words-x_name", True),
        ("two\nlines9", "it is two\nlines9.", True),
        ("a.b", "it is a\nb", False),
    ],
)
def test_a_value_is_found_by_its_length_and_its_lines(value: str, text: str, found: bool) -> None:
    assert (Redactor({value: "APP_PASSWORD"})(text) != text) is found
