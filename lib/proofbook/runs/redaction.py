"""Keep secrets out of everything written: find their values, and replace them.

A secret is the value of an environment variable whose name says so (``HF_TOKEN``,
``OPENAI_API_KEY``, ``PGPASSWORD``, …), or the password in an address. Knows nothing about where
texts come from or go to.
"""

from __future__ import annotations

import functools
import html
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Redactor", "is_secret_name"]

_NAME = re.compile(
    r"(?:^|_)(?:TOKENS?|SECRETS?|CREDENTIALS?|AUTH)(?:$|_)|PASSWORD|PASSWD|PASSPHRASE|SSHPASS"
    r"|(?:^|_)API_?KEYS?(?:$|_)|ACCESS_KEY|PRIVATE_KEY|._(?:KEY|PAT|PWD|PASS)$",
    re.IGNORECASE,
)
_PASSWORD_IN_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://[^/@:\s]*:([^/@\s]{6,})@", re.IGNORECASE)
# "auto", "true", a port: too short to be a secret, and replacing them would garble every text.
_SHORTEST = 8
# Settings of libraries whose names look like secrets and whose values are not.
_PLAIN = frozenset({"TOKENIZERS_PARALLELISM", "SSH_AUTH_SOCK"})
# Values that say what a record is: never a person's text, and without them it cannot be read.
_STRUCTURE = frozenset(
    {"better", "cell_type", "commit", "ended", "end_time", "id", "job", "kind", "media_kind"}
    | {"media_type", "output_type", "profile", "run_id", "runbook", "schema_version", "sha256"}
    | {"started", "start_time", "status", "suffix", "time", "verdict"}
)
_WORD = re.compile(r"[a-z][a-z0-9_./+-]*")


def is_secret_name(name: str) -> bool:
    """Say whether a variable or parameter of this name holds a secret."""
    upper = name.upper()
    counted = upper.endswith("_TOKENS")
    return upper not in _PLAIN and not counted and bool(_NAME.search(name))


@dataclass(frozen=True)
class Redactor:
    """Replaces each secret's value by ``[redacted:NAME]``."""

    values: Mapping[str, str] = field(repr=False)
    """Value to name."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Redactor:
        """Collect the secrets of an environment (default: this process's)."""
        source = os.environ if environment is None else environment
        names = {value: name for name, text in source.items() for value in _secrets(name, text)}
        # The longest first, so that a secret that contains another is replaced whole.
        return cls(dict(sorted(names.items(), key=lambda item: -len(item[0]))))

    def __call__(self, text: str) -> str:
        """Return ``text`` without any secret, plain or escaped."""
        for value, name in self.values.items():
            for form in _forms(value):
                text = text.replace(form, f"[redacted:{name}]")
        return text

    def walk(self, value: Any) -> Any:
        """Return a JSON value with every text in it redacted; what it is, stays readable."""
        if not self.values:
            return value
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {self._key(k): v if k in _STRUCTURE else self.walk(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.walk(item) for item in value]
        return value

    def _key(self, key: str) -> str:
        return key if _WORD.fullmatch(key) else self(key)


def _secrets(name: str, text: str) -> Iterator[str]:
    """Yield what must not be written of one variable; of a long key, each line as well."""
    if is_secret_name(name):
        lines = text.splitlines() if "\n" in text else []
        yield from (part for part in (text, *lines) if len(part) >= _SHORTEST)
    if address := _PASSWORD_IN_ADDRESS.match(text):
        yield address[1]


@functools.lru_cache(maxsize=256)
def _forms(value: str) -> list[str]:
    """Return the ways a value can stand in a text: plain, in Python, HTML or JSON, and in JSON."""
    plain = {value, repr(value)[1:-1], html.escape(value), *_in_json(value)}
    forms = plain | {form for text in plain for form in _in_json(text)}
    return sorted(forms, key=len, reverse=True)


def _in_json(text: str) -> tuple[str, str]:
    return json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]
