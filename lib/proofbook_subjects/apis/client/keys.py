"""Keys: from the caller or from the environment, and shown to nobody.

A key is a value of its own type, whose text is nowhere but in the header that it is sent in.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence

import httpx

from proofbook_subjects.apis.client.errors import MissingKeyError, SetupError

__all__ = ["HeaderKey", "Key", "find_key", "redact"]

_SHORTEST = 6
"""Characters; redacting a shorter text would spoil ordinary words."""


class Key:
    """A secret text, and where it is from."""

    __slots__ = ("_text", "source")

    def __init__(self, text: str, source: str) -> None:
        self._text, self.source = text, source

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __repr__(self) -> str:
        return f"<Key from {self.source}>"


class HeaderKey(httpx.Auth):
    """Sends a key in a header."""

    def __init__(self, key: Key, header: str = "Authorization", prefix: str = "Bearer ") -> None:
        self._key, self._header, self._prefix = key, header, prefix

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers[self._header] = self._prefix + self._key.reveal()
        yield request


def find_key(
    given: str | None,
    names: Sequence[str],
    *,
    backend: str,
    required: bool = True,
    environment: Mapping[str, str] | None = None,
) -> Key | None:
    """Return the key that the caller gave, or the first that the environment has.

    Args:
        given: What the caller gave; an empty text is no key.
        names: Variables of the environment, in order.
        backend: Whose key it is, for the message.
        required: Whether there must be one.
        environment: By default that of the process.

    Raises:
        MissingKeyError: There must be one, and there is none.
        SetupError: It has a line break, a space or a letter that no header takes.
    """
    variables = os.environ if environment is None else environment
    found = next((name for name in names if variables.get(name)), None)
    if given:
        key = Key(given, "api_key")
    elif found is not None:
        key = Key(variables[found], found)
    elif required:
        raise MissingKeyError(
            f"{backend} needs a key: set {' or '.join(names)} in the environment, or give api_key"
        )
    else:
        return None
    return _checked(key, backend)


def redact(text: str, keys: Sequence[Key]) -> str:
    """Return ``text`` without the keys, should a server have repeated one."""
    for key in keys:
        if len(key.reveal()) >= _SHORTEST:
            text = text.replace(key.reveal(), "[key]")
    return text


def _checked(key: Key, backend: str) -> Key:
    text = key.reveal()
    if text.isascii() and text.isprintable() and " " not in text:
        return key
    raise SetupError(
        f"the key of {backend} from {key.source} has a space, a line break or a letter beyond "
        "ASCII in it, which no header takes; was it read with its line's end?"
    )
