"""Keep secrets out of everything written: find their values, and replace them in texts.

A secret is the value of an environment variable whose name says so (``HF_TOKEN``,
``OPENAI_API_KEY``, …). Knows nothing about where texts come from or go to.
"""

from __future__ import annotations

import functools
import html
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Redactor", "is_secret_name"]

_NAME = re.compile(
    r"(?:^|_)(?:TOKENS?|SECRETS?|PASSWORDS?|PASSWD|PASSPHRASE|CREDENTIALS?|API_?KEYS?"
    r"|ACCESS_KEY(?:_ID)?|PRIVATE_KEY|AUTH)(?:$|_)",
    re.IGNORECASE,
)
# "auto", "true", a port: too short to be a secret, and replacing them would garble every text.
_SHORTEST = 8
# Settings of libraries whose names look like secrets and whose values are not.
_PLAIN = frozenset({"TOKENIZERS_PARALLELISM", "MAX_TOKENS", "SSH_AUTH_SOCK"})


def is_secret_name(name: str) -> bool:
    """Say whether a variable or parameter of this name holds a secret."""
    upper = name.upper()
    return upper not in _PLAIN and not upper.endswith("_TOKENS") and bool(_NAME.search(name))


@dataclass(frozen=True)
class Redactor:
    """Replaces each secret's value by ``[redacted:NAME]``."""

    values: Mapping[str, str] = field(repr=False)
    """Value to name."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Redactor:
        """Collect the secrets of an environment (default: this process's)."""
        source = os.environ if environment is None else environment
        found = {
            value: name
            for name, value in source.items()
            if is_secret_name(name) and len(value) >= _SHORTEST
        }
        # The longest first, so that a secret that contains another is replaced whole.
        ordered = sorted(found.items(), key=lambda item: -len(item[0]))
        return cls(dict(ordered))

    def __call__(self, text: str) -> str:
        """Return ``text`` without any secret, plain or JSON-escaped."""
        for value, name in self.values.items():
            for form in _forms(value):
                text = text.replace(form, f"[redacted:{name}]")
        return text


@functools.lru_cache(maxsize=256)
def _forms(value: str) -> list[str]:
    """Return the ways a value can stand in a text: plain, in Python, HTML or JSON, and in JSON."""
    plain = {value, repr(value)[1:-1], html.escape(value), *_in_json(value)}
    forms = plain | {form for text in plain for form in _in_json(text)}
    return sorted(forms, key=len, reverse=True)


def _in_json(text: str) -> tuple[str, str]:
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]
