"""A small hub on this machine, as far as huggingface_hub asks it."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
from typing import Any

_COMMIT = "a" * 40


class Hub(http.server.ThreadingHTTPServer):
    """Serves ``repositories``: id to file to content; everything over a hundred bytes is LFS."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        self.lie = ""
        """File of which another checksum is told."""

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._route()

    def do_GET(self) -> None:
        self._route()

    def _route(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(f"{self.command} {path}")
        for pattern, answer in (
            (r"/api/models/(.+?)/tree/[^/]+", self._tree),
            (r"/api/models/(.+?)(?:/revision/[^/]+)?", self._info),
            (r"/(.+?)/resolve/[^/]+/(.+)", self._file),
        ):
            match = re.fullmatch(pattern, path)
            if match and match[1] in self.server.repositories:
                answer(*match.groups())
                return
        self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _info(self, repository: str) -> None:
        files = self.server.repositories[repository]
        siblings = [self._sibling("rfilename", n, c) for n, c in files.items()]
        body = {"id": repository, "sha": _COMMIT, "siblings": siblings, "private": False}
        self._json(body)

    def _tree(self, repository: str) -> None:
        files = self.server.repositories[repository]
        self._json([{"type": "file", **self._sibling("path", n, c)} for n, c in files.items()])

    def _sibling(self, key: str, name: str, content: bytes) -> dict[str, Any]:
        found: dict[str, Any] = {key: name, "size": len(content), "oid": _sha1(content)}
        found["blobId"] = found["oid"]
        if len(content) > 100:
            digest = self._digest(name, content)
            found["lfs"] = {"sha256": digest, "oid": digest, "size": len(content),
                            "pointerSize": 134}  # fmt: skip
        return found

    def _digest(self, name: str, content: bytes) -> str:
        return "0" * 64 if name == self.server.lie else hashlib.sha256(content).hexdigest()

    def _file(self, repository: str, name: str) -> None:
        content = self.server.repositories[repository].get(name)
        if content is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        large = len(content) > 100
        etag = self._digest(name, content) if large else _sha1(content)
        self._send(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": _COMMIT})

    def _json(self, body: object) -> None:
        self._send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
