"""A small HTTP server on a real socket whose answers are bytes, to be cut, held back or reset."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

HANG = 60.0


@dataclass
class Seen:
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """What it saw, and how many at once."""

    url: str
    seen: list[Seen] = field(default_factory=list)
    in_flight: int = 0
    peak: int = 0


class Wire:
    """The server's end of one request's connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, value: Any, status: int = 200, **headers: str) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        kind = headers.pop("content_type", "application/json")
        await self.send(head(status, kind, headers | {"Content-Length": str(len(body))}) + body)

    async def start_stream(self, kind: str = "text/event-stream", **headers: str) -> None:
        await self.send(head(200, kind, headers | {"Transfer-Encoding": "chunked"}))

    async def chunk(self, data: bytes) -> None:
        await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def end_stream(self) -> None:
        await self.send(b"0\r\n\r\n")

    def reset(self) -> None:
        """Close with RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Handler = Callable[[Wire, Seen, int], Awaitable[None]]
"""Answers the n-th request, from 0."""


def head(status: int, kind: str, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Serve on a free port while the block runs; ``Server.url`` says where."""
    found = Server("")
    tasks: set[asyncio.Task[None]] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while (request := await read_request(reader)) is not None:
                await one(request, writer)
                if writer.is_closing():
                    return
        except ValueError:
            await Wire(writer).answer(b"Invalid HTTP request", 400, content_type="text/plain")
        except (OSError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    async def one(request: Seen, writer: asyncio.StreamWriter) -> None:
        found.seen.append(request)
        found.in_flight += 1
        found.peak = max(found.peak, found.in_flight)
        try:
            await handler(Wire(writer), request, len(found.seen) - 1)
        finally:
            found.in_flight -= 1

    server = await asyncio.start_server(connection, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    found.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield found
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> Seen | None:
    try:
        start = await reader.readexactly(2)
        if start == b"\x16\x03":
            raise ValueError("that is TLS")
        text = (start + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *rest = text.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (r.partition(":") for r in rest)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Seen(method, path, headers, body)


def chat_answer(text: str = "hello you", model: str = "m") -> dict[str, Any]:
    """An answer of OpenAI's chat completions."""
    return {
        "id": "x",
        "object": "chat.completion",
        "model": model,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def chat_event(text: str, finish: str | None = None) -> bytes:
    """An event of its stream."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return event({"object": "chat.completion.chunk", "model": "m", "choices": [choice]})


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
ASK = [{"role": "user", "content": "hello"}]
