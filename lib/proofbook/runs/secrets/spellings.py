"""How a secret may be spelled in a text: as it is, escaped, quoted, encoded, over two lines.

A pattern is made only for a secret that may be in a text. Whether it may, its *cores* tell: short
runs of letters and digits that no escape changes, of which one is left also where a line ends
within the secret. Knows nothing about names.
"""

from __future__ import annotations

import base64
import html.entities
import re
from collections.abc import Iterator

__all__ = ["SHORT", "bytes_of", "cores_of", "encoded_cores", "encoded_forms", "pattern_of"]

SHORT = 8
"""A shorter secret is one only as a word of its own, and on one line."""

_CORE = 6
_RUN = re.compile(r"[A-Za-z0-9]+")
_BREAK = r"(?:[\s\"',+>|]|\\+[nrt]|<br ?/?>){0,12}"
"""What may stand where a long text goes on in the next line, also in Python, JSON and HTML."""
_BREAKING = frozenset(" \t\r\n\"',+>|")
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


def pattern_of(secret: str, *, broken: bool = False) -> str:
    """Return a regular expression for every spelling of a secret.

    Args:
        secret: What must not be written.
        broken: Find it where it goes on in the next line too, which is slower.
    """
    characters = [_character(part) for part in re.findall(r"\\+|[^\\]", secret, re.DOTALL)]
    if len(secret) < SHORT:
        plain = rf"(?<![A-Za-z0-9]){''.join(characters)}(?![A-Za-z0-9])"
        return "|".join([plain, *map(_apart, _whole_encodings(secret))])
    data, between = _bytes(secret), _BREAK if broken else ""
    # Between signs that may stand at a break anyway, a break could be matched in too many ways.
    forms = [(between if sum(c in _BREAKING for c in secret) < 3 else "").join(characters)]
    encoded = [between.join(map(_base64_character, form)) for form in _base64(data)]
    forms += [f"{form}(?:[A-Za-z0-9+/_-]?={{1,2}})?" for form in encoded]
    forms.append(f"(?i:{between.join(data.hex())})")
    return "|".join(forms)


def cores_of(secret: str) -> tuple[str, ...]:
    """Return texts of which a text with the secret, not encoded, has one; none where any may."""
    run = max(_RUN.findall(secret), key=len, default="")
    if len(run) < 3:
        return ()
    size = min(_CORE, max(3, len(run) // 2))
    return (run,) if len(secret) < SHORT else (run[:size], run[-size:])


def encoded_cores(secret: str) -> tuple[str, ...]:
    """Return texts of which a text with the secret in base64 or in hexadecimal has one."""
    if len(secret) < SHORT:
        return tuple(_whole_encodings(secret))
    ends = [end for form in encoded_forms(secret) for end in _ends(form)]
    return tuple(dict.fromkeys(ends))


def encoded_forms(secret: str) -> tuple[str, ...]:
    """Return what a secret is in base64, at any place, and in hexadecimal."""
    data = _bytes(secret)
    return (*_base64(data), data.hex(), data.hex().upper())


def bytes_of(secret: str) -> tuple[bytes, ...]:
    """Return what a secret is in the bytes of a file: in UTF-8 and UTF-16, in base64 and hex."""
    data = _bytes(secret)
    wide = secret.encode("utf-16-le", errors="surrogatepass")
    return (data, wide, wide[1:-1], *(form.encode() for form in encoded_forms(secret)))


def _bytes(secret: str) -> bytes:
    return secret.encode(errors="surrogatepass")


def _base64(data: bytes) -> Iterator[str]:
    """Yield what bytes are in base64, at each place in a group of three, whatever is around."""
    for offset in range(3):
        text = base64.b64encode(bytes(offset) + data).decode()
        yield text[-(-8 * offset // 6) : 8 * (offset + len(data)) // 6]


def _whole_encodings(secret: str) -> list[str]:
    """Return the encodings of a short secret alone; of a very short one they are common words."""
    data = _bytes(secret)
    if len(data) < 4:
        return []
    digits = data.hex()
    plain = base64.b64encode(data).decode().rstrip("=")
    return [plain] if digits.isdigit() else [plain, digits, digits.upper()]


def _ends(form: str) -> list[str]:
    """Return a run of letters and digits from each half of an encoded text."""
    half = len(form) // 2
    runs = [max(_RUN.findall(part), key=len, default="") for part in (form[:half], form[half:])]
    return [run[: _CORE + 2] for run in runs if len(run) >= 3]


def _apart(text: str) -> str:
    return rf"(?<![A-Za-z0-9+/_-]){re.escape(text)}={{0,2}}(?![A-Za-z0-9+/=_-])"


def _base64_character(character: str) -> str:
    """Return a pattern for a character in either alphabet of base64."""
    return {"+": r"(?:\+|-|%2[Bb])", "/": r"(?:\\?/|_|%2[Ff])"}.get(character, character)


def _character(part: str) -> str:
    """Return a pattern for a character, or a run of backslashes, in languages and formats."""
    if part.startswith("\\"):
        return rf"(?:\\{{{len(part)},}}|(?:%5[Cc]|&\#92;|&\#[xX]5[Cc];){{{len(part)}}})"
    if part.isascii() and part.isalnum():
        return part
    code, units = ord(part), part.encode("utf-16-be", errors="surrogatepass")
    ways = [
        rf"\\*{re.escape(part)}",
        rf"&\#0*{code};",
        rf"&\#[xX]0*{_any_case(f'{code:x}')};",
        "".join(f"%{_any_case(f'{byte:02x}')}" for byte in _bytes(part)),
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
