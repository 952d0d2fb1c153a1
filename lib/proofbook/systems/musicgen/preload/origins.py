"""Where models come from: a local folder, a mirror, the hub; each lists files and reads them.

A mirror is a web address under which the files lie, with ``SHA256SUMS`` beside them if its owner
is kind; without it the usual names are asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol
from urllib.parse import quote

import httpx

from proofbook.errors import SubjectError

__all__ = ["FolderOrigin", "MirrorOrigin", "Origin", "RemoteFile", "Stream"]

_CHUNK = 2**20
_SUMS = "SHA256SUMS"
_SUM_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")
_INDEX = "model.safetensors.index.json"
_USUAL = (
    "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "spiece.model",
    "model.safetensors", _INDEX, "state_dict.bin", "compression_state_dict.bin",
    "t5/config.json", "t5/model.safetensors", "t5/tokenizer.json", "t5/tokenizer_config.json",
    "t5/spiece.model",
)  # fmt: skip
_SKIPPED = re.compile(r"(^|/)\.|manifest\.sha256\.json$|\.(part|incomplete|lock)$")


class RemoteFile(NamedTuple):
    """A file that an origin has."""

    path: str
    """Relative, with forward slashes."""
    size: int | None
    """Bytes, where that is known before it is read."""
    sha256: str
    """Empty where the origin does not tell."""


class Stream(NamedTuple):
    """An open file of an origin."""

    start: int
    """Byte that the first chunk begins with: what was asked for, or 0 if it begins anew."""
    size: int | None
    """Bytes of the whole file."""
    version: str
    """What tells this version of the file from another."""
    chunks: Iterator[bytes]


class Origin(Protocol):
    """Lists files and reads them from any byte on."""

    @property
    def name(self) -> str:
        """What to call it in a message."""

    def files(self) -> list[RemoteFile]:
        """Return what there is."""

    def open(self, path: str, start: int, version: str) -> AbstractContextManager[Stream]:
        """Open a file from ``start`` on, if it still is of ``version``."""


@dataclass(frozen=True, kw_only=True)
class FolderOrigin:
    """A folder on this machine."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.folder)

    def files(self) -> list[RemoteFile]:
        """Return all files but hidden and unfinished ones."""
        found = sorted(p for p in self.folder.rglob("*") if p.is_file())
        named = [(p.relative_to(self.folder).as_posix(), p) for p in found]
        return [
            RemoteFile(name, path.stat().st_size, "")
            for name, path in named
            if not _SKIPPED.search(name)
        ]

    @contextmanager
    def open(self, path: str, start: int, version: str) -> Iterator[Stream]:
        """Open a file; another size or time of change is another version."""
        place = self.folder / path
        stat = place.stat()
        now = f"{stat.st_size}-{stat.st_mtime_ns}"
        begin = start if version == now else 0
        with place.open("rb") as file:
            file.seek(begin)
            chunks = iter(lambda: file.read(_CHUNK), b"")
            yield Stream(begin, stat.st_size, now, chunks)


@dataclass(frozen=True, kw_only=True)
class MirrorOrigin:
    """Files under a web address."""

    base: str
    client: httpx.Client

    @property
    def name(self) -> str:
        """The address."""
        return self.base

    def files(self) -> list[RemoteFile]:
        """Return what ``SHA256SUMS`` names, or else which of the usual files there are.

        Raises:
            SubjectError: The mirror does not answer, or has none of them.
        """
        sums = self._get(_SUMS)
        if sums is not None:
            return [RemoteFile(path, None, digest) for path, digest in _read_sums(sums, self.base)]
        names = list(_USUAL)
        index = self._get(_INDEX)
        if index is not None:
            names += sorted(set(json.loads(index).get("weight_map", {}).values()))
        found = [RemoteFile(name, None, "") for name in names if self._has(name)]
        if not found:
            raise SubjectError(
                f"mirror {self.base} has neither {_SUMS} nor a model's files; check the address"
            )
        return found

    @contextmanager
    def open(self, path: str, start: int, version: str) -> Iterator[Stream]:
        """Open a file, from ``start`` on where the mirror can and still has that version.

        Raises:
            SubjectError: The mirror answers with an error, or with a web page.
        """
        headers = {"Accept-Encoding": "identity"}
        if start and version:
            headers |= {"Range": f"bytes={start}-", "If-Range": version}
        with self.client.stream("GET", self._address(path), headers=headers) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                start = 0
            elif answer.status_code >= 400:
                raise SubjectError(
                    f"{self._address(path)} answers {answer.status_code}; check the mirror"
                )
            if "text/html" in answer.headers.get("content-type", ""):
                raise SubjectError(
                    f"{self._address(path)} is a web page and no file; check the mirror's address"
                )
            yield _stream(answer, start)

    def _address(self, path: str) -> str:
        return f"{self.base.rstrip('/')}/{quote(path)}"

    def _get(self, path: str) -> str | None:
        answer = self._asked("GET", path)
        html = "text/html" in answer.headers.get("content-type", "")
        return None if answer.status_code >= 400 or html else answer.text

    def _has(self, path: str) -> bool:
        answer = self._asked("HEAD", path)
        return answer.status_code < 400 and "text/html" not in answer.headers.get(
            "content-type", ""
        )

    def _asked(self, method: str, path: str) -> httpx.Response:
        try:
            answer = self.client.request(method, self._address(path))
        except httpx.HTTPError as error:
            raise SubjectError(
                f"mirror {self.base} does not answer ({type(error).__name__}: {error}); "
                "check the address and the network"
            ) from error
        if answer.status_code >= 500:
            raise SubjectError(f"mirror {self.base} answers {answer.status_code}; try again later")
        return answer


def _stream(answer: httpx.Response, start: int) -> Stream:
    partial = answer.status_code == httpx.codes.PARTIAL_CONTENT
    length = answer.headers.get("content-length")
    begin = start if partial else 0
    size = int(length) + begin if length else None
    version = answer.headers.get("etag", "")
    strong = version if not version.startswith("W/") else ""
    return Stream(begin, size, strong, answer.iter_raw())


def _read_sums(text: str, base: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        match = _SUM_LINE.fullmatch(line.strip())
        if not line.strip():
            continue
        path = PurePosixPath(match[2].removeprefix("./")) if match else None
        if match is None or path is None or path.is_absolute() or ".." in path.parts:
            raise SubjectError(f"{base}/{_SUMS}, line {number}, is no checksum of a file beside it")
        yield path.as_posix(), match[1].lower()
