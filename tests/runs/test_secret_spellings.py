"""A secret is found over two lines and in base64, and no more of a text than it is."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable

import pytest

from proofbook.runs.redaction import Redactor
from proofbook.runs.secrets.secret import Secret, _around
from proofbook.runs.secrets.spellings import _cores_of_encoded, cores_of
from proofbook.runs.secrets.values import _is_random_part, is_ordinary, looks_random
from proofbook.runs.secrets.variables import secrets_of


def html_numbers(text: str) -> str:
    return text.encode("ascii", "xmlcharrefreplace").decode()


@pytest.mark.parametrize(
    ("value", "is_strong"), [("correcthorsebatt", True), ("correcthorsebat", False)]
)
def test_an_identifier_loses_no_word_that_somebody_has_as_a_password(
    value: str, is_strong: bool
) -> None:
    assert Secret(value, "A_TOKEN").is_strong is is_strong
    assert (Redactor({value: "A_TOKEN"}).identifier(f"x-{value}") == f"x-{value}") is not is_strong


@pytest.mark.parametrize(("value", "name"), [("Zq81xyzw", "A_TOKEN"), ("Zq81xyz", "")])
def test_bytes_are_asked_for_what_is_not_there_by_chance(value: str, name: str) -> None:
    assert Redactor({value: "A_TOKEN"}).name_in_bytes(f"RIFF{value}".encode()) == name


def test_a_secret_over_two_lines_goes_alone_also_after_whole_ones() -> None:
    redact = Redactor({"Zq81xyzwAb": "A_TOKEN"})
    assert redact("<Zq81x\nyzwAb>") == "<[redacted:A_TOKEN]>"
    text = "1 Zq81xyzwAb 2 Zq81xyzwAb 3 Zq81x\nyzwAb 4"
    assert redact(text) == "1 [redacted:A_TOKEN] 2 [redacted:A_TOKEN] 3 [redacted:A_TOKEN] 4"


TOKEN = "tkq-Zr8vPm2LxW91-uYbN4cHs7Ed"
_HIDING = {
    "grep's colours": "tkq-\x1b[01;31m\x1b[KZr8v\x1b[m\x1b[KPm2LxW91-uYbN4cHs7Ed",
    "a colour of 24 bits": "tkq-Zr8vPm2L\x1b[38;2;1;2;3mxW91-uYbN4cHs7Ed",
    "a cursor that moves": "tkq-Zr8v\x1b[?25lPm2LxW91-uYb\x1b[2;5HN4cHs7Ed",
    "a link": "tkq-Zr8v\x1b]8;;https://example.org\x1b\\Pm2LxW91-uYbN4c\x1b]8;;\x07Hs7Ed",
    "a character set": "tkq-Zr8vPm2L\x1bcxW91-uYbN4cHs7Ed",
    "a bell": "tkq-Zr8v\x07Pm2LxW91\x7f-uYbN4cHs7Ed",
    "one NUL": "tkq-Zr8v\0Pm2LxW91-uYbN4cHs7Ed",
    "UTF-16": TOKEN.encode("utf-16-le").decode(),
    "UTF-16 with a mark": "".join(f"\0{letter}" for letter in "\ufeff" + TOKEN),
    "UTF-16 in base64": base64.b64encode(TOKEN.encode()).decode().encode("utf-16-le").decode(),
    "UTF-32": TOKEN.encode("utf-32-be").decode(),
}


@pytest.mark.parametrize("how", _HIDING)
def test_a_secret_is_found_behind_what_a_report_leaves_out(how: str) -> None:
    redact = Redactor({TOKEN: "A_TOKEN"})
    clean = redact(f"before {_HIDING[how]} after")
    assert clean.startswith("before ")
    assert "[redacted:A_TOKEN]" in clean
    assert clean.replace("\0", "").endswith(" after")
    assert "Hs7E" not in clean.replace("\0", "")


@pytest.mark.parametrize(
    "text",
    [
        "tkq-\x1b[31mZr8v\x1b[0m is half of it",
        "t\0k\0q\0 a\0n\0d\0 m\0o\0r\0e\0",
        "PK\x03\x04\0\0binary\0\0\x1b[1m",
        "\0" * 100,
    ],
    ids=repr,
)
def test_what_holds_no_secret_keeps_its_control_characters(text: str) -> None:
    assert Redactor({TOKEN: "A_TOKEN"})(text) == text


def test_a_wide_secret_that_is_cut_waits_for_its_end() -> None:
    redact = Redactor({TOKEN: "A_TOKEN"})
    wide = f"it is {TOKEN}".encode("utf-16-le").decode()
    assert redact.may_go_on(wide[:30])
    assert not redact.may_go_on(wide + " .")
    assert "[redacted:A_TOKEN]" in "".join(redact.pieces([wide[:30], wide[30:]]))


def test_what_is_replaced_puts_nothing_together() -> None:
    redact = Redactor({"Zq81xyzwAb": "A_TOKEN", "xx12\n34yy-0Q": "B_TOKEN"})
    assert redact("xx12Zq81xyzwAb34yy-0Q") == "xx12[redacted:A_TOKEN]34yy-0Q"


def test_the_parts_around_cores_do_not_overlap() -> None:
    text = "core" + " " * 20 + "core core" + " " * 40 + "core"
    assert _around(text, ["core"], 5) == [(0, 5), (19, 34), (68, 78)]
    assert _around(text, ["core"], 12) == [(0, 41), (61, 85)]


@pytest.mark.parametrize(
    ("end", "begins"),
    [
        ("it is abcX", True),
        ("it is abcXabcY", True),
        ("it is abc", True),
        ("abcXabcYzz1", True),
        ("it is abcXabcYzz12", False),
        ("it is abcZ", False),
        ("it is ab", False),
        ("abcX and more", False),
        ("abcQabcX", True),
        ("abcQabc", True),
        ("abcQabcXabcY", True),
        ("abcQabcXabcZ", False),
    ],
)
def test_an_end_may_be_the_beginning_of_a_secret_but_not_all(end: str, begins: bool) -> None:
    assert Secret("abcXabcYzz12", "A_TOKEN").begins(end) is begins


def test_the_beginning_of_a_secret_may_overlap_with_what_is_none() -> None:
    assert Secret("aaaXyzzz1", "A_TOKEN").begins("aaaaX")
    assert Secret("abcXabcYzz12345", "A_TOKEN").begins("abcQabcXabcY")


def test_a_plus_in_base64_is_no_end_of_a_line() -> None:
    value = ">>>Zq81>>>xyzw!"
    form = base64.b64encode(value.encode()).decode()
    assert form.count("+") == 2
    clean = Redactor({value: "A_TOKEN"})(f"<{form[:9]}\n{form[9:]}>")
    assert clean == "<[redacted:A_TOKEN]>"


@pytest.mark.parametrize(
    ("value", "cores"), [("p&xyz&7", ("xyz",)), ("p&xy&7", ()), ("p&xyz&7&w", ("xyz",))]
)
def test_three_letters_tell_that_a_secret_may_be_there(value: str, cores: tuple[str, ...]) -> None:
    assert cores_of(value) == cores


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_bytes_hold_all_of_a_secret_or_none(encoding: str) -> None:
    redact = Redactor({"Zq81xyzwAb": "A_TOKEN"})
    assert redact.name_in_bytes("\n<Zq81xyzwAb>".encode(encoding)) == "A_TOKEN"
    assert redact.name_in_bytes("\n<Zq81xyzwA>".encode(encoding)) == ""


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("cCZ6dw==", "[redacted:A_PIN]"),
        ("cCZ6dw", "[redacted:A_PIN]"),
        ("70267a77", "[redacted:A_PIN]"),
        ("70267A77", "[redacted:A_PIN]"),
        ("p&zw", "[redacted:A_PIN]"),
        ("xcCZ6dw==", "xcCZ6dw=="),
    ],
)
def test_of_a_short_secret_all_of_an_encoding_counts(text: str, clean: str) -> None:
    assert Redactor({"p&zw": "A_PIN"})(f"<{text}>") == f"<{clean}>"


@pytest.mark.parametrize("value", ["Zq81\u00e9xyzw", "Zq81\u20acxyzw", "Zq81\U0001f511xyzw"])
@pytest.mark.parametrize("write", [ascii, json.dumps, str, urllib.parse.quote, html_numbers])
def test_a_character_that_is_not_ascii_may_be_escaped(
    write: Callable[[str], str], value: str
) -> None:
    assert "[redacted:A_TOKEN]" in Redactor({value: "A_TOKEN"})(write(value))


@pytest.mark.parametrize(("length", "number"), [(99, 2), (100, 4), (200, 4)])
def test_a_long_encoded_secret_is_told_by_each_of_its_quarters(length: int, number: int) -> None:
    assert len(_cores_of_encoded("a" * length)) == number


def test_the_longest_run_of_a_part_tells_of_it() -> None:
    assert _cores_of_encoded("zz/aaaaaa" + "b" * 9) == ["aaaaaa", "b" * 8]


@pytest.mark.parametrize(
    ("value", "ordinary"),
    [
        ("/home/me/a8F3k2Lm9QzX1", True),
        ("~/a8F3k2Lm9QzX1/", True),
        ("data/a8F3k2Lm9QzX1.json", True),
        ("data/music/train", True),
        ("data/a8F3k2Lm9QzX1/x", False),
        ("a8F3k2Lm9QzX1", False),
    ],
)
def test_a_path_is_no_secret(value: str, ordinary: bool) -> None:
    assert is_ordinary(value) is ordinary


@pytest.mark.parametrize(
    ("part", "is_random"),
    [
        ("a1b2c3", True),
        ("a1b2c", False),
        ("bcdfghjklmnp", True),
        ("bcdfghjklmn", False),
        ("bcdfghjklmn1", False),
        ("transcription", False),
        ("aeioubcdfgaei", True),
        ("aeibcdfgaeibcdfg", False),
        ("aaaabcdfgaaaa", False),
        ("aaaabcdfghaaa", True),
        ("1a1a1a1a1a1a", False),
        ("1a1a1a1a1a1", True),
        ("0a1b2c0a1b2c", True),
        ("0x1y2z0x1y2z", False),
        ("0x1y2z3w0x1y2z3w", False),
        ("0x1y2z3w4x1y2z3w", True),
    ],
)
def test_letters_and_digits_are_random_where_they_are_no_word(part: str, is_random: bool) -> None:
    assert _is_random_part(part) is is_random


@pytest.mark.parametrize(
    ("text", "is_random"),
    [
        ("p&9!x#Q2", True),
        ("p&9-x-Q2-z", False),
        ("#!#!abab", False),
        ("#!#!abcd", True),
        ("#!$%&+()", False),
    ],
)
def test_more_signs_than_a_name_has_are_random(text: str, is_random: bool) -> None:
    assert looks_random(text) is is_random


HOOK, KEY = "https://h.example/in/one", "-----A\nsomewhat\nshorter\n-----B"


@pytest.mark.parametrize(
    ("name", "value", "secrets"),
    [
        ("SLACK_WEBHOOK", HOOK, (HOOK,)),
        ("SLACK_WEBHOOK", "http://localhost:9000/hook", ()),
        ("SLACK_WEBHOOK", "somewhere", ()),
        ("APP_COOKIE", "q='Zq81xyzwAb'; b=one", ("q='Zq81xyzwAb'; b=one", "Zq81xyzwAb")),
        ("APP_NOTE", "q='Zq81xyzwAb'; b=one", ()),
        ("API_TOKENS", "Zq81xyzwAb, Kx92mnopQr7", ("Zq81xyzwAb", "Kx92mnopQr7")),
        ("AUTHORIZATION", "Basic bWU6c3VtMQ==", ("Basic bWU6c3VtMQ==", "bWU6c3VtMQ==", "sum1")),
        ("AUTHORIZATION", "Basic b!WU6c3VtMQ==", ("Basic b!WU6c3VtMQ==", "b!WU6c3VtMQ==")),
        ("DB_PASS", "summer12", ("summer12",)),
        ("DB_PASS", "summer", ()),
        ("STRIPE_KEY", "summer12", ()),
        ("A_TOKEN", KEY, (KEY, "somewhat")),
    ],
)
def test_how_much_of_a_value_is_a_secret(name: str, value: str, secrets: tuple[str, ...]) -> None:
    assert secrets_of(name, value) == secrets


@pytest.mark.parametrize(("depth", "found"), [(1, True), (8, True), (9, False)])
def test_documents_are_looked_into_eight_deep(depth: int, found: bool) -> None:
    value = json.dumps({"password": "summer12"})
    for _ in range(depth - 1):
        value = json.dumps([value])
    assert ("summer12" in secrets_of("CONFIG", value)) is found
