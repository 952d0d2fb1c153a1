"""A secret is found where each character is escaped or apart, and in what is encoded oddly."""

from __future__ import annotations

import base64
import codecs
import json
from collections.abc import Callable

import pytest
from secret_corpus import draw_secret

from proofbook.runs.redaction import Redactor
from proofbook.runs.secrets.odd_spellings import unescaped

SECRETS = [draw_secret(number) for number in range(20)] + ["Zr8vPm2LxW91ü—uYbN4c"]
MARK = "[redacted:A_TOKEN]"


def each(form: str, between: str = "") -> Callable[[str], str]:
    """Write each byte in a form."""
    return lambda secret: between.join(form.format(byte) for byte in secret.encode())


def text64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def each_letter(form: str) -> Callable[[str], str]:
    """Write each unit of UTF-16 in a form."""
    return lambda s: "".join(form.format(ord(letter)) for letter in s)


ESCAPED: dict[str, Callable[[str], str]] = {
    "percent": each("%{:02x}"),
    "PERCENT": each("%{:02X}"),
    "percent in percent": each("%25{:02X}"),
    "quoted-printable": each("={:02X}"),
    "html": each_letter("&#{};"),
    "html with zeros": each_letter("&#0{};"),
    "html in hex": each_letter("&#x{:x};"),
    "html in HEX": each_letter("&#X{:X};"),
    "backslash x": each("\\x{:02x}"),
    "backslash u": each_letter("\\u{:04x}"),
    "BACKSLASH U": each_letter("\\u{:04X}"),
    "json in json": lambda s: json.dumps(each_letter("\\u{:04x}")(s))[1:-1],
    "octal": each("\\{:03o}"),
    "colons": each("{:02x}", ":"),
    "dashes": each("{:02X}", "-"),
    "a dump": each("{:02x}", " "),
    "rows of a dump": lambda s: each("{:02x}", " ")(s).replace(" ", "\n", 3).replace("\n", " ", 2),
    "a list in C": each("0x{:02X}", ", "),
    "words in hex": each("0x{:02x}", " "),
    "a list": each("{}", ", "),
    "a buffer": each("{}", ","),
}


@pytest.mark.parametrize("how", ESCAPED)
def test_a_secret_of_escapes_goes_whole_and_alone(how: str) -> None:
    for secret in SECRETS:
        if not secret.isascii():
            continue
        redact = Redactor({secret: "A_TOKEN"})
        assert redact(f"<{ESCAPED[how](secret)}> end") == f"<{MARK}> end"


APART: dict[str, Callable[[str], str]] = {
    "spaces": " ".join,
    "wide spaces": "   ".join,
    "lines": "\n".join,
    "lines of Windows": "\r\n".join,
    "dashes": "-".join,
    "dots": ".".join,
    "underscores": "_".join,
    "a list": lambda s: repr(list(s))[2:-2],
    "a list without spaces": lambda s: "','".join(s),
    "a list in JSON": lambda s: json.dumps(list(s))[2:-2],
    "a list in short JSON": lambda s: json.dumps(list(s), separators=(",", ":"))[2:-2],
}


@pytest.mark.parametrize("how", APART)
def test_a_secret_of_letters_apart_goes_whole_and_alone(how: str) -> None:
    for secret in SECRETS:
        if not secret.isascii() or not {"'", '"', "\\"}.isdisjoint(secret):
            continue
        redact = Redactor({secret: "A_TOKEN"})
        assert redact(f"<'{APART[how](secret)}'> end") == f"<'{MARK}'> end"


TWICE: dict[str, Callable[[str], str]] = {
    "base32": lambda s: base64.b32encode(s.encode()).decode().rstrip("="),
    "base64 of base64": lambda s: text64(text64(s.encode()).encode()),
    "base64 of a header": lambda s: text64(f"Basic {text64(f'me:{s}'.encode())}".encode()),
    "base64 of base64 over lines": lambda s: base64.encodebytes(
        base64.b64encode(b"x" * 40 + s.encode() + b"y" * 40)
    ).decode(),
    "base64 of UTF-16": lambda s: text64(f"a{s}b".encode("utf-16-le")),
    "base64 of UTF-16 from a big end": lambda s: text64(s.encode("utf-16-be")),
    "base64 of UTF-16 with a mark": lambda s: text64(f"a{s}b".encode("utf-16")),
    "base64 of base64 of base64": lambda s: text64(text64(text64(s.encode()).encode()).encode()),
    "base64 of base64 of a header": lambda s: text64(
        text64(f"Basic {text64(f'me:{s}'.encode())}".encode()).encode()
    ),
    "small base32": lambda s: base64.b32encode(b"me:" + s.encode()).decode().lower(),
    "rot13": lambda s: codecs.encode(s, "rot13"),
    "backwards": lambda s: s[::-1],
    **{
        f"base32 at {n}": lambda s, n=n: base64.b32encode(b"x" * n + s.encode() + b"yz").decode()
        for n in range(5)
    },
}


