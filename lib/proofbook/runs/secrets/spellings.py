"""How a secret may be spelled in a text: as it is, escaped, quoted, encoded, over two lines.

A pattern is made only for a secret that may be in a text. Whether it may, its *cores* tell: short
runs of letters and digits that no escape changes, of which one is left also where a line ends
within the secret. Knows nothing about names.
"""

from __future__ import annotations

import base64
import html.entities
import re
from typing import NamedTuple

from proofbook.runs.secrets.encodings import base64_parts
from proofbook.runs.secrets.odd_spellings import oddly_encoded_forms

__all__ = [
    "SHORT",
    "Compact",
    "bytes_of",
    "compact",
    "cores_of",
    "encoded_cores",
    "encoded_forms",
    "pattern_of",
]

SHORT = 8
"""A shorter secret is one only as a word of its own, and on one line."""

_CORE = 6
_MOST_CORES = 4
_RUN = re.compile(r"[A-Za-z0-9]+")
_BREAK = re.compile(
    r"[\s\"',+>|\u2502\u2503]|\\+(?:[nrt]|\s)|<br ?/?>"
    r"|(?:\x1b|\\+u001b|\\+x1b|\\+033)\[[0-?]*[ -/]*[@-~]"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|[\x00-\x08\x0e-\x1f\x7f]"
)
"""What may stand where a text goes on in the next line, also in Python, JSON, HTML and a table, in
another colour, or behind what a terminal obeys: a report removes that, and would show the text."""
_MORE = {
    " ": (r"\+", "&nbsp;"),
    "\n": (r"\\+n", r"\\+r\\+n", r"\r\n", "<br ?/?>"),
    "\r": (r"\\+r",),
    "\t": (r"\\+t",),
    "\b": (r"\\+b",),
    "\f": (r"\\+f",),
    "'": (r"'\"'\"'", r"'\\+''"),
}
_ENTITIES = {html.entities.html5[name]: name for name in ("amp;", "lt;", "gt;", "quot;", "apos;")}


class Compact(NamedTuple):
    """A text without all that may stand at the end of a line."""

    text: str
    places: list[int]
    """Of each character, its place in the text as it was."""


def pattern_of(secret: str, *, in_compact: bool = False) -> str:
    """Return a regular expression for every spelling of a secret.

    Args:
        secret: What must not be written.
        in_compact: Find it in what :func:`compact` returns.
    """
    written = compact(secret).text if in_compact else secret
    plain = "".join(_character(part) for part in re.findall(r"\\+|[^\\]", written))
    if len(secret) < SHORT:
        bound = rf"(?<![A-Za-z0-9]){plain}(?![A-Za-z0-9])"
        return "|".join([bound, *map(_apart, _whole_encodings(secret))])
    data = _bytes(secret)
    odd = oddly_encoded_forms(secret)
    forms = [compact(f).text if in_compact else f for f in (*base64_parts(data), *odd)]
    encoded = ["".join(map(_base64_character, form)) for form in forms]
    ends = [f"{form}(?:[A-Za-z0-9+/_-]?={{1,6}})?" for form in encoded]
    return "|".join([plain, *ends, f"(?i:{data.hex()})"])


def compact(text: str) -> Compact:
    """Put together what stands in several lines."""
    parts: list[str] = []
    places: list[int] = []
    done = 0
    for match in _BREAK.finditer(text):
        parts.append(text[done : match.start()])
        places += range(done, match.start())
        done = match.end()
    return Compact("".join([*parts, text[done:]]), [*places, *range(done, len(text))])


