"""One connection, byte by byte: requests are read whole, answers are written piece by piece.

Nothing here keeps to HTTP by itself, so that whoever answers can break it at any byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterable

import h11

from proofbook_subjects.apis.faulty.answers import Asked

__all__ = ["Wire", "head_bytes", "reason_of"]

_READ = 1 << 16
_SETTLE = 0.05
"""Seconds between the last bytes and a reset, which would overtake them (tcp(7))."""
_LINGER_NOW = struct.pack("ii", 1, 0)
"""``SO_LINGER`` of 0 seconds: closing sends a reset and no FIN (socket(7))."""


class Wire:
    """A connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._early = b""
        """What came after the request that is being answered."""
        self.closed = False
        self.is_stale = False
        """Whether the next request is to be met by a closed connection."""

    async def read(self) -> Asked | None:
        """Return the next request; None where the client closes, or sends what is no request."""
        parser = h11.Connection(h11.SERVER)
        raw, request, body = b"", None, b""
        if self._early:
            raw, self._early = self._early, b""
            parser.receive_data(raw)
        try:
            while True:
                event = parser.next_event()
                if event is h11.NEED_DATA:
                    if parser.they_are_waiting_for_100_continue:
                        await self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    if not (data := await self._reader.read(_READ)):
                        return None
                    raw += data
                    parser.receive_data(data)
                elif isinstance(event, h11.Request):
                    request = event
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    break
                else:
                    return None
        except (h11.RemoteProtocolError, OSError):
            return None
        assert request is not None
        self._early = parser.trailing_data[0]
        raw = raw[: len(raw) - len(self._early)]
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
        return Asked(
            method=request.method.decode(), path=request.target.decode("latin-1").split("?")[0],
            headers=headers, body=body, raw=raw,
        )  # fmt: skip

    async def wait_gone(self) -> None:
        """Return when the client has closed its side."""
        with contextlib.suppress(OSError):
            while data := await self._reader.read(_READ):
                self._early += data  # the next request, before this one was answered

    async def wait_bytes(self) -> bool:
        """Wait until the client sends more, or closes; return whether it has sent something."""
        with contextlib.suppress(OSError):
            self._early += await self._reader.read(_READ)
        return bool(self._early)

    async def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            OSError: The client is gone.
        """
        self._writer.write(data)
        await self._writer.drain()

    async def write_head(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Send the status line and headers."""
        await self.write(head_bytes(status, headers))

    async def write_chunk(self, part: bytes) -> None:
        """Send a part with chunked framing."""
        if part:
            await self.write(b"%x\r\n%s\r\n" % (len(part), part))

    async def reset(self) -> None:
        """End the connection with a TCP reset, after what was sent has arrived."""
        await asyncio.sleep(_SETTLE)
        sock: socket.socket | None = self._writer.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOW)
        self.closed = True
        self._writer.transport.abort()

    async def half_close(self) -> None:
        """Say that nothing more comes, and wait until the client closes."""
        self.closed = True
        with contextlib.suppress(OSError):
            self._writer.write_eof()
            await self.wait_gone()
        self._writer.close()

    async def close(self) -> None:
        """Close the connection in good order."""
        self.closed = True
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def abandon(self) -> None:
        """Close the connection without waiting."""
        self.closed = True
        self._writer.close()


def head_bytes(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return a status line and headers, ready to send."""
    lines = [f"HTTP/1.1 {status} {reason_of(status)}", *(f"{n}: {v}" for n, v in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def reason_of(status: int) -> str:
    """Return the words of a status."""
    import http

    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
