"""httpx requests out of calls.

Knows no key: that is added when a request is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from proofbook_subjects.apis.client.backends.base import Backend
from proofbook_subjects.apis.client.diagnosis import Target
from proofbook_subjects.apis.client.errors import SetupError
from proofbook_subjects.apis.client.exchange import Call
from proofbook_subjects.apis.client.proxies import find_proxy, without_password
from proofbook_subjects.apis.client.settings import Timeout

__all__ = ["RequestBuilder"]

_AGENT = "proofbook-api-client"
_KEPT = 64
"""URLs that are kept parsed: chats go to the same one again and again."""


class RequestBuilder:
    """Builds requests below one base URL."""

    def __init__(
        self, backend: Backend, base_url: str, headers: Mapping[str, str], *, trust_env: bool
    ) -> None:
        self._base = backend.base_url(_checked(base_url, backend))
        self._shown = without_password(self._base)
        self.host = httpx.URL(self._shown).netloc.decode("ascii", "replace")
        self._proxy = find_proxy(self._base) if trust_env else None
        self._headers = {
            "Accept": "*/*",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": _AGENT,
            **backend.headers,
            **headers,
        }
        self._urls: dict[str, httpx.URL] = {}

    @property
    def base_url(self) -> str:
        """The base, without user and password."""
        return self._shown

    def target(self, call: Call) -> Target:
        """Return where a call goes, for messages."""
        return Target(self._shown + call.path, self._proxy)

    def build(self, call: Call, timeout: Timeout, *, stream: bool) -> httpx.Request:
        """Return the request."""
        headers = {**self._headers, **call.headers}
        content = call.content
        if call.body is not None:
            content = json.dumps(call.body, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        if stream:
            headers["Accept"] = "text/event-stream, application/x-ndjson, application/json"
        limits = {"connect": timeout.connect, "read": timeout.read, "write": timeout.read}
        return httpx.Request(
            call.method,
            self._url(call),
            headers=headers,
            content=content,
            extensions={"timeout": {**limits, "pool": None}},
        )

    def _url(self, call: Call) -> httpx.URL:
        if call.query:
            return httpx.URL(self._base + call.path, params=dict(call.query))
        url = self._urls.get(call.path)
        if url is None:
            url = httpx.URL(self._base + call.path)
            if len(self._urls) < _KEPT:
                self._urls[call.path] = url
        return url


def _checked(url: str, backend: Backend) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
        sound = sound and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound:
        raise SetupError(
            f"base_url {without_password(url)!r} is no URL with http:// or https:// and a host; "
            f"for {backend.title} it looks like {backend.url_form}"
        )
    return url
