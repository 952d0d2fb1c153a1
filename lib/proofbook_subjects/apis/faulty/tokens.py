"""Tell one key from another without keeping either: wherever a call carries it, it is hashed."""

from __future__ import annotations

import hashlib
from urllib.parse import parse_qs, urlsplit

from proofbook_subjects.apis.faulty.answers import Asked

__all__ = ["fingerprint_token"]

_HEADERS = ("x-api-key", "xi-api-key", "x-goog-api-key", "authorization")
_FIELDS = ("access_token", "api_key", "key")


def fingerprint_token(asked: Asked) -> str:
    """Return a hash of a call's key: from a header, the query, a form or JSON; empty for none."""
    token = next((asked.headers[name] for name in _HEADERS if asked.headers.get(name)), "")
    token = token.removeprefix("Bearer ") or _from_query(asked) or _from_body(asked)
    return hashlib.sha256(token.encode()).hexdigest()[:12] if token else ""


def _from_query(asked: Asked) -> str:
    target = asked.raw.split(b"\r\n", 1)[0].split(b" ")[1:2]
    return _first(urlsplit(target[0].decode("latin-1")).query) if target else ""


def _from_body(asked: Asked) -> str:
    if "json" in asked.headers.get("content-type", ""):
        document = asked.document()
        return next((str(document[name]) for name in _FIELDS if document.get(name)), "")
    if "x-www-form-urlencoded" in asked.headers.get("content-type", ""):
        return _first(asked.body.decode("latin-1"))
    return ""


def _first(query: str) -> str:
    fields = parse_qs(query)
    return next((fields[name][0] for name in _FIELDS if name in fields), "")
