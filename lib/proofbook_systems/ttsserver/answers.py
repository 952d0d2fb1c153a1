"""Read a server's answers: a field of a JSON body, a list, and the speech itself. Sends nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from proofbook_systems.serving.client import ServerError, shorten
from proofbook_systems.ttsserver.contract_files import Answer

__all__ = ["Spoken", "read_field", "read_list", "read_speech"]

_HEADS = {b"RIFF": "wav", b"RF64": "wav", b"fLaC": "flac", b"OggS": "ogg", b"ID3": "mp3"}
_WORDS = {
    "wav": ("wav", "wave"), "flac": ("flac",), "ogg": ("ogg", "opus", "vorbis"),
    "mp3": ("mp3", "mpeg"),
}  # fmt: skip
"""What a content type says of each kind."""
_THIS_MACHINE = {"127.0.0.1", "localhost", "0.0.0.0", "::1"}
_NOT_AUDIO = ("text/", "application/json", "image/", "video/")


@dataclass(frozen=True)
class Spoken:
    """Audio as a server gave it."""

    content: bytes
    content_type: str
    """As the answer says; empty where it does not."""

    @property
    def kind(self) -> str:
        """``wav``, ``flac``, ``ogg``, ``mp3``, as its first bytes say; empty for anything else."""
        known = (kind for head, kind in _HEADS.items() if self.content.startswith(head))
        is_mp3 = self.content[:1] == b"\xff" and self.content[1:2] >= b"\xe0"
        return next(known, "mp3" if is_mp3 else "")

    def write(self, path: Path) -> Path:
        """Write it to ``path``, with the suffix of its format; return where."""
        place = path.with_name(f"{path.stem}.{self.kind or 'wav'}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(self.content)
        return place

    def find_fault(self) -> str:
        """Return why the answer is no audio at all; empty where it may be."""
        if not self.content:
            return "the answer is empty"
        said = self.content_type.lower()
        if self.kind or not any(said.startswith(kind) for kind in _NOT_AUDIO):
            return ""
        begins = shorten(self.content[:300].decode(errors="replace"))
        return f"the answer is {said} instead of audio; it begins {begins!r}"

    def find_wrong_name(self) -> str:
        """Return how the answer's content type contradicts the audio; empty where it does not.

        A type that names no format, as ``application/octet-stream``, contradicts nothing.
        """
        said = self.content_type.lower()
        if self.kind and any(said.startswith(kind) for kind in _NOT_AUDIO):
            return f"a {self.kind} file is called {said}"
        formats = {kind for kind, words in _WORDS.items() if any(word in said for word in words)}
        if self.kind and formats and self.kind not in formats:
            return f"a {self.kind} file is called {said}"
        return ""


def read_field(response: httpx.Response, name: str) -> str:
    """Return a field of a JSON answer as text; ``name`` may be dotted.

    Raises:
        ServerError: It is not there, or is empty.
    """
    value: Any = _json(response)
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None or isinstance(value, dict | list):
        raise _unlike(response, f"{name}: Field required")
    if value == "":
        raise _unlike(response, f"{name}: it is empty")
    return str(value)


def read_list(response: httpx.Response, name: str, needed: str) -> list[dict[str, Any]]:
    """Return the objects in a list of a JSON answer, each of which has the field ``needed``.

    Raises:
        ServerError: It is something else.
    """
    value = _json(response)
    rows = value.get(name) if isinstance(value, dict) else None
    if not isinstance(rows, list):
        raise _unlike(response, f"{name}: Field required")
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or needed not in row:
            raise _unlike(response, f"{name}.{number}.{needed}: Field required")
    return rows


def read_speech(
    response: httpx.Response, answer: Answer, fetch: Callable[[str], httpx.Response]
) -> Spoken:
    """Return the audio of an answer.

    Args:
        response: What the server answered.
        answer: Where the contract says the audio is.
        fetch: Asks the same server for a path.

    Raises:
        ServerError: It is not there.
    """
    if not answer.field:
        return Spoken(response.content, response.headers.get("content-type", ""))
    told = read_field(response, answer.field)
    if answer.form == "url":
        given = urlsplit(told)
        if given.netloc and not _is_same_server(httpx.URL(told), response.request.url):
            raise _unlike(response, f"{answer.field}: {given.netloc} is another server")
        path = f"{given.path}?{given.query}" if given.query else given.path
        fetched = fetch(path if path.startswith("/") else f"/{path}")
        return Spoken(fetched.content, fetched.headers.get("content-type", ""))
    try:
        # Some write it as a data URL.
        return Spoken(base64.b64decode(told.rpartition("base64,")[2], validate=True), "")
    except binascii.Error as error:
        raise _unlike(response, f"{answer.field}: no base64 ({error})") from error


def _is_same_server(told: httpx.URL, own: httpx.URL) -> bool:
    """Say whether an address is the server's own, which may call this machine otherwise."""
    ports = [url.port or {"https": 443}.get(url.scheme, 80) for url in (told, own)]
    hosts = {url.host for url in (told, own)}
    return ports[0] == ports[1] and (len(hosts) == 1 or hosts <= _THIS_MACHINE)


def _json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError as error:
        raise _unlike(response, f"Invalid JSON: {error}") from error


def _unlike(response: httpx.Response, what: str) -> ServerError:
    request = f"{response.request.method} {response.request.url.path}"
    kind = response.headers.get("content-type", "no content type")
    return ServerError(
        f"{request} answers something else than promised ({kind}): {what}; it begins "
        f"{shorten(response.text)!r}",
        status=response.status_code,
    )
