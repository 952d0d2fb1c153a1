"""A mirror: a web address under which a model's files are.

``SHA256SUMS`` lists them where the mirror has one; without it the usual names are asked for.

Knows nothing of where the files go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import httpx

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.preload.checksums import PUBLISHED_FILE, is_inside, parse_published
from proofbook_systems.musicgen.preload.origins import RemoteFile, Stream

__all__ = ["MirrorOrigin", "without_password"]

_INDEX = "model.safetensors.index.json"
_USUAL = (
    "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "spiece.model",
    "model.safetensors", _INDEX, "state_dict.bin", "compression_state_dict.bin",
    "t5/config.json", "t5/model.safetensors", "t5/tokenizer.json", "t5/tokenizer_config.json",
    "t5/spiece.model",
)  # fmt: skip
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_BEYOND = re.compile(r"bytes \*/(\d+)")
_LATER = {429, 500, 502, 503, 504}
"""Answers that may be others in a moment."""


@dataclass(frozen=True, kw_only=True)
class MirrorOrigin:
    """Files under a web address."""

    base: str
    client: httpx.Client
    linked: bool = False

    @property
    def name(self) -> str:
        """The address, without a password."""
        return without_password(self.base)

    def files(self) -> list[RemoteFile]:
        """Return what ``SHA256SUMS`` names, or else which of the usual files there are.

        Raises:
            SubjectError: The mirror does not answer, or lacks what it names, or has nothing.
        """
        sums = self._get(PUBLISHED_FILE)
        if sums is None:
            return self._usual()
        published = parse_published(sums, f"{self.name}/{PUBLISHED_FILE}")
        return [RemoteFile(path, self._size(path), digest) for path, digest in published.items()]

    def local(self, path: str) -> Path | None:
        """Return None: none of it is here."""
        return None

    @contextmanager
    def open(self, path: str, start: int, version: str) -> Iterator[Stream]:
        """Open a file, from ``start`` on where the mirror can and still has that version.

        Raises:
            SubjectError: The mirror refuses, or answers with a web page.
            httpx.HTTPError: The connection fails, or the mirror asks to come back later.
        """
        wanted = {"Range": f"bytes={start}-", "If-Range": version} if start and version else {}
        with self._answer(path, wanted) as answer:
            stream = _stream(answer, start)
            if stream is not None:
                yield stream
                return
        with self._answer(path, {}) as answer:  # the range made no sense to one of the two
            yield Stream(0, _length(answer), _version(answer), answer.iter_raw())

    @contextmanager
    def _answer(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        address = self._address(path)
        asked = {"Accept-Encoding": "identity", **headers}
        with self.client.stream("GET", address, headers=asked) as answer:
            code = answer.status_code
            if code in _LATER:
                raise httpx.HTTPStatusError(
                    f"it answers {code}", request=answer.request, response=answer
                )
            if code >= 400 and code != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise SubjectError(
                    f"{without_password(address)} answers {code}; check the mirror's address, and "
                    "whether it has the file"
                )
            _refuse_other(answer, without_password(address))
            yield answer

    def _usual(self) -> list[RemoteFile]:
        names = dict.fromkeys(_USUAL)
        index = self._get(_INDEX)
        if index is not None:
            names |= dict.fromkeys(self._shards(index))
        files = [RemoteFile(name, self._size(name), "") for name in names if self._has(name)]
        if not files:
            raise SubjectError(
                f"mirror {self.name} has neither {PUBLISHED_FILE} nor a model's files; check the "
                "address"
            )
        return files

    def _shards(self, index: str) -> list[str]:
        try:
            shards = sorted({str(name) for name in json.loads(index)["weight_map"].values()})
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise SubjectError(
                f"{self.name}/{_INDEX} is not a weight index ({error}); tell the mirror's owner"
            ) from error
        outside = [name for name in shards if not is_inside(name)]
        if outside:
            raise SubjectError(f"{self.name}/{_INDEX} names {outside[0]}, which is not next to it")
        return shards

    def _address(self, path: str) -> str:
        return f"{self.base.rstrip('/')}/{quote(path)}"

    def _get(self, path: str) -> str | None:
        answer = self._asked("GET", path)
        return answer.text if answer.status_code < 400 and not _is_page(answer) else None

    def _has(self, path: str) -> bool:
        answer = self._asked("HEAD", path)
        return answer.status_code < 400 and not _is_page(answer)

    def _size(self, path: str) -> int | None:
        answer = self._asked("HEAD", path)
        return _length(answer) if answer.status_code < 400 and not _is_page(answer) else None

    def _asked(self, method: str, path: str) -> httpx.Response:
        """Ask without a body to keep.

        The length of an encoded body would be that of the encoded one.
        """
        try:
            address, headers = self._address(path), {"Accept-Encoding": "identity"}
            answer = self.client.request(method, address, headers=headers)
        except httpx.HTTPError as error:
            raise SubjectError(
                f"mirror {self.name} does not answer ({type(error).__name__}: {error}); "
                "check the address and the network"
            ) from error
        if answer.status_code >= 500:
            raise SubjectError(f"mirror {self.name} answers {answer.status_code}; try again later")
        return answer


def without_password(address: str) -> str:
    """Return an address without the user and password that it may hold."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _stream(answer: httpx.Response, start: int) -> Stream | None:
    """Return what an answer holds; None where it is neither the file nor the rest of it."""
    content_range = answer.headers.get("content-range", "")
    if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        beyond = _BEYOND.fullmatch(content_range)
        if beyond is None or int(beyond[1]) != start:
            return None
        return Stream(start, start, _version(answer), iter(()))  # all had arrived
    if answer.status_code != httpx.codes.PARTIAL_CONTENT:
        return Stream(0, _length(answer), _version(answer), answer.iter_raw())
    part = _RANGE.fullmatch(content_range)
    if part is None or int(part[1]) != start:
        return None
    size = int(part[2]) if part[2] != "*" else None
    return Stream(start, size, _version(answer), answer.iter_raw())


def _refuse_other(answer: httpx.Response, address: str) -> None:
    if _is_page(answer):
        raise SubjectError(f"{address} is a web page and no file; check the mirror's address")
    encoding = answer.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise SubjectError(
            f"{address} comes {encoding}-encoded though asked for as it is; tell the mirror's owner"
        )


def _is_page(answer: httpx.Response) -> bool:
    return answer.status_code < 400 and "text/html" in answer.headers.get("content-type", "")


def _length(answer: httpx.Response) -> int | None:
    length = answer.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


def _version(answer: httpx.Response) -> str:
    """Return the strong ETag, or else the time of change; a weak ETag tells no bytes apart."""
    etag: str = answer.headers.get("etag", "")
    if etag and not etag.startswith("W/"):
        return etag
    changed: str = answer.headers.get("last-modified", "")
    return changed