@pytest.mark.parametrize("how", TWICE)
def test_a_secret_that_is_encoded_otherwise_is_replaced(how: str) -> None:
    for secret in SECRETS:
        redact = Redactor({secret: "A_TOKEN"})
        clean = redact(f"<{TWICE[how](secret)}> end")
        assert MARK in clean
        assert clean.endswith("> end")


INNOCENT = (
    "52:54:00:12:34:56:78:9a:bc:de",
    "GET /a?q=%E4%BD%A0%E5%A5%BD%E4%B8%96%E7%95%8C",
    "\\u00e4\\u00f6\\u00fc\\u00df\\u00e9\\u00e8\\u00ea\\u00eb",
    str(list(range(60, 200))),
    " ".join(f"{n:02x}" for n in range(256)),
    "0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08",
    "MFRGGZDFMZTWQ2LKNNWG23TPOA======",
    "mfrggzdfmztwq2lknnwg23tpoa======",
    " ".join("abcdefghijklmnopqrstuvwxyz"),
    str(list("a b-c_d.e'f\"ghijkl")),
    "1 0 1 1 0 0 1 0 0 1 0\n0 1 1 0 0 1 1 0 0 1 1",
    "- - - - - - - - - -\n---------------\n...............\n_______________",
)


@pytest.mark.parametrize("text", INNOCENT)
def test_numbers_that_are_no_secret_stay(text: str) -> None:
    assert Redactor(dict.fromkeys(SECRETS, "A_TOKEN"))(text) == text


def test_a_word_in_rot13_may_be_another() -> None:
    letters = "abcdefghijklmnopq"
    redact = Redactor({"abcdefgh": "A_TOKEN", letters: "B_TOKEN", "abcdefg1": "C_TOKEN"})
    assert redact("klmnopqrstuvw") == "klmnopqrstuvw"
    assert redact("hgfedcba") == MARK
    assert redact(codecs.encode(letters, "rot13")) == "[redacted:B_TOKEN]"
    assert redact("nopqrst1") == "[redacted:C_TOKEN]"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("41:42:43:44:45:46:47:48", ["ABCDEFGH"]),
        ("x 41 42 43 44 45 46 47 48 y", ["ABCDEFGH"]),
        ("[65,66,67,68,69,70,71,72]", ["ABCDEFGH"]),
        ("41:42:43:44:45:46:47", []),
        ("%41%42%43%44%45%46%47", []),
        ("%41%42%43%44%45%46%47%48", ["ABCDEFGH"]),
        ("x A B C D E F G H y", ["xABCDEFGHy"]),
        ("word A B C D E F G H", ["ABCDEFGH"]),
        ("A B C D E F G", []),
        ("A  B\nC D E  F-G-H", []),
        ("['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H']", ["ABCDEFGH"]),
        ("%41%42%43%44 %45%46%47%48", []),
    ],
)
def test_what_is_looked_at_has_eight_characters_in_a_row(text: str, found: list[str]) -> None:
    assert [part.text for part in unescaped(text)] == found


@pytest.mark.parametrize("sign", ["\\", " ", "\n", ",", ", ", "%", "&#0", "=", "0x", " \n"])
def test_a_long_row_of_one_sign_is_passed_over_at_once(sign: str) -> None:
    text = sign * (200_000 // len(sign)) + "x41"
    assert list(unescaped(text)) == []  # each sign would otherwise be tried with all after it


def test_each_character_has_its_place() -> None:
    [part] = unescaped("x 0x41 0x42 43 44 45 46 47 48 y")
    assert part.text == "ABCDEFGH"
    assert part.places == [(2, 6), (7, 11), *((n, n + 2) for n in range(12, 30, 3))]


def test_a_token_is_known_by_its_form_in_escapes_too() -> None:
    token = "gh" + "p_" + "a1B2" * 9
    assert MARK not in Redactor({})(token)
    assert "redacted" in Redactor({})(token)
    assert "redacted" in Redactor({})(each("%{:02x}")(token))
