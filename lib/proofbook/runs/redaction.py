"""Keep secrets out of everything written: find their values, and replace them.

A secret is what :mod:`proofbook.runs.secrets` finds in the variables of an environment, in every
spelling, or by its form alone. Knows nothing about where texts come from or go to.
"""

from __future__ import annotations

import binascii
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from proofbook.runs.secrets.env_files import read_env_files
from proofbook.runs.secrets.formats import FORMATS, GATES, Span, find_formats
from proofbook.runs.secrets.interleaving import orders
from proofbook.runs.secrets.names import is_secret_name
from proofbook.runs.secrets.odd_spellings import unescaped
from proofbook.runs.secrets.screening import Screen
from proofbook.runs.secrets.secret import Secret
from proofbook.runs.secrets.variables import secrets_of

__all__ = ["Redactor", "is_secret_name"]

_MARK = "[redacted:"
_DERIVED = (
    "_has_coreless",
    "_marks",
    "_names_in_bytes",
    "_screen",
    "_screen_of_bytes",
    "_shortest",
    "_threes",
)
"""What is made of the secrets when it is needed first."""
_LONGEST_BEGINNING = 1024
_SHORTEST_FORM = 8
_SMALL = 1_000_000


class Redactor:
    """Replaces each secret by ``[redacted:NAME]``.

    Args:
        values: Secret values, and the name of each.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._secrets: dict[str, Secret] = {}
        self._variables: dict[str, str] = {}
        self._add(values)

    def __repr__(self) -> str:
        return f"Redactor({', '.join(sorted({s.name for s in self._secrets.values()}))})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Redactor:
        """Collect the secrets of an environment (default: this process's)."""
        redactor = cls({})
        redactor.learn((os.environ if environment is None else environment).items())
        return redactor

    @classmethod
    def of_project(cls, root: Path) -> Redactor:
        """Collect the secrets of this process's environment and of a project's ``.env`` files."""
        redactor = cls.from_environment()
        redactor.learn(read_env_files(root))
        return redactor

    def copy(self) -> Redactor:
        """Return another that knows what this one does, and can learn more."""
        other = Redactor({})
        vars(other).update(vars(self), _variables=dict(self._variables))
        return other

    @property
    def values(self) -> dict[str, str]:
        """The name of each secret value."""
        return {secret.value: secret.name for secret in self._secrets.values()}

    def learn(self, variables: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Take more variables; return the secrets, with their names, that were not known."""
        new = {name: text for name, text in variables if self._variables.get(name) != text}
        self._variables.update(new)
        return self.add(
            {value: name for name, text in new.items() for value in secrets_of(name, text)}
        )

    def add(self, values: Mapping[str, str]) -> dict[str, str]:
        """Take more secrets, and the name of each; return those that were not known."""
        new = {value: name for value, name in values.items() if value not in self._secrets}
        if new:
            self._add(new)
        return new

    def _add(self, values: Mapping[str, str]) -> None:
        known = {**self._secrets, **{v: Secret(v, name) for v, name in values.items()}}
        # The longest first, so that a secret that contains another is replaced whole.
        self._secrets = dict(sorted(known.items(), key=lambda item: -len(item[0])))
        for name in _DERIVED:
            vars(self).pop(name, None)

    @cached_property
    def _shortest(self) -> int:
        return min([_SHORTEST_FORM, *map(len, self._secrets)])

    @cached_property
    def _has_coreless(self) -> bool:
        """Whether there is a secret that no screen tells the presence of."""
        return not all(secret.cores for secret in self._secrets.values())

    @cached_property
    def _screen(self) -> Screen:
        return Screen([*GATES, *(core for s in self._secrets.values() for core in s.cores)])

    @cached_property
    def _threes(self) -> frozenset[str]:
        """Every three characters on which the beginning of a secret may end."""
        forms = [form for secret in self._secrets.values() for form in secret.forms]
        return frozenset(form[i : i + 3] for form in forms for i in range(len(form) - 3))

    @cached_property
    def _names_in_bytes(self) -> dict[str, str]:
        """The name of each secret by what it is in a file, a byte a character."""
        return {
            form.decode("latin-1"): secret.name
            for secret in self._secrets.values()
            for form in secret.in_bytes
        }

    @cached_property
    def _screen_of_bytes(self) -> Screen:
        return Screen(self._names_in_bytes)

    @cached_property
    def _marks(self) -> re.Pattern[str]:
        names = {secret.name for secret in self._secrets.values()} | {f.name for f in FORMATS}
        return re.compile(rf"\[redacted:(?P<name>{'|'.join(map(re.escape, sorted(names)))})\]")

    def __call__(self, text: str) -> str:
        """Return ``text`` without any secret."""
        spans = self._spans(text)
        return _replaced(text, spans) if spans else text

    def identifier(self, text: str) -> str:
        """Return an identifier of ours; a word that somebody has as a password stays in it."""
        return _replaced(text, self._spans(text, strong=True))

    def pieces(self, texts: Sequence[str]) -> list[str]:
        """Return texts without any secret, also where one begins in one and ends in another."""
        if len(texts) == 1:
            return [self(texts[0])]
        spans = self._spans("".join(texts))
        result, begin = [], 0
        for text in texts:
            result.append(_replaced(text, _within(spans, begin, begin + len(text)), begin))
            begin += len(text)
        return result

    def interleaved(self, sources: Sequence[str], texts: Sequence[str]) -> list[str]:
        """Return texts without any secret, also where pieces of other sources are within one."""
        result = list(texts)
        for indices in orders(sources):
            clean = self.pieces([result[index] for index in indices])
            for index, text in zip(indices, clean, strict=True):
                result[index] = text
        return result

    def may_go_on(self, text: str) -> bool:
        """Say whether a text ends as a secret begins, so that the next text may end it."""
        end = text[-_LONGEST_BEGINNING:].replace("\0", "").rstrip()
        if end[-3:] not in self._threes:
            return False
        return any(secret.begins(end) for secret in self._secrets.values())

    def name_in(self, text: str) -> str:
        """Return the name of the first secret in a text; empty where there is none."""
        return next((span.name for span in self._spans(text)), "")

    def name_in_bytes(self, data: bytes) -> str:
        """Return the name of a secret that bytes hold; of those that no bytes are by chance."""
        hits = self._screen_of_bytes.hits(data.decode("latin-1"))
        return self._names_in_bytes[min(hits)] if hits else ""

    @property
    def longest_in_bytes(self) -> int:
        """The most bytes that :meth:`name_in_bytes` looks for."""
        return max(map(len, self._names_in_bytes), default=0)

    def in_base64(self, text: str) -> str:
        """Return a file in base64 as it is, or a mark where a secret is in it."""
        try:
            data = binascii.a2b_base64(text)
        except binascii.Error:
            return self(text)
        if name := self.name_in_bytes(data):
            return f"[redacted:{name}]"
        # Decoding passes over what is not base64: then it is another text that only claims to be.
        is_other = 4 * len(data) < 3 * (len(text) - text.count("\n") - 8)
        return self(text) if is_other or len(text) < _SMALL else text

    def walk(self, value: Any) -> Any:
        """Return a JSON value with every text in it redacted, keys too."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict | Mapping):  # asked in this order, which is much faster
            return self.distinct((self(str(key)), self.walk(item)) for key, item in value.items())
        if isinstance(value, list | tuple):
            return [self.walk(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._number(value)
        return value

    @staticmethod
    def distinct(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        """Return a dict of all pairs, also where two keys have become one."""
        result: dict[str, Any] = {}
        for key, value in pairs:
            number, name = 1, key
            while name in result:
                number += 1
                name = f"{key} ({number})"
            result[name] = value
        return result

    def _number(self, value: float) -> Any:
        secret = self._secrets.get(str(value))
        return f"[redacted:{secret.name}]" if secret else value

    def _spans(self, text: str, *, strong: bool = False) -> list[Span]:
        """Return where the secrets of a text are, in order, none within another."""
        spans = self._spans_of_plain(text, strong=strong)
        # What prints UTF-16 has a NUL beside each letter, and who shows the text leaves it out.
        if "\0" in text and (hidden := self._spans_of_plain(text.replace("\0", ""), strong=strong)):
            letters = [place for place, letter in enumerate(text) if letter != "\0"]
            spans += [Span(letters[s.start], letters[s.end - 1] + 1, s.name) for s in hidden]
        for part in unescaped(text):
            hidden = self._spans_of_plain(part.text, strong=strong)
            places = part.places
            spans += [Span(places[s.start][0], places[s.end - 1][1], s.name) for s in hidden]
        return _apart(spans)

    def _spans_of_plain(self, text: str, *, strong: bool) -> list[Span]:
        if len(text) < self._shortest:
            return []
        hits = self._screen.hits(text)
        if not hits and not self._has_coreless:
            return []
        suspects = [
            secret
            for secret in self._secrets.values()
            if (secret.is_strong or not strong)
            and (not secret.cores or not hits.isdisjoint(secret.cores))
        ]
        spans = [span for secret in suspects for span in secret.find(text)]
        spans += find_formats(text, hits)
        if spans and _MARK in text:
            # A mark stays what it is, also where its name is a secret's value.
            marks = self._marks.finditer(text)
            spans += [Span(*match.span(), match["name"]) for match in marks]
        return _apart(spans)


def _apart(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order; one that begins within another is a part of it."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not result or span.start >= result[-1].end:
            result.append(span)
        elif span.end > result[-1].end:
            result[-1] = result[-1]._replace(end=span.end)
    return result


def _within(spans: Iterable[Span], begin: int, end: int) -> list[Span]:
    """Return the parts of spans between two places; only a first part has a name."""
    return [
        Span(max(span.start, begin), min(span.end, end), span.name if span.start >= begin else "")
        for span in spans
        if span.start < end and span.end > begin
    ]


def _replaced(text: str, spans: Iterable[Span], begin: int = 0) -> str:
    parts, done = [], 0
    for start, end, name in spans:
        parts += [text[done : start - begin], f"[redacted:{name}]" if name else ""]
        done = end - begin
    return "".join([*parts, text[done:]])
