"""JSON out of bodies, the words of an error in them, and whose JSON it is.

Knows the forms of errors of every backend, and nothing about status codes.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

__all__ = ["Complaint", "find_complaint", "guess_protocol", "looks_like_html", "parse_json"]

_LONGEST = 300
_XML = re.compile(r"<Error>.*?<Code>(?P<code>[^<]*)</Code>(?:.*?<Message>(?P<text>[^<]*)<)?", re.S)
_BUSY = {
    *("overloaded_error", "overloaded", "rate_limit_error", "rate_limit_exceeded"),
    *(
        "api_error",
        "server_error",
        "timeout_error",
        "RESOURCE_EXHAUSTED",
        "UNAVAILABLE",
        "SlowDown",
    ),
}

_SIGNS: list[tuple[str, set[str]]] = [
    ("OpenAI", {"choices", "object"}),
    ("OpenAI", {"data", "object"}),
    ("Anthropic", {"type", "content", "role"}),
    ("Gemini", {"candidates"}),
    ("Ollama", {"model", "created_at", "done"}),
    ("llama.cpp", {"content", "stop"}),
    ("TGI", {"generated_text"}),
    ("KServe v2", {"model_name", "outputs"}),
    ("TensorFlow Serving", {"predictions"}),
    ("Ollama", {"models"}),
]


class Complaint(NamedTuple):
    """What an error's body says."""

    text: str
    code: str
    """The names and numbers that it gives the error, in one text."""

    @property
    def passing(self) -> bool:
        """Whether it may be gone when asked again."""
        words = set(self.code.split())
        return bool(words & _BUSY) or any(re.fullmatch(r"429|5\d\d", word) for word in words)


def parse_json(data: bytes) -> Any:
    """Return the value.

    Raises:
        ValueError: It is no JSON.
    """
    return json.loads(data)


def looks_like_html(data: bytes) -> bool:
    """Say whether a body is a page."""
    start = data[:512].lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def find_complaint(value: Any) -> Complaint | None:
    """Return the error in a body, in any of the forms in use; None where there is none.

    ``value`` is parsed JSON, or the text of an XML body.
    """
    if isinstance(value, str):
        found = _XML.search(value)
        return Complaint(_short(found["text"] or found["code"]), found["code"]) if found else None
    if isinstance(value, list) and len(value) == 1:
        return find_complaint(value[0])
    if not isinstance(value, dict):
        return None
    error = value.get("error")
    if isinstance(error, dict):
        return Complaint(_short(_words(error) or json.dumps(error)), _codes(error))
    if isinstance(error, str) and error:
        said = value.get("message")
        return Complaint(_short(said if isinstance(said, str) else error), _codes(value))
    if value.get("object") == "error" or value.get("type") == "error" or "detail" in value:
        return Complaint(_short(_words(value) or json.dumps(value)), _codes(value))
    return None


def guess_protocol(value: Any) -> str | None:
    """Return whose answer this JSON looks like."""
    keys = set(value) if isinstance(value, dict) else set()
    return next((name for name, signs in _SIGNS if signs <= keys), None)


def _words(error: dict[str, Any]) -> str:
    for name in ("message", "detail", "msg"):
        said = error.get(name)
        if isinstance(said, str) and said:
            return said
        if isinstance(said, list) and said and isinstance(said[0], dict):
            return _words(said[0])
    return ""


def _codes(error: dict[str, Any]) -> str:
    names = ("type", "code", "status", "error_type", "status_code")
    return " ".join(str(error[name]) for name in names if error.get(name) is not None)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
