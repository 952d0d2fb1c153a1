"""Small servers in OpenAI's protocol that stand load, or do not."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECONDS = 0.1
"""How long an answer takes."""


class LoadedServer(ThreadingHTTPServer):
    """Says each prompt again; ``defect`` shows itself under load alone."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, defect: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.defect = defect
        self.lock, self.one = threading.Lock(), threading.Lock()
        self.in_flight = self.served = 0
        self.last = ""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @contextlib.contextmanager
    def serving(self) -> Iterator[int]:
        """Count a request, and yield how many are in flight."""
        with self.lock:
            self.in_flight += 1
            self.served += 1
            now = self.in_flight
        try:
            yield now
        finally:
            with self.lock:
                self.in_flight -= 1

    def text_for(self, prompt: str, in_flight: int) -> str:
        """Return what is answered."""
        with self.one if self.defect == "one by one" else contextlib.nullcontext():
            time.sleep(SECONDS)
        said, self.last = prompt, prompt
        if in_flight > 1 and self.defect == "crossed":
            time.sleep(SECONDS)
            said = self.last
        return "" if in_flight > 1 and self.defect == "silent" else said


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LoadedServer

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        """Answer whoever asks whether anything is there."""
        self._send(404, {"error": {"message": "no such path"}})

    def do_POST(self) -> None:
        """Answer a chat."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.serving() as in_flight:
            if self.server.defect == "leaks" and self.server.served > 8:
                time.sleep(60)
            if self.server.defect == "refuses" and in_flight > 2:
                self._send(503, {"error": {"message": "overloaded"}})
                return
            text = self.server.text_for(body["messages"][-1]["content"], in_flight)
            if body.get("stream"):
                self._stream(text.split(" "))
            else:
                self._send(200, _completion(text))

    def _send(self, status: int, document: Any) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, words: list[str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for word in words:
            delta = {"choices": [{"index": 0, "delta": {"content": f"{word} "}}]}
            self.wfile.write(f"data: {json.dumps(delta)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


def _completion(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": len(text.split())},
    }
