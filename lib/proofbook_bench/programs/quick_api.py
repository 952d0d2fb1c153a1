"""``python -m proofbook_bench.programs.quick_api``: chats of OpenAI's form.

Prints its port. Answers at once, or after ``seconds`` of the request's own; a stream's first event
comes after them too. ``GET /seen`` says how many calls there were, and how many at once at most;
``GET /reset`` begins again. On raw sockets, so that what is measured is the client.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

__all__ = ["main"]

_EVENTS = 8
_STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


class _Seen:
    calls = in_flight = peak = 0


def main() -> None:
    """Serve on a free port of the loopback interface until ended."""
    asyncio.run(_serve())


async def _serve() -> None:
    seen = _Seen()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await _answer(reader, writer, seen)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - this is how it answers
    await server.serve_forever()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: _Seen) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    body = await reader.readexactly(_length(head))
    if head.startswith(b"get /reset"):
        seen.calls = seen.peak = 0
    if head.startswith(b"get "):
        _send(writer, {"calls": seen.calls, "peak": seen.peak, "data": []})
        return
    seen.calls += 1
    seen.in_flight += 1
    seen.peak = max(seen.peak, seen.in_flight)
    try:
        async for piece in _chat(json.loads(body)):
            writer.write(piece)
        await writer.drain()
    finally:
        seen.in_flight -= 1


async def _chat(request: dict[str, Any]) -> AsyncIterator[bytes]:
    await asyncio.sleep(request.get("seconds", 0))
    if not request.get("stream"):
        yield _whole(_chosen({"message": {"role": "assistant", "content": "hello you"}}, "stop"))
        return
    yield _STREAM
    for number in range(_EVENTS):
        last = number == _EVENTS - 1
        event = _chosen({"delta": {"content": f"word{number} "}}, "stop" if last else None)
        yield _chunk(b"data: " + json.dumps(event).encode() + b"\n\n")
    yield _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def _chosen(choice: dict[str, Any], reason: str | None) -> dict[str, Any]:
    told = {"index": 0, "finish_reason": reason, **choice}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "quick",
            "choices": [told], "usage": usage}  # fmt: skip


def _length(head: bytes) -> int:
    found = [line for line in head.split(b"\r\n") if line.startswith(b"content-length:")]
    return int(found[0].partition(b":")[2]) if found else 0


def _send(writer: asyncio.StreamWriter, value: Any) -> None:
    writer.write(_whole(value))


def _whole(value: Any) -> bytes:
    body = json.dumps(value).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


if __name__ == "__main__":
    main()
