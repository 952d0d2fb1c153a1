"""Pass calls through to a real server: the bytes of both sides as they are, when they come.

A fault that is made of the right answer gets that answer in parts instead. Of a request to another
machine the Host header alone is changed: services are told apart by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import h11

from proofbook_subjects.apis.faulty.answers import Answer, Asked
from proofbook_subjects.apis.faulty.calls import Call
from proofbook_subjects.apis.faulty.wire import Wire

__all__ = ["Upstream"]

_READ = 1 << 16
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_HOST = re.compile(rb"(?im)^host:[^\r\n]*")
_HOP = {"transfer-encoding", "content-length", "connection", "keep-alive"}


class Upstream:
    """The server behind, as one connection of a client sees it."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._tls = ssl.create_default_context() if address.scheme == "https" else None
        self._host = address.hostname or "127.0.0.1"
        self._port = address.port or (443 if self._tls else 80)
        self._name = "" if self._host in _LOOPBACK else address.netloc.rpartition("@")[2]
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def close(self) -> None:
        """Close the connection to the server behind."""
        if self._ends is not None:
            self._ends[1].close()
            self._ends = None

    async def forward(self, asked: Asked, wire: Wire, call: Call) -> None:
        """Send the request's bytes on, and the answer's bytes back as they come."""
        parser = await self._send(asked)
        while True:
            data, events = await self._receive(parser)
            is_last = any(isinstance(event, h11.EndOfMessage) for event in events) or not data
            for event in events:
                if isinstance(event, h11.Response):
                    call.status = event.status_code
                    call.streamed = call.streamed or _is_stream(event)
                elif isinstance(event, h11.Data):
                    call.parts += 1
            if is_last:
                call.leave()
            if data:
                await wire.write(data)
            if is_last:
                if parser.their_state is not h11.DONE:
                    self.close()
                    await wire.close()
                return

    async def answer(self, asked: Asked) -> Answer:
        """Return the answer of the server behind, its body in the parts that come."""
        parser = await self._send(asked)
        waiting: list[h11.Event] = []
        while not any(isinstance(event, h11.Response) for event in waiting):
            data, events = await self._receive(parser)
            waiting += events
            if not data:
                raise ConnectionError("the server behind gave no answer")
        response = next(event for event in waiting if isinstance(event, h11.Response))
        headers = [(n.decode(), v.decode("latin-1")) for n, v in response.headers]

        async def parts() -> AsyncIterator[bytes]:
            events, open_ = waiting, True
            while open_:
                for event in events:
                    if isinstance(event, h11.Data):
                        yield bytes(event.data)
                open_ = not any(isinstance(event, h11.EndOfMessage) for event in events)
                if open_:
                    data, events = await self._receive(parser)
                    open_ = bool(data)
            self.close()

        kept = [(name, value) for name, value in headers if name.lower() not in _HOP]
        return Answer(
            status=response.status_code, headers=kept, parts=parts(), streamed=_is_stream(response)
        )

    async def _send(self, asked: Asked) -> h11.Connection:
        for is_first in (True, False):
            is_new = self._ends is None
            if self._ends is None:
                self._ends = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
            reader, writer = self._ends
            # A connection that was kept may have been closed by the server behind meanwhile.
            if not is_new and is_first and reader.at_eof():
                self.close()
                continue
            writer.write(_to_host(asked.raw, self._name))
            await writer.drain()
            break
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method=asked.method, target="/", headers=[("Host", "upstream")]))
        parser.send(h11.EndOfMessage())
        return parser

    async def _receive(self, parser: h11.Connection) -> tuple[bytes, list[h11.Event]]:
        assert self._ends is not None
        data = b""
        with contextlib.suppress(ConnectionResetError):
            data = await self._ends[0].read(_READ)
        parser.receive_data(data)
        events: list[h11.Event] = []
        try:
            while True:
                event = parser.next_event()
                if not isinstance(event, h11.Event) or isinstance(event, h11.ConnectionClosed):
                    return data, events
                events.append(event)
        except h11.RemoteProtocolError:
            return data, events


def _to_host(raw: bytes, name: str) -> bytes:
    """Return a request with ``name`` as its Host; an empty name leaves it as it is."""
    if not name:
        return raw
    head, end, body = raw.partition(b"\r\n\r\n")
    return _HOST.sub(b"Host: " + name.encode(), head, count=1) + end + body


def _is_stream(response: h11.Response) -> bool:
    kind = dict(response.headers).get(b"content-type", b"")
    return kind.startswith((b"text/event-stream", b"application/x-ndjson"))
