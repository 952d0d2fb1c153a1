"""What of a variable must not be written: its value, and the secrets within it.

The value of ``DATABASE_URL`` is an address with a password in it, that of ``GOOGLE_CREDENTIALS`` a
JSON document with a key in it, that of ``COOKIE`` a list of pairs.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import re
from collections.abc import Iterator
from urllib.parse import unquote

from proofbook.runs.secrets.formats import find_formats
from proofbook.runs.secrets.names import Secrecy, secrecy_of
from proofbook.runs.secrets.values import is_ordinary, is_spelled, looks_random

__all__ = ["secrets_of"]

_SHORTEST = 3
_LONGEST_KEPT = 1_000
"""Characters of a value that is looked at once: every job has nearly the same variables."""
_DEEPEST = 8
_SCHEME = re.compile(r"(?:bearer|basic|token|apikey)\s+(\S+)", re.IGNORECASE)
_PAIR = re.compile(r"([A-Za-z][\w .-]*?)\s*=\s*(\"[^\"]*\"|'[^']*'|[^;\s]+)")
_LOGIN = re.compile(r"[\w.@+-]+:([^\s:/]+)")
_HOLDS_ADDRESSES = re.compile(r"://([^\s/@:\"'<>]*):([^\s\"'<>,]+)@(?=[\w\[])")


def secrets_of(name: str, value: str) -> tuple[str, ...]:
    """Return what must not be written of a variable, parameter or key with this value."""
    return _known_secrets(name, value) if len(value) <= _LONGEST_KEPT else _find(name, value)


@functools.lru_cache(maxsize=1024)
def _known_secrets(name: str, value: str) -> tuple[str, ...]:
    return _find(name, value)


def _find(name: str, value: str) -> tuple[str, ...]:
    found = dict.fromkeys(_secrets(name, value.strip(), 0))
    return tuple(secret for secret in found if len(secret) >= _SHORTEST)


def _secrets(name: str, value: str, depth: int) -> Iterator[str]:
    secrecy = secrecy_of(name)
    if _accepts(secrecy, value):
        yield value
        yield from _lines(value)
    yield from _by_form(value)
    if depth < _DEEPEST:
        yield from _inside(name, secrecy, value, depth + 1)


def _accepts(secrecy: Secrecy, value: str) -> bool:
    if secrecy == "none" or not value or is_ordinary(value):
        return False
    if secrecy == "certain":
        return not re.fullmatch(r"https?://[\w.:-]+(?:/[\w.-]*){0,3}", value)
    if secrecy == "address":
        return looks_random(value) or (
            len(value) >= 8 and not value.isalpha() and not _is_near(value)
        )
    return is_spelled(value) if secrecy == "password" else looks_random(value)


def _is_near(value: str) -> bool:
    """Say whether a value is the address of this machine, with nothing in it to hide."""
    return bool(
        re.match(r"[a-z]+://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?(?:/[a-z-]*)*$", value)
    )


def _lines(value: str) -> Iterator[str]:
    """Yield each line of a key, as it may be printed without the others."""
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= 8 and not line.startswith("-----"))


def _by_form(value: str) -> Iterator[str]:
    """Yield what is a secret by its form, as it is written and without escapes."""
    spans = [value[span.start : span.end] for span in find_formats(value)]
    if "://" in value:
        spans += [
            match[2] for match in _HOLDS_ADDRESSES.finditer(value) if not is_ordinary(match[2])
        ]
    for secret in spans:
        yield secret
        if (plain := unquote(secret)) != secret:
            yield plain


def _inside(name: str, secrecy: Secrecy, value: str, depth: int) -> Iterator[str]:
    if value[:1] in "{[" and value[-1:] in "}]":
        yield from _in_json(name, value, depth)
    if secrecy == "none":
        return
    if match := _SCHEME.fullmatch(value):
        yield match[1]
        yield from _in_basic(match[1])
    elif (match := _LOGIN.fullmatch(value)) and not is_ordinary(match[1]):
        yield match[1]
    for match in _PAIR.finditer(value) if "=" in value else ():
        yield from _in_pair(secrecy, match[1], match[2].strip("\"'"), depth)
    parts = re.split(r"[,;\s]+", value)
    if len(parts) > 1 and len(value) < 10_000:
        yield from (part for part in parts if looks_random(part) and "=" not in part)


def _in_pair(secrecy: Secrecy, key: str, value: str, depth: int) -> Iterator[str]:
    """Yield what a pair hides: under a name of its own, or as what the whole variable is."""
    yield from _secrets(key, value, depth)
    if secrecy == "certain" and looks_random(value):
        yield value


def _in_json(name: str, value: str, depth: int) -> Iterator[str]:
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        return
    for key, text in _texts(name, document):
        yield from _secrets(key, text.strip(), depth)


def _texts(key: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(key, item)
    elif isinstance(value, dict):
        for inner, item in value.items():
            yield from _texts(str(inner), item)


def _in_basic(text: str) -> Iterator[str]:
    """Yield the password of a ``Basic`` header."""
    try:
        login = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    _, colon, password = login.partition(":")
    if colon and not is_ordinary(password):
        yield password
