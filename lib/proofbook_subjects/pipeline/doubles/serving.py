"""Serve a double: read a request, log it, check its key, answer it rightly or as planned."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

__all__ = ["Answer", "Asked", "Double", "make_server"]

_CONTROL = "/_double/"
_LARGEST = 200_000_000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes = field(repr=False)

    def fields(self) -> dict[str, Any]:
        """Return what was sent as a query, a form, or JSON."""
        kind = self.headers.get("content-type", "")
        if "json" in kind and self.body:
            try:
                document = json.loads(self.body)
            except ValueError:
                document = {}
            return {**self.query, **(document if isinstance(document, dict) else {})}
        form = dict(parse_qsl(self.body.decode(errors="replace"))) if "form" in kind else {}
        return {**self.query, **form}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer."""

    status: int = 200
    body: Any = field(default_factory=dict)
    """Bytes, or what is sent as JSON."""
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Double(Protocol):
    """What is served."""

    def key_of(self, asked: Asked) -> str:
        """Say whether the key of a request is ``right``, ``wrong``, ``expired`` or ``none``."""

    def refuse(self, key: str) -> Answer:
        """Return the answer to a request without the right key."""

    def is_public(self, asked: Asked) -> bool:
        """Say whether a request needs no valid key."""

    def answer(self, asked: Asked) -> Answer:
        """Return the right answer."""


@dataclass(kw_only=True)
class _Call:
    number: int
    started: float
    method: str
    path: str
    key: str
    body: str
    """Hash of what was sent."""
    status: int = 0


class _State:
    """Calls and plan, shared by all connections."""

    def __init__(self, double: Double) -> None:
        self.double = double
        self.calls: list[_Call] = []
        self.plan: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def begin(self, asked: Asked, key: str) -> tuple[_Call, dict[str, Any]]:
        """Log a call, and return it with what is planned for it."""
        digest = hashlib.sha256(asked.body).hexdigest()[:16]
        with self.lock:
            call = _Call(
                number=len(self.calls) + 1, started=time.monotonic(), method=asked.method,
                path=asked.path, key=key, body=digest,
            )  # fmt: skip
            self.calls.append(call)
            planned = self.plan.pop(0) if self.plan else {}
        return call, planned

    def control(self, asked: Asked) -> Answer:
        """Answer a request to the double itself."""
        with self.lock:
            if asked.path.endswith("/calls"):
                return Answer(body=[asdict(call) for call in self.calls])
            if asked.path.endswith("/reset"):
                self.calls, self.plan = [], []
            elif asked.path.endswith("/plan"):
                self.plan = list(json.loads(asked.body))
            else:
                return Answer(status=404, body={"error": "there are calls, plan and reset"})
        return Answer()


def make_server(double: Double, port: int) -> ThreadingHTTPServer:
    """Return a server on the loopback interface, which is to be served and closed."""
    state = _State(double)

    class Handler(BaseHTTPRequestHandler):
        """Answers the requests of one connection."""

        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: calls are in the log."""

        def _serve(self) -> None:
            asked = self._read()
            answer = _answer(state, asked)
            body = answer.body if isinstance(answer.body, bytes) else _as_json(answer.body)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def _read(self) -> Asked:
            length = min(int(self.headers.get("Content-Length") or 0), _LARGEST)
            target = urlsplit(self.path)
            return Asked(
                method=self.command, path=target.path, query=dict(parse_qsl(target.query)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length),
            )  # fmt: skip

    return _Server(("127.0.0.1", port), Handler)


class _Server(ThreadingHTTPServer):
    """Lets clients go that have gone."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of every error but a closed connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _answer(state: _State, asked: Asked) -> Answer:
    if asked.path == "/health":
        return Answer(body={"status": "ok"})
    if asked.path.startswith(_CONTROL):
        return state.control(asked)
    key = state.double.key_of(asked)
    call, planned = state.begin(asked, key)
    time.sleep(float(planned.get("wait", 0.0)))
    if "status" in planned or "body" in planned:
        answer = Answer(
            status=int(planned.get("status", 200)), body=_bytes(planned.get("body", {})),
            headers=planned.get("headers", {}),
        )  # fmt: skip
    elif key != "right" and not state.double.is_public(asked):
        answer = state.double.refuse(key)
    else:
        answer = state.double.answer(asked)
    call.status = answer.status
    return answer


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else _as_json(body)


def _as_json(body: Any) -> bytes:
    return json.dumps(body).encode()
