"""A real web server on this machine, whose faults a test sets."""

from __future__ import annotations

import hashlib
import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

CONTENT = bytes(range(256)) * 4096
"""One megabyte."""


class Mirror(http.server.ThreadingHTTPServer):
    """Serves ``files``; every fault is off at first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = {"weights.bin": CONTENT}
        self.etag = '"one"'
        self.changed = ""
        """Last-Modified."""
        self.ranges = True
        self.offset = 0
        """Bytes by which ranges are answered wrongly."""
        self.cuts: list[int] = []
        """Bytes after which each of the next answers is cut off."""
        self.statuses: list[int] = []
        """Answers to the next requests for files; the last one stays."""
        self.type = "application/data"
        self.encoding = ""
        self.heads = True
        self.pause = 0.0
        """Seconds before each 64 KiB."""
        self.goes_on = threading.Event()
        """While it is not set, nothing comes after the first piece of a file."""
        self.goes_on.set()
        self.asked: list[tuple[str, str, str]] = []
        """Method, file and range."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that are gone."""

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def ranges_asked(self) -> list[str]:
        return [wanted for method, _, wanted in self.asked if method == "GET"]

    def publish_sums(self) -> None:
        lines = [f"{hashlib.sha256(c).hexdigest()}  {n}" for n, c in self.files.items()]
        self.files["SHA256SUMS"] = "\n".join(lines).encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Mirror
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        if self.server.heads:
            self._answer(body=False)
        else:
            self._refuse(405)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        server, wanted = self.server, self.headers.get("Range", "")
        name = self.path.lstrip("/")
        server.asked.append((self.command, name, wanted))
        content, status = server.files.get(name), self._status()
        if content is None or status:
            self._refuse(status or 404)
            return
        start = int(wanted[6:].rstrip("-")) if wanted and self._may_range() else 0
        if start >= len(content) > 0:
            self._refuse(416, {"Content-Range": f"bytes */{len(content)}"})
            return
        start = max(0, start - server.offset)
        whole = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._head(206 if start else 200, len(content) - start, whole if start else "")
        if body:
            self._send(content[start:])

    def _status(self) -> int:
        statuses = self.server.statuses
        return (statuses.pop(0) if len(statuses) > 1 else statuses[0]) if statuses else 0

    def _may_range(self) -> bool:
        version = self.server.etag or self.server.changed
        return self.server.ranges and self.headers.get("If-Range", version) == version

    def _refuse(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0" if self.command == "HEAD" else "5")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"sorry")

    def _head(self, status: int, length: int, whole: str) -> None:
        server = self.server
        self.send_response(status)
        fields = {"Content-Type": server.type, "Content-Length": str(length), "ETag": server.etag,
                  "Last-Modified": server.changed, "Content-Encoding": server.encoding,
                  "Content-Range": whole}  # fmt: skip
        for name, value in fields.items():
            if value:
                self.send_header(name, value)
        self.end_headers()

    def _send(self, content: bytes) -> None:
        cut = self.server.cuts.pop(0) if self.server.cuts else 0
        for place in range(0, len(content), 65536):
            if cut and place >= cut:
                self.close_connection = True
                self.connection.close()
                return
            time.sleep(self.server.pause)
            if place:
                self.server.goes_on.wait()
            self.wfile.write(content[place : place + 65536])


@contextmanager
def serving(server: http.server.ThreadingHTTPServer) -> Iterator[None]:
    """Serve in a thread for as long as the block lasts."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        if isinstance(server, Mirror):
            server.goes_on.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
