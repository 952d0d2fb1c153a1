"""A voice and a platform on this machine that answer rightly."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


def tone(length: int) -> bytes:
    samples = b"".join(struct.pack("<h", (n * 100) % 9000 - 4500) for n in range(40 * length))
    size = len(samples)
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, 8000,
                       16000, 2, 16, b"data", size) + samples  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, body: bytes, kind: str = "application/json", status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Voice(_Handler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(tone(len(str(body["text"]))), "audio/wav")


class _Posting(_Handler):
    number = 0
    quota = 3
    expires = 5_000_000

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        type(self).number += 1
        self._send(json.dumps({"id": str(17840 + self.number)}).encode())

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.endswith("/refresh_access_token"):
            type(self).number += 1
            document: object = {"access_token": f"fresh-{self.number}", "token_type": "bearer",
                                "expires_in": 5_183_944}  # fmt: skip
        elif parts.path.endswith("content_publishing_limit"):
            document = {"data": [{"quota_usage": self.quota, "config": {
                "quota_total": 50, "quota_duration": 86400}}]}  # fmt: skip
        else:
            document = {"id": parts.path.rsplit("/", 1)[-1], "permalink": "https://example.org/p/1",
                        "status_code": "FINISHED"}  # fmt: skip
        self._send(json.dumps(document).encode())


@contextmanager
def serving() -> Iterator[dict[str, str]]:
    """Serve both, and yield their addresses."""
    servers = {name: ThreadingHTTPServer(("127.0.0.1", 0), kind)
               for name, kind in (("voice", _Voice), ("posting", _Posting))}  # fmt: skip
    threads = [threading.Thread(target=s.serve_forever, args=(0.05,)) for s in servers.values()]
    for thread in threads:
        thread.start()
    try:
        yield {name: f"http://127.0.0.1:{s.server_port}" for name, s in servers.items()}
    finally:
        for server in servers.values():
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()
