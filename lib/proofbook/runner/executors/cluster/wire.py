"""A plain connection between two machines of a run: who is at its other end, and pieces over it.

Ray copies an object several times on its way; a file takes a shorter one here. As what Ray sends,
it can be read on the network.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from proofbook.runner.executors.pieces import Piece
from proofbook.runner.executors.protocol import InfrastructureFault

if TYPE_CHECKING:
    from io import BufferedReader

__all__ = ["KEY_BYTES", "NAME_BYTES", "Wire"]

NAME_BYTES = 16
KEY_BYTES = 32
_NONCE_BYTES = 32
_PROOF_BYTES = hashlib.sha256().digest_size
_LENGTH = struct.Struct("!I")
_LONGEST_HEAD = 2**17
"""Bytes of what a piece says of itself, of which its path and its link are most."""
_LARGEST = 64 * 2**20
"""Bytes of a piece."""
_BUFFER = 2**18
_GREETING_SECONDS = 10.0
_SILENCE_SECONDS = 120.0
"""How long the other end may neither send nor take anything."""
_ALL_WRITTEN = b"+"


class Wire:
    """One end of a connection. Leaving its context closes it."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(_GREETING_SECONDS)
        self._connection = connection
        self._reader = cast("BufferedReader", connection.makefile("rb", _BUFFER))
        self._writer = connection.makefile("wb", _BUFFER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.cut()
        self._reader.close()
        with suppress(OSError):  # what was not sent by now is not missed
            self._writer.close()
        self._connection.close()

    def cut(self) -> None:
        """End what either end waits for; any thread may call it."""
        with suppress(OSError):  # the other end was first
            self._connection.shutdown(socket.SHUT_RDWR)

    def ask(self, name: bytes, key: bytes) -> None:
        """Name the line that this connection is for, and show that this end knows its key.

        Raises:
            OSError: Nobody answers who knows it, too.
        """
        mine = secrets.token_bytes(_NONCE_BYTES)
        self._say(name + mine)
        theirs, proof = self._hear(_NONCE_BYTES), self._hear(_PROOF_BYTES)
        if not hmac.compare_digest(proof, _proof(key, b"run", mine + theirs)):
            raise ConnectionError("who has answered does not know the key")
        self._say(_proof(key, b"machine", theirs + mine))
        self._connection.settimeout(_SILENCE_SECONDS)

    def answer(self, keys: Mapping[bytes, bytes]) -> bytes:
        """Return the name of the line that who has called wants, and knows the key of.

        Args:
            keys: Of all lines, by their names.

        Raises:
            OSError: It is a stranger.
        """
        name, theirs = self._hear(NAME_BYTES), self._hear(_NONCE_BYTES)
        mine = secrets.token_bytes(_NONCE_BYTES)
        key = keys.get(name) or secrets.token_bytes(KEY_BYTES)  # which nobody knows
        self._say(mine + _proof(key, b"run", theirs + mine))
        if not hmac.compare_digest(
            self._hear(_PROOF_BYTES), _proof(key, b"machine", mine + theirs)
        ):
            raise ConnectionError("who has called does not know the key")
        self._connection.settimeout(_SILENCE_SECONDS)
        return name

    def send(self, bundles: Iterable[list[Piece]]) -> None:
        """Send pieces, and wait until all are written.

        Raises:
            InfrastructureFault: The connection is gone, or they could not be written there.
            OSError: A file cannot be read.
        """
        for bundle in bundles:
            with _telling():
                for piece in bundle:
                    self._send(piece)
        with _telling():
            self._say(_LENGTH.pack(0))
            if self._hear(len(_ALL_WRITTEN)) != _ALL_WRITTEN:
                raise InfrastructureFault("what was sent was not written")

    def receive(self) -> Iterator[list[Piece]]:
        """Yield pieces as they come.

        Raises:
            InfrastructureFault: The connection is gone before the last one.
        """
        while True:
            with _telling():
                piece = self._receive()
            if piece is None:
                return
            yield [piece]

    def confirm(self) -> None:
        """Say that all that was received is written.

        Raises:
            InfrastructureFault: The connection is gone.
        """
        with _telling():
            self._say(_ALL_WRITTEN)

    def _send(self, piece: Piece) -> None:
        head = {
            "path": piece.path, "mode": piece.mode, "offset": piece.offset, "link": piece.link,
            "size": int(piece.data.nbytes),
        }  # fmt: skip
        text = json.dumps(head).encode()
        self._writer.write(_LENGTH.pack(len(text)) + text)
        self._writer.write(memoryview(piece.data))

    def _receive(self) -> Piece | None:
        (length,) = _LENGTH.unpack(self._hear(_LENGTH.size))
        if length == 0:
            return None
        if length > _LONGEST_HEAD:
            raise ConnectionError("it sends what no machine of this run would")
        head: dict[str, Any] = json.loads(self._hear(length))
        size = head.pop("size")
        if not 0 <= size <= _LARGEST:
            raise ConnectionError("it sends what no machine of this run would")
        data: Any = np.empty(size, np.uint8)
        if self._reader.readinto(memoryview(data)) != size:  # it waits for all of it
            raise ConnectionError("it ended before its last byte")
        return Piece(**head, data=data)

    def _say(self, data: bytes) -> None:
        self._writer.write(data)
        self._writer.flush()

    def _hear(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) != size:
            raise ConnectionError("it ended before its last byte")
        return data


def _proof(key: bytes, who: bytes, nonces: bytes) -> bytes:
    return hmac.digest(key, who + nonces, "sha256")


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InfrastructureFault(
            f"the connection between its machine and the run: {error}"
        ) from error
