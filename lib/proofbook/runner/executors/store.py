"""A store that all machines of a run reach: contents by their hash, and one outcome per attempt.

It may be anything that fsspec knows: a bucket, a folder that all machines mount. What comes out of
it was received: each content is held against its hash.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proofbook.errors import UsageError
from proofbook.records import Outcome
from proofbook.runner.executors.pieces import Piece
from proofbook.runner.executors.protocol import InfrastructureFault

__all__ = ["Delivery", "Store", "StoredPiece", "ticket_of"]

_INSTALL = "pip install 'proofbook[ray]', and for s3:// 'proofbook[s3]'"
_NOT_SHARED = ("memory", "data", "http", "https")
"""What is no place, or cannot be written."""
_CLOSED = b"closed"


class StoredPiece(BaseModel):
    """A piece whose bytes are in the store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    mode: int
    offset: int = Field(default=0, ge=0)
    link: str = ""
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """Empty where it has no bytes."""


class Delivery(BaseModel):
    """What became of an attempt, and what it has left."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Outcome
    pieces: tuple[StoredPiece, ...]


class Store:
    """A place in a store.

    Args:
        url: As fsspec has it: ``s3://bucket/prefix``, ``file:///mnt/shared``.

    Raises:
        UsageError: Nothing is known that opens it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        protocol, colon, rest = url.partition("://")
        if not colon or not rest.strip("/") or protocol in _NOT_SHARED:
            raise UsageError(
                f"--store {url}: give a place that all machines reach, as s3://bucket/prefix or "
                "file:///mnt/shared"
            )
        try:
            import fsspec

            self._files, base = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise UsageError(f"--store {url}: {error}; {_INSTALL}") from error
        self._base = base.rstrip("/")
        self._is_local = "file" in self._files.protocol
        self._present: set[str] = set()

    def probe(self) -> None:
        """Write a word and read it.

        Raises:
            UsageError: It cannot be written.
        """
        key, word = f"probes/{secrets.token_hex(8)}", secrets.token_bytes(8)
        try:
            self._write(key, word)
            if self._read(key) != word:
                raise UsageError(f"--store {self.url}: it does not return what was written")
            self._files.rm_file(self._path(key))
        except InfrastructureFault as error:
            raise UsageError(f"--store {error}") from error

    def put(self, bundles: Iterable[list[Piece]]) -> tuple[StoredPiece, ...]:
        """Store pieces, each content once; return what finds them again.

        Raises:
            InfrastructureFault: The store cannot be written.
            OSError: A file cannot be read.
        """
        return tuple(self._put(piece) for bundle in bundles for piece in bundle)

    def forget(self) -> None:
        """Look for each content once more when it is stored: one may have been lost or spoilt."""
        self._present.clear()

    def get(self, pieces: Iterable[StoredPiece]) -> Iterator[list[Piece]]:
        """Yield pieces with their bytes, in the order in which they were stored.

        Raises:
            InfrastructureFault: A content is gone, or is not what was stored.
        """
        for piece in pieces:
            data = self._content(piece.sha256) if piece.sha256 else b""
            yield [
                Piece(
                    path=piece.path,
                    mode=piece.mode,
                    offset=piece.offset,
                    link=piece.link,
                    data=np.frombuffer(data, np.uint8),
                )
            ]

    def deliver(self, ticket: str, delivery: Delivery) -> bool:
        """Write down how an attempt has ended; return whether nobody had done so before."""
        return self._create(f"outcomes/{ticket}", delivery.model_dump_json().encode())

    def close(self, ticket: str) -> bool:
        """Accept no outcome of an attempt any more; return whether none was there before."""
        return self._create(f"outcomes/{ticket}", _CLOSED)

    def delivered(self, ticket: str) -> Delivery | None:
        """Return how an attempt has ended; None where it was closed before it did.

        Raises:
            InfrastructureFault: It cannot be read.
        """
        text = self._read(f"outcomes/{ticket}")
        if text == _CLOSED:
            return None
        try:
            return Delivery.model_validate_json(text)
        except ValidationError as error:
            raise InfrastructureFault(f"{self.url}: outcome {ticket} cannot be read") from error

    def _put(self, piece: Piece) -> StoredPiece:
        data = memoryview(piece.data)
        sha256 = hashlib.sha256(data).hexdigest() if len(data) else ""
        if sha256 and sha256 not in self._present:
            if not self._has(sha256, len(data)):
                self._write(f"content/{sha256}", bytes(data))
            self._present.add(sha256)
        return StoredPiece(
            path=piece.path, mode=piece.mode, offset=piece.offset, link=piece.link, sha256=sha256
        )

    def _has(self, sha256: str, size: int) -> bool:
        with self._telling():
            try:
                found = self._files.info(self._path(f"content/{sha256}"))
            except FileNotFoundError:
                return False
        return bool(found.get("size") == size)

    def _content(self, sha256: str) -> bytes:
        data = self._read(f"content/{sha256}")
        if hashlib.sha256(data).hexdigest() != sha256:
            with self._telling():
                self._files.rm_file(
                    self._path(f"content/{sha256}")
                )  # whoever has it stores it anew
            raise InfrastructureFault(f"{self.url}: {sha256} has other bytes than were stored")
        return data

    def _write(self, key: str, data: bytes) -> None:
        """Write a file that is there whole or not at all, as those of a bucket are."""
        path = self._path(key)
        with self._telling():
            if not self._is_local:
                self._files.pipe_file(path, data)
                return
            beside = f"{path}.{secrets.token_hex(6)}"
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(beside, data)
            self._files.mv(beside, path)

    def _create(self, key: str, data: bytes) -> bool:
        path = self._path(key)
        with self._telling():
            if self._is_local:
                return self._link(path, data)
            try:
                self._files.pipe_file(path, data, mode="create")
            except FileExistsError:
                return False
        return True

    def _link(self, path: str, data: bytes) -> bool:
        """Create a file whole: a link to one that is written already fails where there is one."""
        beside = f"{path}.{secrets.token_hex(6)}"
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(beside, data)
        try:
            os.link(beside, path)
        except FileExistsError:
            return False
        finally:
            self._files.rm_file(beside)
        return True

    def _read(self, key: str) -> bytes:
        with self._telling():
            data: bytes = self._files.cat_file(self._path(key))
        return data

    def _path(self, key: str) -> str:
        return f"{self._base}/{key}"

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn what a store may raise into a fault of the way between machines."""
        try:
            yield
        except (FileExistsError, InfrastructureFault):
            raise
        except Exception as error:  # each store has a tree of its own
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InfrastructureFault(f"{self.url}: {reason}") from error


def ticket_of(run_id: str, job: str, attempt: int) -> str:
    """Return a name for one attempt that no other has, of a resumed run neither."""
    return f"{run_id}/{job}/{attempt}-{secrets.token_hex(8)}"
