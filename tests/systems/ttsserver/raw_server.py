"""A server on a socket that answers byte for byte what a test tells it to."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator

Answer = Callable[[str, int], bytes]
"""From a request's path, and how often it has been asked for, to all bytes that are sent."""


def http(body: bytes, kind: str = "application/json", status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


def stream(*events: object) -> bytes:
    """An event stream that ends when its connection does, chunk by chunk."""
    lines = [e if isinstance(e, str) else json.dumps(e) for e in events]
    chunks = [f"data: {line}\n\n".encode() for line in lines]
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + body
    )


@contextlib.contextmanager
def serve(answer: Answer) -> Iterator[str]:
    """Yield the address; each connection carries one request, and is closed after its answer."""
    asked: dict[str, int] = {}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, answer, asked), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, answer: Answer, asked: dict[str, int]) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_talk, args=(connection, answer, asked), daemon=True).start()


def _talk(connection: socket.socket, answer: Answer, asked: dict[str, int]) -> None:
    with connection, contextlib.suppress(OSError):
        request = b""
        while b"\r\n\r\n" not in request:
            part = connection.recv(65536)
            if not part:
                return
            request += part
        path = request.split()[1].decode()
        asked[path] = asked.get(path, 0) + 1
        connection.sendall(answer(path, asked[path]))