def cores_of(secret: str) -> tuple[str, ...]:
    """Return texts of which a text with the secret, not encoded, has one; none where any may."""
    run = max(_RUN.findall(secret), key=len, default="")
    if len(run) < 3:
        return ()
    if len(secret) < SHORT:
        return (run,)
    size = min(_CORE, max(3, len(run) // 2))
    number = min(_MOST_CORES, max(2, len(run) // size))
    starts = [i * (len(run) - size) // (number - 1) for i in range(number)]
    return tuple(dict.fromkeys(run[start : start + size] for start in starts))


def encoded_cores(secret: str) -> tuple[str, ...]:
    """Return texts of which a text with the secret, encoded, has one."""
    if len(secret) < SHORT:
        return tuple(_whole_encodings(secret))
    cores = [core for form in encoded_forms(secret) for core in _cores_of_encoded(form)]
    return tuple(dict.fromkeys(cores))


def encoded_forms(secret: str) -> tuple[str, ...]:
    """Return what a secret is in base64, at any place, in hexadecimal, and encoded otherwise."""
    data = _bytes(secret)
    return (*base64_parts(data), data.hex(), data.hex().upper(), *oddly_encoded_forms(secret))


def bytes_of(secret: str) -> tuple[bytes, ...]:
    """Return what a secret is in the bytes of a file: in UTF-8 and UTF-16, in base64 and hex."""
    data = _bytes(secret)
    wide = secret.encode("utf-16-le", errors="surrogatepass")
    return (data, wide, wide[1:-1], *(form.encode() for form in encoded_forms(secret)))


def _bytes(secret: str) -> bytes:
    return secret.encode(errors="surrogatepass")


def _whole_encodings(secret: str) -> list[str]:
    """Return the encodings of a short secret alone; of a very short one they are common words."""
    data = _bytes(secret)
    if len(data) < 4:
        return []
    digits = data.hex()
    plain = base64.b64encode(data).decode().rstrip("=")
    return [plain] if digits.isdigit() else [plain, digits, digits.upper()]


def _cores_of_encoded(form: str) -> list[str]:
    """Return a run of letters and digits from each half, of a long one from each quarter."""
    size = -(-len(form) // (2 if len(form) < 100 else 4))
    parts = [form[i : i + size] for i in range(0, len(form), size)]
    runs = [max(_RUN.findall(part), key=len, default="") for part in parts]
    return [run[: _CORE + 2] for run in runs if len(run) >= 3]


def _apart(text: str) -> str:
    return rf"(?<![A-Za-z0-9+/_-]){re.escape(text)}={{0,2}}(?![A-Za-z0-9+/=_-])"


def _base64_character(character: str) -> str:
    """Return a pattern for a character in either alphabet of base64."""
    ways = {"+": r"(?:\+|-|%2[Bb])", "/": r"(?:\\?/|_|%2[Ff])"}
    return ways.get(character) or re.escape(character)


def _character(part: str) -> str:
    """Return a pattern for a character, or a run of backslashes, in languages and formats."""
    if part.startswith("\\"):
        return rf"(?:\\{{{len(part)},}}|(?:%(?:25)*5[Cc]|&\#92;|&\#[xX]5[Cc];){{{len(part)}}})"
    if part.isascii() and part.isalnum():
        return part
    code, units = ord(part), part.encode("utf-16-be", errors="surrogatepass")
    ways = [
        rf"\\*{re.escape(part)}",
        rf"&\#0*{code};",
        rf"&\#[xX]0*{_any_case(f'{code:x}')};",
        "".join(f"%(?:25)*{_any_case(f'{byte:02x}')}" for byte in _bytes(part)),
        "".join(rf"\\+x{_any_case(f'{byte:02x}')}" for byte in _bytes(part)),
        "".join(rf"\\+u{_any_case(units[i : i + 2].hex())}" for i in range(0, len(units), 2)),
        rf"\\+U{_any_case(f'{code:08x}')}",
        *_MORE.get(part, ()),
    ]
    if code < 0x100:
        ways.append(rf"\\+x{_any_case(f'{code:02x}')}")
    if part in _ENTITIES:
        ways.append(f"&(?:amp;)*{_ENTITIES[part]}")
    return f"(?:{'|'.join(ways)})"


def _any_case(digits: str) -> str:
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in digits)
